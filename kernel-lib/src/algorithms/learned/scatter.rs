//! From cells to the elements of a table that their indices name.
//!
//! A plane walks a piece of a matrix in order and adds to a table of its own. Several cells may
//! name one element. Where those that the lanes have at a time do not, each lane adds its own;
//! otherwise each element has one lane that adds to it, and every lane is shown all cells in order.
//! Which it is depends on indices alone, so equal inputs give equal bits. On a CPU a plane is one
//! lane.

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
    /// Whether the sub-table is one run of neighbouring dimensions.
    pub one_run: bool,
}

/// Cells that a lane has on their way from memory.
const TOGETHER: usize = 8;

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
            sync_plane();
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
    /// Fills the table that starts at `start`.
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
        if comptime!(lanes > 1) {
            sync_plane();
        }
        let mut base = self.first;
        if comptime!(lanes == 1) {
            while base < self.end {
                let mut value = cells[self.place(base, 0usize)];
                for chunk in 1..self.part.chunks {
                    value += cells[self.place(base, chunk)];
                }
                into[start + self.index::<V>(base, params, config) as usize] += value;
                base += 1;
            }
        } else {
            while base < self.end {
                let mut indices = Array::<u32>::new(TOGETHER);
                let mut values = Array::<f32>::new(TOGETHER);
                // All are asked for before any is waited for.
                #[unroll]
                for nth in 0..TOGETHER {
                    let cell = min(base + nth * lanes + self.lane, self.end - 1);
                    values[nth] = cells[self.place(cell, 0usize)];
                    indices[nth] = self.index::<V>(cell, params, config);
                }
                for chunk in 1..self.part.chunks {
                    #[unroll]
                    for nth in 0..TOGETHER {
                        let cell = min(base + nth * lanes + self.lane, self.end - 1);
                        values[nth] += cells[self.place(cell, chunk)];
                    }
                }
                #[unroll]
                for nth in 0..TOGETHER {
                    let exists = base + nth * lanes + self.lane < self.end;
                    let value = select(exists, values[nth], 0.0f32);
                    self.add_lanes(into, start, indices[nth], value, lanes);
                    // What a lane wrote another may read now.
                    sync_plane();
                }
                base += TOGETHER * lanes;
            }
        }
    }

    /// Adds a cell of each lane. Where indices only rise or only fall from lane to lane, as those of
    /// distances do along a row, no two are the same; where all are, one lane adds the sum.
    fn add_lanes(
        &self,
        into: &mut [f32],
        start: usize,
        index: u32,
        value: f32,
        #[comptime] lanes: usize,
    ) {
        let before = plane_shuffle_up(index, 1u32);
        let first = self.lane == 0;
        if plane_all(first || before < index) || plane_all(first || before > index) {
            into[start + index as usize] += value;
        } else if plane_all(first || before == index) {
            let sum = plane_sum(value);
            if first {
                into[start + index as usize] += sum;
            }
        } else {
            for from in 0..comptime!(lanes as u32).runtime() {
                let index = plane_shuffle(index, from) as usize;
                let value = plane_shuffle(value, from);
                if index % lanes == self.lane {
                    into[start + index] += value;
                }
                sync_plane();
            }
        }
    }

    /// Which element of the sub-table a cell names.
    fn index<V: DeviceVariant>(
        &self,
        cell: usize,
        params: &V::Params,
        #[comptime] config: ScatterConfig,
    ) -> u32 {
        let query = self.part.first_row + cell / self.part.keys;
        let at = self.part.position(self.shape, self.own, query, cell % self.part.keys);
        let place = V::learned_index(at, params, config.site);
        self.table.index(place, config.one_run)
    }

    /// Where a chunk's sum of a cell is.
    fn place(&self, cell: usize, chunk: usize) -> usize {
        (self.own * self.part.chunks + chunk) * self.part.rows * self.part.keys + cell
    }
}
