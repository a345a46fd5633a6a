//! FlashAttention-2's forward pass (arXiv 2307.08691, algorithm 1): sixteen queries to a plane,
//! online softmax.

use core::f32::consts::{LN_2, LOG2_E};

use cubecl::prelude::*;

use super::block_list::ListLayout;
use super::stream::{Flow, Own, Stream, bring_keys, is_open, is_seen, kept_of, staged};
use super::{STAGES, StreamConfig, row_address, row_address_mut};
use crate::algorithms::resident::planes::softmax::{normaliser_of, quad_max, quad_sum, weights_of};
use crate::algorithms::scores::Cell;
use crate::algorithms::{Group, Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::chip::Chip;
use crate::tile::fragment::{
    COLS, ROWS, add_to_many, cells, dot, lane_col, lane_row, store16, zeros,
};
use crate::tile::math::round_results_to;
use crate::tile::operand::{empty_operand, push_result, rows16};
use crate::tile::ptx::{F4, cp_async_wait, ex2, lg2, shared_address};

/// One cube for some neighbouring queries of one head.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn plane_streaming_forward<V: DeviceVariant, F: Float, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    out: &mut [Vector<F, W>],
    lse: &mut [f32],
    lists: &[u32],
    list_layout: ListLayout,
    layouts: Layouts,
    shape: Shape,
    scale: f32,
    params: V::Params,
    #[comptime] config: StreamConfig,
    #[define(F)] dtype: ElemType,
) {
    round_results_to(dtype);
    let rows = comptime!(config.rows());
    let row_blocks = shape.queries.div_ceil(rows);
    let group = shape.group(CUBE_POS / row_blocks);
    // The last queries meet the most keys under a causal mask: they start first.
    let row_block = row_blocks - 1 - CUBE_POS % row_blocks;
    let first_row = row_block * rows;
    let key_units = comptime!(config.key_units());
    let (key_columns, value_columns) = comptime!((config.key_columns(), config.value_columns()));

    let memory =
        Shared::<[u32]>::new_aligned_slice(comptime!(config.forward_bytes() / 4), 128usize);
    let start = shared_address::<u32>(memory.as_ptr());
    let own = comptime!(config.chip(rows, config.wider()));
    let q_chip = Chip { start, zeros: start, shape: own };
    let flow = Flow {
        start: start + comptime!(own.bytes() as u32),
        first: comptime!(config.chip(config.block, key_columns)),
        second: comptime!(config.chip(config.block, value_columns)),
        extra: 0usize,
    };

    let to_keys = comptime!(config.transfer(config.head_dim));
    let to_values = comptime!(config.transfer(config.value_dim));
    let stream = Stream::new(lists, list_layout, group, row_block, shape.keys, config);
    let from = row_address::<F, W>(q, layouts.q, group, group.head, first_row, config);
    q_chip.bring_some(from, layouts.q, shape.queries - first_row, to_keys);

    let plane = UNIT_POS / 32;
    let row = first_row as u32 + plane * comptime!(ROWS as u32) + lane_row();
    let mut rows_of = Rows16 {
        group,
        shape,
        first: row,
        scale,
        upper_max: f32::NEG_INFINITY.runtime(),
        lower_max: f32::NEG_INFINITY.runtime(),
        upper_sum: 0.0f32.runtime(),
        lower_sum: 0.0f32.runtime(),
    };
    if comptime!(V::NORMALISER == Normaliser::Sink) {
        // The sink is what a row sees first. One of its four lanes counts it.
        rows_of.upper_max = V::sink(rows_of.cell(0usize, 0u32).position(), &params) * LOG2_E;
        rows_of.lower_max = V::sink(rows_of.cell(2usize, 0u32).position(), &params) * LOG2_E;
        rows_of.upper_sum = select(lane_col() == 0, 1.0f32, 0.0f32);
        rows_of.lower_sum = rows_of.upper_sum;
    }
    let mut sums = zeros(value_columns);
    cp_async_wait();
    sync_cube();
    let holds = comptime!(config.holds(value_columns, key_units));
    let q_rows = Own::new(q_chip, plane, key_units, holds);

    let block = comptime!(config.block);
    let mut passing = 0usize.runtime();
    let mut tiles = 0u32.runtime();
    let mut kept = 0u32.runtime();
    if stream.count > 0 {
        passing = stream.at(0usize, lists, config);
        tiles = stream.tiles(passing, plane, lists, list_layout, config);
        kept = stream.kept(passing, plane, lists, list_layout, config);
        let first = passing * block;
        bring_keys::<F, W>(k, v, layouts, group, shape, first, flow, 0usize, config);
    }
    let mut nth = 0usize;
    while nth < stream.count {
        let col = (passing * block) as u32;
        // Copies: the originals are of the next block soon.
        let seen = tiles;
        let keeps = kept;
        cp_async_wait();
        sync_cube();
        if nth + 1 < stream.count {
            // The next block starts on its way.
            passing = stream.at(nth + 1, lists, config);
            tiles = stream.tiles(passing, plane, lists, list_layout, config);
            kept = stream.kept(passing, plane, lists, list_layout, config);
            let (first, place) = (passing * block, (nth + 1) % STAGES);
            bring_keys::<F, W>(k, v, layouts, group, shape, first, flow, place, config);
        }
        let (k_chip, v_chip) = flow.stage(nth % STAGES);
        if is_open(seen) {
            rows_of.attend::<V>(
                &mut sums, &q_rows, k_chip, v_chip, col, seen, keeps, &params, true, config,
            );
        } else {
            rows_of.attend::<V>(
                &mut sums, &q_rows, k_chip, v_chip, col, seen, keeps, &params, false, config,
            );
        }
        nth += 1;
    }

    let mut upper_sum = quad_sum(rows_of.upper_sum);
    let mut lower_sum = quad_sum(rows_of.lower_sum);
    if comptime!(V::NORMALISER == Normaliser::Sigmoid) {
        // Nothing is normalised, and the logarithm of 1 is 0.
        upper_sum = 1.0f32;
        lower_sum = 1.0f32;
    }
    let masks = comptime!(config.mask);
    store16(
        &sums,
        0usize,
        value_columns,
        q_chip,
        0u32,
        plane,
        normaliser_of(upper_sum, masks),
        normaliser_of(lower_sum, masks),
        true,
        config.elements,
    );
    // Four lanes know of a row; the first writes row `g`, the second row `g + 8`.
    let second = UNIT_POS_PLANE % 2 == 1;
    let mine = (rows_of.first + select(second, 8u32, 0u32)) as usize;
    if UNIT_POS_PLANE % 4 < 2 && mine < shape.queries {
        let sum = select(second, lower_sum, upper_sum);
        let largest = select(second, rows_of.lower_max, rows_of.upper_max);
        // Minus infinity where every key was masked.
        let shift = select(largest == f32::NEG_INFINITY, 0.0f32, largest);
        lse[group.first_row + mine] = (lg2(sum) + shift) * LN_2;
    }
    sync_cube();
    let to = row_address_mut::<F, W>(out, layouts.out, group, group.head, first_row, config);
    q_chip.take_some(to, layouts.out, shape.queries - first_row, to_values);
}

/// Sixteen queries on their way along the keys. Maxima are of scores times `log2(e)`.
#[derive(CubeType)]
struct Rows16 {
    group: Group,
    shape: Shape,
    /// This lane's first query; the second is eight further.
    first: u32,
    scale: f32,
    upper_max: f32,
    lower_max: f32,
    upper_sum: f32,
    lower_sum: f32,
}

#[cube]
impl Rows16 {
    /// One block of keys, of which `tiles` says what is seen, and `kept` of this lane's cells.
    #[allow(clippy::too_many_arguments)]
    fn attend<V: DeviceVariant>(
        &mut self,
        sums: &mut Array<F4>,
        q_rows: &Own,
        k_chip: Chip,
        v_chip: Chip,
        col: u32,
        tiles: u32,
        kept: u32,
        params: &V::Params,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) {
        let elements = comptime!(config.elements);
        let key_units = comptime!(config.key_units());
        let value_columns = comptime!(config.value_columns());
        let key_blocks = comptime!(config.block / ROWS);
        let q = q_rows.operand();
        let mut scores = Sequence::<F4>::new();
        let mut upper = f32::NEG_INFINITY.runtime();
        let mut lower = f32::NEG_INFINITY.runtime();
        #[unroll]
        for key_block in 0..key_blocks {
            let mut left = F4::new(f32::NEG_INFINITY);
            let mut right = F4::new(f32::NEG_INFINITY);
            if is_seen(tiles, comptime!(key_block as u32), open) {
                let at = comptime!(key_block as u32).runtime();
                let k = rows16(k_chip, 0u32, at, key_units, false, true);
                let first = col + comptime!((key_block * ROWS) as u32);
                let keeps = kept_of(kept, comptime!(key_block as u32), config);
                let product = dot(&q, &k, 0usize, F4::new(0.0f32), elements);
                left = self.modify::<V>(product, first, keeps, params, open, config);
                let product = dot(&q, &k, 1usize, F4::new(0.0f32), elements);
                let first = first + comptime!(COLS as u32);
                right = self.modify::<V>(product, first, keeps >> 4, params, open, config);
            }
            let (a, b) = (left.extract(0usize), left.extract(1usize));
            upper = max(upper, max(max(a, b), max(right.extract(0usize), right.extract(1usize))));
            let (a, b) = (left.extract(2usize), left.extract(3usize));
            lower = max(lower, max(max(a, b), max(right.extract(2usize), right.extract(3usize))));
            scores.push(left);
            scores.push(right);
        }
        // exp(x - m) = 2^(x c - m c)
        let factor =
            if comptime!(config.scales_first()) { LOG2_E.runtime() } else { self.scale * LOG2_E };
        if comptime!(V::NORMALISER != Normaliser::Sigmoid) {
            let upper_max = max(self.upper_max, quad_max(upper) * factor);
            let lower_max = max(self.lower_max, quad_max(lower) * factor);
            let nothing = comptime!(!open);
            upper = shift(upper_max, nothing);
            lower = shift(lower_max, nothing);
            let upper_shrink = ex2(self.upper_max - upper);
            let lower_shrink = ex2(self.lower_max - lower);
            self.upper_max = upper_max;
            self.lower_max = lower_max;
            self.upper_sum *= upper_shrink;
            self.lower_sum *= lower_shrink;
            #[unroll]
            for column in 0..value_columns {
                let x = sums[column];
                sums[column] = cells(
                    x.extract(0usize) * upper_shrink,
                    x.extract(1usize) * upper_shrink,
                    x.extract(2usize) * lower_shrink,
                    x.extract(3usize) * lower_shrink,
                );
            }
        }
        #[unroll]
        for key_block in 0..key_blocks {
            if is_seen(tiles, comptime!(key_block as u32), open) {
                let mut weights = empty_operand(elements);
                #[unroll]
                for part in 0..2usize {
                    let s = scores[comptime!(2 * key_block + part)];
                    let p = weights_of(s, factor, upper, lower, comptime!(V::NORMALISER));
                    self.upper_sum += p.extract(0usize) + p.extract(1usize);
                    self.lower_sum += p.extract(2usize) + p.extract(3usize);
                    let first = col + comptime!((key_block * ROWS + part * COLS) as u32);
                    push_result(&mut weights, self.weighed::<V>(p, first, params), elements);
                }
                let at = comptime!(key_block as u32).runtime();
                let values = rows16(v_chip, 0u32, at, value_columns, true, true);
                add_to_many(sums, &weights, &values, elements);
            }
        }
    }

    /// Normalised weights times what the variant weighs them with.
    fn weighed<V: DeviceVariant>(&self, weights: F4, col: u32, params: &V::Params) -> F4 {
        if comptime!(V::WEIGHS) {
            let mut result = F4::empty();
            #[unroll]
            for cell in 0..4usize {
                let factor = V::weight(self.cell(cell, col).position(), params);
                result.insert(cell, weights.extract(cell) * factor);
            }
            result
        } else {
            weights
        }
    }

    /// This lane's `cell` of the tile whose first key is `col`.
    fn cell(&self, #[comptime] cell: usize, col: u32) -> Cell {
        let query = self.first + comptime!(cell as u32 / 2 * 8);
        let key = col + lane_col() + comptime!(cell as u32 % 2);
        Cell { group: self.group, shape: self.shape, query, key }
    }

    /// The stages on one tile, whose first key is `col`.
    fn modify<V: DeviceVariant>(
        &self,
        product: F4,
        col: u32,
        kept: u32,
        params: &V::Params,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) -> F4 {
        if comptime!(config.scales_first() || !open) {
            let mut modified = F4::empty();
            #[unroll]
            for cell in 0..4usize {
                let (at, x) = (self.cell(cell, col), product.extract(cell));
                let scores = staged::<V>(x, at, kept, cell, self.scale, params, open, config);
                modified.insert(cell, scores.modified);
            }
            modified
        } else {
            product
        }
    }
}

/// What is subtracted from scores; 0 where none was seen so far, if that can be.
#[cube]
fn shift(largest: f32, #[comptime] nothing: bool) -> f32 {
    if comptime!(nothing) { select(largest == f32::NEG_INFINITY, 0.0f32, largest) } else { largest }
}
