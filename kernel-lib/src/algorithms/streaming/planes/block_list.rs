//! What a mask leaves of a score matrix, found on the device by the mask function itself.
//!
//! A block of rows meets blocks of columns, and both are cut into sixteens, the tiles of tensor cores.
//! [`find_tiles`] evaluates the mask once for each pair of positions and writes a word for each
//! sixteen rows of a block of rows and each block of columns: a bit for each sixteen columns of
//! which a cell is seen, and one if every cell of the block is. Where memory allows, a word for each
//! lane follows, with a bit for each of its cells in a result: kernels then need not evaluate the
//! mask again, for every head and sequence. [`list_blocks`] lists, for each block of rows, the blocks
//! of columns that have a cell. Masks that look at neither sequence nor
//! head have one set of words and lists for all of them. Sizes are arguments, so nothing is compiled
//! when they change.

use cubecl::prelude::*;

use crate::algorithms::scores::Cell;
use crate::algorithms::{Group, Shape};
use crate::language::DeviceVariant;
use crate::tile::fragment::{COLS, ROWS, lane_col, lane_row};

/// Columns of a block at most: a word has a bit for each sixteen of them, and one more.
pub const MAX_COLS: usize = 16 * ROWS;
/// Columns of a block of which a word has a bit for each cell of a lane, at most.
pub const MAX_BIT_COLS: usize = 4 * ROWS;
/// Every cell exists and is seen.
pub const OPEN: u32 = 1 << 31;
/// Lanes of a plane.
const LANES: usize = 32;

/// What is fixed when the kernels are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListConfig {
    /// Rows of a block: a multiple of sixteen.
    pub rows: usize,
    /// Columns of a block: a multiple of sixteen.
    pub cols: usize,
    /// Rows are keys and columns queries.
    pub transposed: bool,
    /// Planes of a cube.
    pub planes: usize,
    /// Whether lanes have words: `cols` is at most [`MAX_BIT_COLS`] then.
    pub bits: bool,
}

impl ListConfig {
    /// Words of a block.
    pub fn words(&self) -> usize {
        self.rows / ROWS * words_each(self.bits)
    }
}

/// Words of sixteen rows of a block.
pub const fn words_each(bits: bool) -> usize {
    if bits { 1 + LANES } else { 1 }
}

/// Where lists and words lie. A block of rows has how many blocks of columns are listed, room for
/// the indices of all, and the words of all.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct ListLayout {
    /// Numbers from one sequence to the next; 0 where they share.
    pub batch: usize,
    /// The same from one head to the next.
    pub head: usize,
    /// The same from one block of rows to the next.
    pub row: usize,
    /// Blocks of columns.
    pub col_blocks: usize,
}

#[cube]
impl ListLayout {
    /// Where the list of a block of rows starts.
    pub fn start(&self, group: Group, row_block: usize) -> usize {
        group.batch * self.batch + group.head * self.head + row_block * self.row
    }

    /// Where the words of a block start, given its list's start.
    pub fn words(&self, start: usize, col_block: usize, #[comptime] words: usize) -> usize {
        start + 1 + self.col_blocks + col_block * words
    }
}

/// The group of a list's number, where `groups` has one sequence or head if all share their lists.
#[cube]
fn listed_group(index: usize, groups: Shape) -> Group {
    Group {
        batch: index / groups.heads,
        head: index % groups.heads,
        kv_head: 0usize.runtime(),
        first_row: 0usize.runtime(),
    }
}

/// Blocks of rows, `rows` to a block.
#[cube]
fn row_blocks(shape: Shape, #[comptime] config: ListConfig) -> usize {
    let rows = if comptime!(config.transposed) { shape.keys } else { shape.queries };
    rows.div_ceil(comptime!(config.rows))
}

/// A plane for each block.
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn find_tiles<V: DeviceVariant>(
    lists: &mut [u32],
    layout: ListLayout,
    shape: Shape,
    groups: Shape,
    params: V::Params,
    #[comptime] config: ListConfig,
) {
    let planes = comptime!(config.planes);
    let spans = layout.col_blocks.div_ceil(planes);
    let row_blocks = row_blocks(shape, config);
    let row_block = CUBE_POS / spans % row_blocks;
    let group = listed_group(CUBE_POS / (spans * row_blocks), groups);
    let col_block = CUBE_POS % spans * planes + (UNIT_POS / 32) as usize;
    if col_block < layout.col_blocks {
        let start = layout.start(group, row_block);
        let words = layout.words(start, col_block, comptime!(config.words()));
        let first_row = row_block as u32 * comptime!(config.rows as u32);
        let first_col = col_block as u32 * comptime!(config.cols as u32);
        for nth in 0..comptime!((config.rows / ROWS) as u32).runtime() {
            let row = first_row + nth * comptime!(ROWS as u32);
            let (word, cells) = words_of::<V>(group, shape, row, first_col, &params, config);
            let at = words + nth as usize * comptime!(words_each(config.bits));
            if UNIT_POS_PLANE == 0 {
                lists[at] = word;
            }
            if comptime!(config.bits) {
                lists[at + 1 + UNIT_POS_PLANE as usize] = cells;
            }
        }
    }
}

/// What is seen of sixteen rows of a block, and of this lane's cells: eight bits for each sixteen
/// columns, in the order of two results.
#[cube]
fn words_of<V: DeviceVariant>(
    group: Group,
    shape: Shape,
    first_row: u32,
    first_col: u32,
    params: &V::Params,
    #[comptime] config: ListConfig,
) -> (u32, u32) {
    let mut word = 0u32.runtime();
    let mut cells = 0u32.runtime();
    let mut open = 1u32.runtime();
    // Unrolled, so that what the mask makes of a row or column is computed once.
    #[unroll(config.cols <= MAX_BIT_COLS)]
    for sixteen in 0..comptime!((config.cols / ROWS) as u32) {
        let mut seen = 0u32.runtime();
        #[unroll]
        for nth in 0..8u32 {
            let row = first_row + lane_row() + comptime!(nth % 4 / 2 * 8);
            let within = lane_col() + comptime!(nth / 4 * COLS as u32 + nth % 2);
            let col = first_col + sixteen * comptime!(ROWS as u32) + within;
            let (query, key) = if comptime!(config.transposed) { (col, row) } else { (row, col) };
            let cell = Cell { group, shape, query, key };
            let keeps = V::keep(cell.position(), params);
            let exists = query < shape.queries as u32 && key < shape.keys as u32;
            seen |= select(keeps && exists, comptime!(1u32 << nth), 0u32);
        }
        // A mask may branch; the plane votes as one.
        sync_plane();
        word |= select(plane_any(seen != 0), 1u32 << sixteen, 0u32);
        open &= select(plane_all(seen == 0xffu32), 1u32, 0u32);
        if comptime!(config.bits) {
            cells |= seen << (sixteen * 8);
        }
    }
    (select(open == 1, word | OPEN, word), cells)
}

/// A plane for each block of rows, whose words are there.
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn list_blocks(
    lists: &mut [u32],
    layout: ListLayout,
    shape: Shape,
    groups: Shape,
    #[comptime] config: ListConfig,
) {
    let row_blocks = row_blocks(shape, config);
    let list = CUBE_POS * comptime!(config.planes) + (UNIT_POS / 32) as usize;
    if list < groups.groups() * row_blocks {
        let start = layout.start(listed_group(list / row_blocks, groups), list % row_blocks);
        let mut found = 0u32.runtime();
        let mut first = 0usize;
        while first < layout.col_blocks {
            let col_block = first + UNIT_POS_PLANE as usize;
            let mut seen = 0u32.runtime();
            if col_block < layout.col_blocks {
                let words = layout.words(start, col_block, comptime!(config.words()));
                for nth in 0..comptime!(config.rows / ROWS).runtime() {
                    seen |= lists[words + nth * comptime!(words_each(config.bits))];
                }
            }
            sync_plane();
            let taken = plane_ballot(seen != 0).extract(0usize);
            let before = (taken & ((1u32 << UNIT_POS_PLANE) - 1u32)).count_ones();
            if seen != 0 {
                lists[start + 1 + (found + before) as usize] = col_block as u32;
            }
            found += taken.count_ones();
            first += comptime!(LANES);
        }
        if UNIT_POS_PLANE == 0 {
            lists[start] = found;
        }
    }
}
