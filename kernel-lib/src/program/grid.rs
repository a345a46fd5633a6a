//! From the number of a program to its rows.

use cubecl::prelude::*;

use super::place::{Geometry, RowBlock};
use crate::tile::team::Team;

/// The programs of a launch: `blocks` for each head of each sequence.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Grid {
    /// How many there are.
    pub programs: usize,
    /// Heads of a sequence.
    pub heads: usize,
    /// Programs that share a head, each with a block of its rows.
    pub blocks: usize,
}

#[cube]
impl Grid {
    /// The first program of the units that this one works with.
    pub fn first(&self, #[comptime] geometry: Geometry) -> usize {
        let team = Team::of_this_unit(geometry.units);
        CUBE_POS * comptime!(geometry.programs as usize) + team.index as usize
    }

    /// From one program of a unit to its next.
    pub fn step(&self, #[comptime] geometry: Geometry) -> usize {
        CUBE_COUNT * comptime!(geometry.programs as usize)
    }

    /// The rows of a program.
    pub fn rows<R: Size>(&self, program: usize, #[comptime] geometry: Geometry) -> RowBlock<R> {
        let team = Team::of_this_unit(geometry.units);
        let group = program / self.blocks;
        let (batch, head) = (group / self.heads, group % self.heads);
        RowBlock::<R>::of_program(batch, head, program % self.blocks, team, geometry)
    }
}
