//! What a mask leaves of a score matrix, found on the device by the mask function itself.
//!
//! A block of rows meets blocks of columns, and both are cut into sixteens, the tiles of tensor cores.
//! [`find_tiles`] evaluates the mask once for each pair of positions and writes a word for each
//! sixteen rows of a block of rows and each block of columns: a bit for each sixteen columns of
//! which a cell is seen, and one if every cell of the block is. [`list_blocks`] then lists, for each
//! block of rows, the blocks of columns that have a bit. Masks that look at neither sequence nor
//! head have one set of words and lists for all of them. Sizes are arguments, so nothing is compiled
//! when they change.

use cubecl::prelude::*;

use crate::algorithms::scores::Cell;
use crate::algorithms::{Group, Shape};
use crate::language::DeviceVariant;
use crate::tile::fragment::ROWS;

/// Columns of a block at most: a word has a bit for each sixteen of them, and one more.
pub const MAX_COLS: usize = 16 * ROWS;
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
}

impl ListConfig {
    /// Words of a block.
    pub fn words(&self) -> usize {
        self.rows / ROWS
    }

    /// Columns of a block that a lane looks at.
    fn shares(&self) -> usize {
        self.cols.div_ceil(LANES)
    }
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
        for nth in 0..comptime!(config.words() as u32).runtime() {
            let row = first_row + nth * comptime!(ROWS as u32);
            let word = word_of::<V>(group, shape, row, first_col, &params, config);
            if UNIT_POS_PLANE == 0 {
                lists[words + nth as usize] = word;
            }
        }
    }
}

/// What is seen of sixteen rows of a block.
#[cube]
fn word_of<V: DeviceVariant>(
    group: Group,
    shape: Shape,
    first_row: u32,
    first_col: u32,
    params: &V::Params,
    #[comptime] config: ListConfig,
) -> u32 {
    let shares = comptime!(config.shares());
    let mut some = Array::<u32>::new(shares);
    let mut every = Array::<u32>::new(shares);
    #[unroll]
    for share in 0..shares {
        some[share] = 0u32;
        every[share] = 1u32;
    }
    // A lane keeps its columns: what the mask makes of them is computed once.
    for nth in 0..comptime!(ROWS as u32).runtime() {
        #[unroll]
        for share in 0..shares {
            let within = UNIT_POS_PLANE + comptime!((share * LANES) as u32);
            let (row, col) = (first_row + nth, first_col + within);
            let (query, key) = if comptime!(config.transposed) { (col, row) } else { (row, col) };
            let cell = Cell { group, shape, query, key };
            let keeps = V::keep(cell.position(), params);
            let exists = query < shape.queries as u32 && key < shape.keys as u32;
            let seen = select(keeps && exists, 1u32, 0u32);
            if comptime!((share + 1) * LANES <= config.cols) {
                some[share] = some[share] | seen;
                every[share] = every[share] & seen;
            } else {
                let counts = within < comptime!(config.cols as u32);
                some[share] = some[share] | select(counts, seen, 0u32);
                every[share] = every[share] & select(counts, seen, 1u32);
            }
        }
    }
    let mut word = 0u32.runtime();
    let mut open = true.runtime();
    #[unroll]
    for share in 0..shares {
        let lanes = plane_ballot(some[share] == 1).extract(0usize);
        let (low, high) = comptime!((1u32 << (2 * share), 2u32 << (2 * share)));
        word = word | select((lanes & 0xffffu32) != 0, low, 0u32);
        word = word | select((lanes >> 16u32) != 0, high, 0u32);
        open = open && plane_all(every[share] == 1);
    }
    select(open, word | OPEN, word)
}

/// A plane for each block of rows, whose words are there; `lists` of them in all.
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
                for nth in 0..comptime!(config.words()).runtime() {
                    seen = seen | lists[words + nth];
                }
            }
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
