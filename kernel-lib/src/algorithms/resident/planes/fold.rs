//! The ragged last tile of several blocks of queries, as one.
//!
//! With 42 keys, two columns of the last eight exist: of four lanes that share a row one has work,
//! and all four take its powers of two. Here the columns of up to four blocks of queries stand side
//! by side in one tile. No lane passes anything on: the right operand of each block's product has
//! its keys in the block's own columns and zeros elsewhere, so the products add up to the folded
//! tile; and its weights are the left operand of each block's product with values that lie in the
//! block's own rows, zeros elsewhere.

use core::f32::consts::LOG2_E;

use cubecl::prelude::*;

use super::{Head, Operand, PlaneConfig, RowBlock, UNROLLED_BLOCKS};
use crate::language::Normaliser;
use crate::tile::chip::Chip;
use crate::tile::fragment::{COLS, dot, lane_col};
use crate::tile::operand::{empty_operand, push_result, rows8};
use crate::tile::ptx::{F4, ex2};

/// How the ragged tiles of a head fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    /// Keys in the ragged tile.
    keys: usize,
    /// The first of them.
    first: usize,
    /// Blocks that share a tile.
    blocks: usize,
}

impl Fold {
    /// Each block has a tile of its own.
    pub const NONE: Fold = Fold { keys: 0, first: 0, blocks: 1 };

    /// How they fold, if anything is gained by it.
    pub fn of(config: &PlaneConfig) -> Fold {
        let keys = config.keys % COLS;
        let blocks = match keys {
            1 | 2 => 4,
            3 | 4 => 2,
            _ => return Fold::NONE,
        };
        let blocks_known = (2..=UNROLLED_BLOCKS).contains(&config.query_blocks());
        let plain_sums = config.sums_rounded() && config.normaliser == Normaliser::Softmax;
        let gains = blocks_known && plain_sums && config.keys > COLS && !config.mask;
        if gains { Fold { keys, first: config.keys - keys, blocks } } else { Fold::NONE }
    }

    /// Whether blocks share tiles.
    pub fn folds(&self) -> bool {
        self.blocks > 1
    }

    /// Columns of a folded tile that a block has.
    fn columns(&self) -> usize {
        COLS / self.blocks
    }

    /// The tile of a block that folds, if one does.
    pub fn last_tile(&self, config: &PlaneConfig) -> Option<usize> {
        self.folds().then(|| config.key_tiles() - 1)
    }

    /// The folded tile that a block's columns are in.
    pub fn tile_of(&self, block: Option<usize>) -> usize {
        block.unwrap_or(0) / self.blocks
    }

    /// The first of a block's columns there.
    fn first_column(&self, block: Option<usize>) -> usize {
        block.unwrap_or(0) % self.blocks * self.columns()
    }

    /// Tiles for all blocks.
    pub fn tiles(&self, blocks: usize) -> usize {
        blocks.div_ceil(self.blocks)
    }
}

/// Keys or values of the ragged tile where `block` has its columns, zeros elsewhere: eight rows.
#[cube]
pub fn folded_rows(
    chip: Chip,
    head: u32,
    block: RowBlock,
    #[comptime] fold: Fold,
    #[comptime] units: usize,
    #[comptime] transposed: bool,
) -> Sequence<Sequence<u32>> {
    let mine = comptime!(fold.first_column(block.nth) as u32);
    // Wraps below the first.
    let nth = UNIT_POS_PLANE % 8 - mine;
    let exists = nth < comptime!(fold.keys as u32);
    rows8(chip, head, nth + comptime!(fold.first as u32), exists, units, transposed)
}

/// Weights of one folded tile, packed: a left operand of eight columns. Scores are bounded, so that
/// their powers need no maximum.
#[cube]
pub fn folded_weights(
    queries: &Operand,
    keys: Chip,
    head: Head,
    #[comptime] tile: usize,
    #[comptime] fold: Fold,
    #[comptime] config: PlaneConfig,
) -> Sequence<Sequence<u32>> {
    let elements = comptime!(config.elements);
    let first = comptime!(tile * fold.blocks);
    let last = comptime!(config.query_blocks().min(first + fold.blocks));
    let columns = comptime!(((last - first) * fold.columns()) as u32);
    // Columns of no key start from minus infinity and stay there.
    let mut start = F4::empty();
    #[unroll]
    for cell in 0..4usize {
        let col = lane_col() + comptime!(cell as u32 % 2);
        let key = col % comptime!(fold.columns() as u32);
        let exists = col < columns && key < comptime!(fold.keys as u32);
        start.insert(cell, select(exists, 0.0f32, f32::NEG_INFINITY));
    }
    let mut scores = start;
    #[unroll]
    for nth in first..last {
        let units = comptime!(config.key_units());
        let block = RowBlock::known(nth, true);
        let rows = folded_rows(keys, head.nth, block, fold, units, false);
        scores = dot(&queries.block(nth), &rows, 0usize, scores, elements);
    }
    let factor = head.scale * LOG2_E;
    let mut powers = F4::empty();
    #[unroll]
    for cell in 0..4usize {
        powers.insert(cell, ex2(scores.extract(cell) * factor));
    }
    let mut weights = empty_operand(elements);
    push_result(&mut weights, powers, elements);
    weights
}

/// Ones in the rows of `block`, zeros elsewhere, as [`ones`](super::softmax::ones).
#[cube]
pub fn folded_ones(
    block: RowBlock,
    #[comptime] fold: Fold,
    #[comptime] config: PlaneConfig,
) -> Sequence<Sequence<u32>> {
    // Columns of a block that no key has weigh nothing; they may be counted.
    let mine = lane_col() - comptime!(fold.first_column(block.nth) as u32);
    let is_mine = mine < comptime!(fold.columns() as u32);
    let one = select(is_mine, comptime!(config.elements.half().ones()).runtime(), 0u32);
    let mut registers = Sequence::<u32>::new();
    registers.push(one);
    registers.push(one);
    let mut operand = Sequence::<Sequence<u32>>::new();
    operand.push(registers);
    operand
}

/// Eight rows of one right operand above eight of another.
#[cube]
pub fn stacked(
    upper: &Sequence<Sequence<u32>>,
    lower: &Sequence<Sequence<u32>>,
) -> Sequence<Sequence<u32>> {
    let mut terms = Sequence::<Sequence<u32>>::new();
    #[unroll]
    for term in 0..upper.len() {
        let mut registers = Sequence::<u32>::new();
        let n = upper[term].len();
        #[unroll]
        for unit in 0..comptime!(n / 2) {
            registers.push(upper[term][2 * unit]);
            registers.push(lower[term][2 * unit]);
        }
        terms.push(registers);
    }
    terms
}

/// More columns of a left operand.
#[cube]
pub fn append(operand: &mut Sequence<Sequence<u32>>, more: &Sequence<Sequence<u32>>) {
    let terms = more.len();
    #[unroll]
    for term in 0..terms {
        let registers = operand.index_mut(term);
        let n = more[term].len();
        #[unroll]
        for i in 0..n {
            registers.push(more[term][i]);
        }
    }
}
