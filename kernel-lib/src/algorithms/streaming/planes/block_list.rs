//! Which blocks a mask leaves, found on the device by the mask function itself.
//!
//! For each block of rows a list: how many blocks of columns have a cell that is seen, then their
//! indices, each with a mark if not every cell is. Masks that look at neither sequence nor head
//! have one set of lists for all of them. Finding them costs what evaluating the mask once for
//! each pair of positions does; sizes are arguments, so nothing is compiled when they change.

use cubecl::prelude::*;

use crate::algorithms::scores::Cell;
use crate::algorithms::{Group, Shape};
use crate::language::DeviceVariant;

/// What is fixed when the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListConfig {
    /// Rows of a block.
    pub rows: usize,
    /// Columns of a block.
    pub cols: usize,
    /// Rows are keys and columns queries.
    pub transposed: bool,
    /// Planes of a cube.
    pub planes: usize,
}

/// Where lists lie: numbers from one sequence's, one head's and one block's list to the next; 0
/// where they share one.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct ListLayout {
    pub batch: usize,
    pub head: usize,
    pub row: usize,
}

#[cube]
impl ListLayout {
    /// The first number of a list.
    pub fn start(&self, group: Group, row_block: usize) -> usize {
        group.batch * self.batch + group.head * self.head + row_block * self.row
    }
}

/// One list for each cube; `shape` has one sequence or head where all share their lists.
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn list_blocks<V: DeviceVariant>(
    lists: &mut [u32],
    layout: ListLayout,
    shape: Shape,
    groups: Shape,
    params: V::Params,
    #[comptime] config: ListConfig,
) {
    let (rows, cols) = if comptime!(config.transposed) {
        (shape.keys, shape.queries)
    } else {
        (shape.queries, shape.keys)
    };
    let row_blocks = rows.div_ceil(comptime!(config.rows));
    let col_blocks = cols.div_ceil(comptime!(config.cols));
    let row_block = CUBE_POS % row_blocks;
    let index = CUBE_POS / row_blocks;
    let group = Group {
        batch: index / groups.heads,
        head: index % groups.heads,
        kv_head: 0usize.runtime(),
        first_row: 0usize.runtime(),
    };
    let start = layout.start(group, row_block);
    let planes = comptime!(config.planes as u32);
    let plane = UNIT_POS / 32;
    let mut states = Shared::<[u32]>::new_aligned_slice(config.planes, 16usize);

    let mut found = 0usize;
    let mut first = 0usize;
    while first < col_blocks {
        let col_block = first + plane as usize;
        let state = if col_block < col_blocks {
            block_state::<V>(group, shape, row_block, col_block, &params, config)
        } else {
            EMPTY.runtime()
        };
        if UNIT_POS_PLANE == 0 {
            states[plane as usize] = state;
        }
        sync_cube();
        // Every unit counts; the first of each plane writes its plane's.
        let mut mine = found;
        #[unroll]
        for other in 0..planes {
            let taken = select(states[comptime!(other as usize)] == EMPTY, 0usize, 1usize);
            mine += select(other < plane, taken, 0usize);
            found += taken;
        }
        if UNIT_POS_PLANE == 0 && state != EMPTY {
            let mark = select(state == MIXED, 1u32, 0u32);
            lists[start + 1 + mine] = col_block as u32 * 2 + mark;
        }
        sync_cube();
        first += comptime!(config.planes);
    }
    if UNIT_POS == 0 {
        lists[start] = found as u32;
    }
}

/// No cell is seen.
const EMPTY: u32 = 0;
/// Every cell is seen.
const OPEN: u32 = 1;
/// Some are; or some do not exist.
const MIXED: u32 = 2;

/// What is seen of a block, found by a plane.
#[cube]
fn block_state<V: DeviceVariant>(
    group: Group,
    shape: Shape,
    row_block: usize,
    col_block: usize,
    params: &V::Params,
    #[comptime] config: ListConfig,
) -> u32 {
    let cols = comptime!(config.cols as u32);
    let first_row = row_block as u32 * comptime!(config.rows as u32);
    let first_col = col_block as u32 * cols;
    let mut any = false;
    let mut all = true;
    for step in 0..comptime!((config.rows * config.cols / 32) as u32).runtime() {
        let at = step * 32 + UNIT_POS_PLANE;
        let (row, col) = (first_row + at / cols, first_col + at % cols);
        let (query, key) = if comptime!(config.transposed) { (col, row) } else { (row, col) };
        let exists = query < shape.queries as u32 && key < shape.keys as u32;
        let cell = Cell { group, shape, query, key };
        let seen = exists && V::keep(cell.position(), params);
        any = any || seen;
        all = all && seen;
    }
    let some = plane_any(any);
    let every = plane_all(all);
    select(every, OPEN, select(some, MIXED, EMPTY))
}
