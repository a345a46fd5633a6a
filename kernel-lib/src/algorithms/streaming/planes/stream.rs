//! What the three kernels share: the blocks that flow past, and what becomes of a score.

use cubecl::prelude::*;

use super::block_list::ListLayout;
use super::{StreamConfig, row_address};
use crate::algorithms::scores::{Cell, modified};
use crate::algorithms::{Group, Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::chip::{Chip, ChipShape};
use crate::tile::operand::rows16;

/// The blocks of columns that a block of rows meets.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Stream {
    /// How many.
    pub count: usize,
    /// Where their list starts, if the variant masks.
    start: usize,
    /// How many whole ones there are, otherwise.
    whole: usize,
}

/// The first column of a block that a list names.
#[cube]
pub fn first_column(entry: u32, #[comptime] config: StreamConfig) -> usize {
    (entry / 2) as usize * comptime!(config.block)
}

/// Whether every cell of it exists and is seen.
#[cube]
pub fn is_open(entry: u32) -> bool {
    (entry & 1u32) == 0
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
            Stream { count: lists[start] as usize, start: start + 1, whole: 0usize.runtime() }
        } else {
            let block = comptime!(config.block);
            Stream { count: cols.div_ceil(block), start: 0usize.runtime(), whole: cols / block }
        }
    }

    /// The `nth` of them, as a list names it: twice its index, one more if not every cell is seen.
    pub fn at(&self, nth: usize, lists: &[u32], #[comptime] config: StreamConfig) -> u32 {
        if comptime!(config.mask) {
            lists[self.start + nth]
        } else {
            nth as u32 * 2 + select(nth < self.whole, 0u32, 1u32)
        }
    }
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
/// that do not exist.
#[cube]
pub fn staged<V: DeviceVariant>(
    product: f32,
    cell: Cell,
    scale: f32,
    params: &V::Params,
    #[comptime] open: bool,
    #[comptime] config: StreamConfig,
) -> Staged {
    let score = if comptime!(config.scales_first()) { product * scale } else { product };
    let masks = comptime!(config.mask && !open);
    let mut result = modified::<V>(score, cell, params, comptime!(config.score), masks);
    if comptime!(!open) {
        result = select((cell.key as usize) < cell.shape.keys, result, f32::NEG_INFINITY);
    }
    Staged { score, modified: result }
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
    let (k_chip, v_chip) = flow.stage(stage);
    let existing = shape.keys - first;
    let from = row_address::<F, W>(k, layouts.k, group, group.kv_head, first, config);
    k_chip.bring_some(from, layouts.k, existing, comptime!(config.transfer(config.head_dim)));
    let from = row_address::<F, W>(v, layouts.v, group, group.kv_head, first, config);
    v_chip.bring_some(from, layouts.v, existing, comptime!(config.transfer(config.value_dim)));
}
