//! Who works on what: units, teams and their tasks.

use cubecl::prelude::*;

/// A team of units inside a cube, and this unit's place in it.
///
/// On a GPU a team shares what it brought on chip, so its members synchronise through the cube.
/// On a CPU a team is one unit, which needs to wait for nobody.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Team {
    /// Index of the team in its cube.
    pub index: u32,
    /// Index of this unit in its team.
    pub member: u32,
    /// Units in a team.
    #[cube(comptime)]
    pub size: u32,
}

#[cube]
impl Team {
    /// The team that this unit belongs to, if cubes are cut into teams of `size`.
    pub fn of_this_unit(#[comptime] size: u32) -> Team {
        if comptime!(size == 1) {
            Team { index: UNIT_POS, member: 0u32.runtime(), size }
        } else {
            Team { index: UNIT_POS / size, member: UNIT_POS % size, size }
        }
    }

    /// Waits until every unit of the cube is here; free when teams are single units.
    pub fn sync(&self) {
        if comptime!(self.size > 1) {
            sync_cube();
        }
    }
}
