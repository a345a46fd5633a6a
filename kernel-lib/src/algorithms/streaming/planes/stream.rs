//! What the three kernels share: the blocks that flow past, and what becomes of a score.

use cubecl::prelude::*;

use super::block_list::{ListLayout, OPEN, words_each};
use super::{StreamConfig, row_address};
use crate::algorithms::scores::{Cell, modified, slope};
use crate::algorithms::{Group, Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::chip::{Chip, ChipShape};
use crate::tile::fragment::ROWS;
use crate::tile::operand::rows16;
use crate::tile::rows::Layout;

/// The blocks of columns that a block of rows meets.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Stream {
    /// How many.
    pub count: usize,
    /// Where their list starts, if the variant masks.
    start: usize,
    /// How many columns there are, otherwise.
    cols: usize,
}

/// Whether every cell that a plane has of a block exists and is seen.
#[cube]
pub fn is_open(tiles: u32) -> bool {
    (tiles & OPEN) != 0
}

/// Whether a cell of the plane's `nth` sixteen columns of a block is seen.
#[cube]
pub fn is_seen(tiles: u32, nth: u32, #[comptime] open: bool) -> bool {
    if comptime!(open) { true.runtime() } else { ((tiles >> nth) & 1u32) != 0 }
}

#[cube]
impl Stream {
    /// The blocks that `row_block` meets of `cols` columns.
    pub fn new(
        lists: &[u32],
        layout: ListLayout,
        group: Group,
        row_block: usize,
        cols: usize,
        #[comptime] config: StreamConfig,
    ) -> Stream {
        if comptime!(config.mask) {
            let start = layout.start(group, row_block);
            Stream { count: lists[start] as usize, start, cols }
        } else {
            let block = comptime!(config.block);
            Stream { count: cols.div_ceil(block), start: 0usize.runtime(), cols }
        }
    }

    /// The index of the `nth` of them.
    pub fn at(&self, nth: usize, lists: &[u32], #[comptime] config: StreamConfig) -> usize {
        if comptime!(config.mask) { lists[self.start + 1 + nth] as usize } else { nth }
    }

    /// What a plane sees of a block, as [`find_tiles`](super::block_list::find_tiles) says it.
    pub fn tiles(
        &self,
        block: usize,
        plane: u32,
        lists: &[u32],
        layout: ListLayout,
        #[comptime] config: StreamConfig,
    ) -> u32 {
        if comptime!(config.mask) {
            lists[plane_words(self.start, block, plane, layout, config)]
        } else {
            existing_tiles(self.cols, block, config)
        }
    }

    /// Which of this lane's cells of a block are kept, if that was found before.
    pub fn kept(
        &self,
        block: usize,
        plane: u32,
        lists: &[u32],
        layout: ListLayout,
        #[comptime] config: StreamConfig,
    ) -> u32 {
        if comptime!(config.bits) {
            let words = plane_words(self.start, block, plane, layout, config);
            lists[words + 1 + UNIT_POS_PLANE as usize]
        } else {
            0u32.runtime()
        }
    }
}

/// Where a plane's words of a block are, given its list's start.
#[cube]
pub fn plane_words(
    start: usize,
    block: usize,
    plane: u32,
    layout: ListLayout,
    #[comptime] config: StreamConfig,
) -> usize {
    let each = comptime!(words_each(config.bits));
    layout.words(start, block, comptime!(config.words())) + plane as usize * each
}

/// Of this lane's eight cells of sixteen columns, those that are kept; `kept` has all of the block.
#[cube]
pub fn kept_of(kept: u32, nth: u32, #[comptime] config: StreamConfig) -> u32 {
    if comptime!(config.bits) { kept >> (nth * 8) } else { 0u32.runtime() }
}

/// What there is of a block of columns without a mask.
#[cube]
pub fn existing_tiles(cols: usize, block: usize, #[comptime] config: StreamConfig) -> u32 {
    let each = comptime!(config.block);
    let rest = cols - block * each;
    let sixteens = min(rest, each).div_ceil(comptime!(ROWS)) as u32;
    let some = (1u32 << sixteens) - 1u32;
    select(rest >= each, some | OPEN, some)
}

/// What the stages make of a cell.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Staged {
    /// What `score_mod` is given.
    pub score: f32,
    /// What the exponential is taken of.
    pub modified: f32,
}

/// Scale and `score_mod`; unless the block is open `mask_mod` too, and minus infinity for keys
/// that do not exist. `kept` has a bit for the cell, `nth`, if what the mask keeps was found before.
#[allow(clippy::too_many_arguments)]
#[cube]
pub fn staged<V: DeviceVariant>(
    product: f32,
    cell: Cell,
    kept: u32,
    #[comptime] nth: usize,
    scale: f32,
    params: &V::Params,
    #[comptime] open: bool,
    #[comptime] config: StreamConfig,
) -> Staged {
    let score = if comptime!(config.scales_first()) { product * scale } else { product };
    let masks = comptime!(config.mask && !open && !config.bits);
    let mut result = modified::<V>(score, cell, params, comptime!(config.score), masks);
    if comptime!(!open && config.bits) {
        result = select(is_kept(kept, nth), result, f32::NEG_INFINITY);
    } else if comptime!(!open) {
        result = select((cell.key as usize) < cell.shape.keys, result, f32::NEG_INFINITY);
    }
    Staged { score, modified: result }
}

/// The derivative of `score_mod`, 0 where the mask hides the cell.
#[allow(clippy::too_many_arguments)]
#[cube]
pub fn staged_slope<V: DeviceVariant>(
    score: f32,
    cell: Cell,
    kept: u32,
    #[comptime] nth: usize,
    params: &V::Params,
    #[comptime] open: bool,
    #[comptime] config: StreamConfig,
) -> f32 {
    let masks = comptime!(config.mask && !open && !config.bits);
    let slope = slope::<V>(score, cell, params, masks);
    if comptime!(!open && config.bits) { select(is_kept(kept, nth), slope, 0.0f32) } else { slope }
}

#[cube]
fn is_kept(kept: u32, #[comptime] nth: usize) -> bool {
    (kept & comptime!(1u32 << nth)) != 0
}

/// Whether `Δ` is subtracted by the product that gives `dP`, whose sums start from it: it is, where
/// nothing else happens to `dP` before.
#[cube]
pub fn delta_in_product<V: DeviceVariant>() -> comptime_type!(bool) {
    comptime!(V::NORMALISER != Normaliser::Sigmoid && !V::WEIGHS)
}

/// Where the two matrices that flow past lie on chip, at each stage.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Flow {
    /// Shared address of the first stage.
    pub start: u32,
    #[cube(comptime)]
    pub first: ChipShape,
    #[cube(comptime)]
    pub second: ChipShape,
    /// Bytes of a stage besides the matrices.
    #[cube(comptime)]
    pub extra: usize,
}

#[cube]
impl Flow {
    fn at(&self, stage: usize) -> u32 {
        let bytes = comptime!((self.first.bytes() + self.second.bytes() + self.extra) as u32);
        self.start + stage as u32 * bytes
    }

    /// The matrices of a stage.
    pub fn stage(&self, nth: usize) -> (Chip, Chip) {
        let start = self.at(nth);
        let after = start + comptime!(self.first.bytes() as u32);
        (
            Chip { start, zeros: start, shape: comptime!(self.first) },
            Chip { start: after, zeros: after, shape: comptime!(self.second) },
        )
    }

    /// Shared address of what a stage has besides.
    pub fn numbers(&self, nth: usize) -> u32 {
        self.at(nth) + comptime!((self.first.bytes() + self.second.bytes()) as u32)
    }
}

/// A plane's own sixteen rows as a left operand: in registers for good, or read where they are used.
#[derive(CubeType)]
pub struct Own {
    chip: Chip,
    plane: u32,
    held: Sequence<Sequence<Sequence<u32>>>,
    #[cube(comptime)]
    units: usize,
    #[cube(comptime)]
    hold: bool,
}

#[cube]
impl Own {
    /// The rows of this plane.
    pub fn new(chip: Chip, plane: u32, #[comptime] units: usize, #[comptime] hold: bool) -> Own {
        let mut held = Sequence::<Sequence<Sequence<u32>>>::new();
        if comptime!(hold) {
            held.push(rows16(chip, 0u32, plane, units, false, true));
        }
        Own { chip, plane, held, units, hold }
    }

    /// Them.
    pub fn operand(&self) -> Sequence<Sequence<u32>> {
        if comptime!(self.hold) {
            self.held[0usize].clone()
        } else {
            rows16(self.chip, 0u32, self.plane, self.units, false, true)
        }
    }
}

/// Starts to bring a block of keys and values on chip.
#[allow(clippy::too_many_arguments)]
#[cube]
pub fn bring_keys<F: Float, W: Size>(
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    layouts: Layouts,
    group: Group,
    shape: Shape,
    first: usize,
    flow: Flow,
    stage: usize,
    #[comptime] config: StreamConfig,
) {
    let (k_layout, v_layout) = (layouts.k, layouts.v);
    let (head, rows) = (group.kv_head, shape.keys);
    bring::<F, W>(k, v, k_layout, v_layout, group, head, rows, first, flow, stage, config);
}

/// Starts to bring a block of queries and output gradients on chip.
#[allow(clippy::too_many_arguments)]
#[cube]
pub fn bring_queries<F: Float, W: Size>(
    q: &[Vector<F, W>],
    d_out: &[Vector<F, W>],
    q_layout: Layout,
    d_out_layout: Layout,
    group: Group,
    shape: Shape,
    first: usize,
    flow: Flow,
    stage: usize,
    #[comptime] config: StreamConfig,
) {
    let (head, rows) = (group.head, shape.queries);
    bring::<F, W>(q, d_out, q_layout, d_out_layout, group, head, rows, first, flow, stage, config);
}

/// Starts to bring a block of two matrices on chip, from their row `first` on, of `rows`: one as wide
/// as keys, one as wide as values.
#[allow(clippy::too_many_arguments)]
#[cube]
fn bring<F: Float, W: Size>(
    keys: &[Vector<F, W>],
    values: &[Vector<F, W>],
    key_layout: Layout,
    value_layout: Layout,
    group: Group,
    head: usize,
    rows: usize,
    first: usize,
    flow: Flow,
    stage: usize,
    #[comptime] config: StreamConfig,
) {
    let (key_chip, value_chip) = flow.stage(stage);
    let existing = rows - first;
    let from = row_address::<F, W>(keys, key_layout, group, head, first, config);
    key_chip.bring_some(from, key_layout, existing, comptime!(config.transfer(config.head_dim)));
    let from = row_address::<F, W>(values, value_layout, group, head, first, config);
    let transfer = comptime!(config.transfer(config.value_dim));
    value_chip.bring_some(from, value_layout, existing, transfer);
}
