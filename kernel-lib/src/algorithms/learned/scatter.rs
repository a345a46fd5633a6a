//! From cells to the elements of a table that their indices name.
//!
//! A plane walks a piece of a matrix in order and adds to a table of its own. Several cells may
//! name one element, so each element has one lane that adds to it, and every lane is shown all
//! cells in order. On a CPU a plane is one lane.

use cubecl::prelude::*;

use super::{Part, SubTable};
use crate::algorithms::Shape;
use crate::language::DeviceVariant;

/// What is fixed when the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScatterConfig {
    /// The site whose gradient it is.
    pub site: usize,
    /// Lanes of a plane.
    pub lanes: usize,
    /// Planes of a cube.
    pub planes: usize,
    /// Elements on chip for the table of a plane; 0 where it stays in memory.
    pub on_chip: usize,
}

/// A plane for each of the `pieces` of the cells of an own group. Writes a table for each:
/// `[groups, pieces, elements of the sub-table]`.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn scatter_cells<V: DeviceVariant>(
    cells: &[f32],
    tables: &mut [f32],
    shape: Shape,
    part: Part,
    table: SubTable,
    pieces: usize,
    params: V::Params,
    #[comptime] config: ScatterConfig,
) {
    let lanes = comptime!(config.lanes);
    let lane = UNIT_POS as usize % lanes;
    let plane = UNIT_POS as usize / lanes;
    let len = (table.outer_len * table.inner_len) as usize;
    let count = part.rows * part.keys;
    let piece = count.div_ceil(pieces);
    let tasks = part.groups * pieces;
    let mut task = CUBE_POS * comptime!(config.planes) + plane;
    while task < tasks {
        let walk = Walk {
            part,
            shape,
            table,
            own: task / pieces,
            first: min(task % pieces * piece, count),
            end: min((task % pieces + 1) * piece, count),
            lane,
        };
        let own_table = task * len;
        if comptime!(config.on_chip > 0) {
            let room = comptime!(config.on_chip);
            let mut chip =
                Shared::<[f32]>::new_aligned_slice(comptime!(config.planes * room), 16usize);
            walk.add::<V>(cells, &mut chip, plane * room, &params, config);
            let mut i = lane;
            while i < len {
                tables[own_table + i] = chip[plane * room + i];
                i += lanes;
            }
        } else {
            walk.add::<V>(cells, tables, own_table, &params, config);
        }
        task += CUBE_COUNT * comptime!(config.planes);
    }
}

/// A piece of the cells of an own group, and a lane that walks it.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Walk {
    part: Part,
    shape: Shape,
    table: SubTable,
    own: usize,
    first: usize,
    end: usize,
    lane: usize,
}

#[cube]
impl Walk {
    /// Fills the table that starts at `start`: an element belongs to the lane that its number
    /// says, which alone touches it.
    fn add<V: DeviceVariant>(
        &self,
        cells: &[f32],
        into: &mut [f32],
        start: usize,
        params: &V::Params,
        #[comptime] config: ScatterConfig,
    ) {
        let lanes = comptime!(config.lanes);
        let len = (self.table.outer_len * self.table.inner_len) as usize;
        let mut i = self.lane;
        while i < len {
            into[start + i] = 0.0f32;
            i += lanes;
        }
        let mut base = self.first;
        while base < self.end {
            let exists = base + self.lane < self.end;
            let cell = min(base + self.lane, self.end - 1);
            let value = select(exists, self.value(cells, cell), 0.0f32);
            let query = self.part.first_row + cell / self.part.keys;
            let at = self.part.position(self.shape, self.own, query, cell % self.part.keys);
            let index = self.table.index(V::learned_index(at, params, config.site));
            if comptime!(lanes == 1) {
                into[start + index as usize] += value;
            } else {
                #[unroll]
                for from in 0..lanes {
                    let from = comptime!(from as u32);
                    let index = plane_shuffle(index, from) as usize;
                    let value = plane_shuffle(value, from);
                    if index % lanes == self.lane {
                        into[start + index] += value;
                    }
                }
            }
            base += lanes;
        }
    }

    /// A cell, summed over the chunks.
    fn value(&self, cells: &[f32], cell: usize) -> f32 {
        let matrix = self.part.rows * self.part.keys;
        let first = self.own * self.part.chunks * matrix + cell;
        let mut sum = 0.0f32.runtime();
        for chunk in 0..self.part.chunks {
            sum += cells[first + chunk * matrix];
        }
        sum
    }
}
