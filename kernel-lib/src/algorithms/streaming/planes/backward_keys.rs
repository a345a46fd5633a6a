//! `dK` and `dV`: sixteen keys to a plane, queries and output gradients flow past (arXiv
//! 2307.08691, algorithm 2, the part that has keys as rows). Everything is computed transposed, so
//! weights are left operands as they come.

use core::f32::consts::LOG2_E;

use cubecl::prelude::*;

use super::block_list::ListLayout;
use super::stream::{
    Flow, Own, Stream, bring_queries, delta_in_product, is_open, is_seen, kept_of, staged,
    staged_slope,
};
use super::{STAGES, StreamConfig, row_address, row_address_mut};
use crate::algorithms::resident::planes::softmax::weight_of;
use crate::algorithms::scores::Cell;
use crate::algorithms::{Group, Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::chip::Chip;
use crate::tile::fragment::{
    COLS, ROWS, add_to_many, cells, dot, lane_col, lane_row, store16, zeros,
};
use crate::tile::math::round_results_to;
use crate::tile::operand::{empty_operand, push_result, rows16};
use crate::tile::ptx::{
    F4, cp_async, cp_async_wait, global_address, load_shared_pair, shared_address, store_shared_f32,
};

/// What queries that do not exist have for a log-sum-exp: their weights are 0.
const NO_QUERY: f32 = 1.0e30;

/// One cube for some neighbouring keys of one key head. Needs `Δ`.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn plane_streaming_keys<V: DeviceVariant, F: Float, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    lse: &[f32],
    delta: &[f32],
    d_out: &[Vector<F, W>],
    d_k: &mut [Vector<F, W>],
    d_v: &mut [Vector<F, W>],
    lists: &[u32],
    list_layout: ListLayout,
    layouts: Layouts,
    gradients: Layouts,
    shape: Shape,
    scale: f32,
    params: V::Params,
    #[comptime] config: StreamConfig,
    #[define(F)] dtype: ElemType,
) {
    round_results_to(dtype);
    let rows = comptime!(config.rows());
    let row_blocks = shape.keys.div_ceil(rows);
    let row_block = CUBE_POS % row_blocks;
    let first_group = CUBE_POS / row_blocks * shape.sharing;
    let owner = shape.group(first_group);
    let first_row = row_block * rows;
    let (key_units, value_units) = comptime!((config.key_units(), config.value_units()));
    let (key_columns, value_columns) = comptime!((config.key_columns(), config.value_columns()));

    let memory =
        Shared::<[u32]>::new_aligned_slice(comptime!(config.backward_bytes() / 4), 128usize);
    let start = shared_address::<u32>(memory.as_ptr());
    let k_shape = comptime!(config.chip(rows, key_columns));
    let v_shape = comptime!(config.chip(rows, value_columns));
    let v_start = start + comptime!(k_shape.bytes() as u32);
    let k_chip = Chip { start, zeros: start, shape: k_shape };
    let v_chip = Chip { start: v_start, zeros: start, shape: v_shape };
    let flow = Flow {
        start: v_start + comptime!(v_shape.bytes() as u32),
        first: comptime!(config.chip(config.block, key_columns)),
        second: comptime!(config.chip(config.block, value_columns)),
        extra: comptime!(config.query_numbers()),
    };

    let to_keys = comptime!(config.transfer(config.head_dim));
    let to_values = comptime!(config.transfer(config.value_dim));
    let existing = shape.keys - first_row;
    let from = row_address::<F, W>(k, layouts.k, owner, owner.kv_head, first_row, config);
    k_chip.bring_some(from, layouts.k, existing, to_keys);
    let from = row_address::<F, W>(v, layouts.v, owner, owner.kv_head, first_row, config);
    v_chip.bring_some(from, layouts.v, existing, to_values);
    let plane = UNIT_POS / 32;
    cp_async_wait();
    sync_cube();
    let sums = comptime!(key_columns + value_columns);
    let holds = comptime!(config.holds(sums, key_units + value_units));
    let k_rows = Own::new(k_chip, plane, key_units, holds);
    let v_rows = Own::new(v_chip, plane, value_units, holds);
    let mut d_keys = zeros(key_columns);
    let mut d_values = zeros(value_columns);

    for share in 0..shape.sharing {
        let group = shape.group(first_group + share);
        let stream = Stream::new(lists, list_layout, group, row_block, shape.queries, config);
        let rows_of = Rows16 {
            group,
            shape,
            first: first_row as u32 + plane * comptime!(ROWS as u32) + lane_row(),
            scale,
        };
        let block = comptime!(config.block);
        let mut passing = 0usize.runtime();
        let mut tiles = 0u32.runtime();
        let mut kept = 0u32.runtime();
        if stream.count > 0 {
            passing = stream.at(0usize, lists, config);
            tiles = stream.tiles(passing, plane, lists, list_layout, config);
            kept = stream.kept(passing, plane, lists, list_layout, config);
            // Nobody reads the previous head's last blocks any more.
            sync_cube();
            let first = passing * block;
            bring_queries::<F, W>(
                q,
                d_out,
                layouts.q,
                gradients.out,
                group,
                shape,
                first,
                flow,
                0usize,
                config,
            );
            bring_numbers(flow.numbers(0usize), lse, delta, group, shape, first, config);
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
                bring_queries::<F, W>(
                    q,
                    d_out,
                    layouts.q,
                    gradients.out,
                    group,
                    shape,
                    first,
                    flow,
                    place,
                    config,
                );
                bring_numbers(flow.numbers(place), lse, delta, group, shape, first, config);
            }
            let place = nth % STAGES;
            let (q_chip, d_chip) = flow.stage(place);
            let numbers = flow.numbers(place);
            if is_open(seen) {
                rows_of.add_queries::<V>(
                    &mut d_keys,
                    &mut d_values,
                    &k_rows,
                    &v_rows,
                    q_chip,
                    d_chip,
                    numbers,
                    col,
                    seen,
                    keeps,
                    &params,
                    true,
                    config,
                );
            } else {
                rows_of.add_queries::<V>(
                    &mut d_keys,
                    &mut d_values,
                    &k_rows,
                    &v_rows,
                    q_chip,
                    d_chip,
                    numbers,
                    col,
                    seen,
                    keeps,
                    &params,
                    false,
                    config,
                );
            }
            nth += 1;
        }
    }

    let elements = comptime!(config.elements);
    store16(&d_keys, 0usize, key_columns, k_chip, 0u32, plane, scale, scale, true, elements);
    store16(&d_values, 0usize, value_columns, v_chip, 0u32, plane, 1.0f32, 1.0f32, true, elements);
    sync_cube();
    let to = row_address_mut::<F, W>(d_k, gradients.k, owner, owner.kv_head, first_row, config);
    k_chip.take_some(to, gradients.k, existing, to_keys);
    let to = row_address_mut::<F, W>(d_v, gradients.v, owner, owner.kv_head, first_row, config);
    v_chip.take_some(to, gradients.v, existing, to_values);
}

/// Brings the log-sum-exps of a block of queries, then their `Δ`.
#[cube]
fn bring_numbers(
    to: u32,
    lse: &[f32],
    delta: &[f32],
    group: Group,
    shape: Shape,
    first: usize,
    #[comptime] config: StreamConfig,
) {
    let each = comptime!(config.block as u32);
    let workers = comptime!(32 * config.planes as u32);
    let (lse, delta) = (global_address::<f32>(lse.as_ptr()), global_address::<f32>(delta.as_ptr()));
    let mut at = UNIT_POS;
    while at < comptime!(2 * config.block as u32) {
        let query = first + (at % each) as usize;
        if query < shape.queries {
            let from = select(at < each, lse, delta);
            cp_async(to + at * 4, from + u64::cast_from(group.first_row + query) * 4u64, 4usize);
        } else {
            store_shared_f32(to + at * 4, select(at < each, NO_QUERY, 0.0f32));
        }
        at += workers;
    }
}

/// Sixteen keys on their way along the queries.
#[derive(CubeType)]
struct Rows16 {
    group: Group,
    shape: Shape,
    /// This lane's first key; the second is eight further.
    first: u32,
    scale: f32,
}

#[cube]
impl Rows16 {
    /// `dV += Pᵀ dO` and `dK += dSᵀ Q` for one block of queries, of which `tiles` says what is seen,
    /// and `kept` of this lane's cells.
    #[allow(clippy::too_many_arguments)]
    fn add_queries<V: DeviceVariant>(
        &self,
        d_keys: &mut Array<F4>,
        d_values: &mut Array<F4>,
        k_rows: &Own,
        v_rows: &Own,
        q_chip: Chip,
        d_chip: Chip,
        numbers: u32,
        col: u32,
        tiles: u32,
        kept: u32,
        params: &V::Params,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) {
        let elements = comptime!(config.elements);
        let in_product = delta_in_product::<V>();
        let (key_units, value_units) = comptime!((config.key_units(), config.value_units()));
        let key_columns = comptime!(config.key_columns());
        let value_columns = comptime!(config.value_columns());
        #[unroll(config.unrolls())]
        for query_block in 0..comptime!(config.block / ROWS) {
            let at = query_block as u32;
            if is_seen(tiles, at, open) {
                let k = k_rows.operand();
                let v = v_rows.operand();
                let q = rows16(q_chip, 0u32, at, key_units, false, true);
                let d_out = rows16(d_chip, 0u32, at, value_units, false, true);
                let keeps = kept_of(kept, at, config);
                let mut weights = empty_operand(elements);
                let mut d_scores = empty_operand(elements);
                #[unroll]
                for part in 0..2usize {
                    let first = at * comptime!(ROWS as u32) + comptime!((part * COLS) as u32);
                    let number = numbers + (lane_col() + first) * 4;
                    let lse = load_shared_pair(number);
                    let delta = load_shared_pair(number + comptime!(4 * config.block as u32));
                    let raw = dot(&k, &q, part, F4::new(0.0f32), elements);
                    let (a, b) = (-delta.extract(0usize), -delta.extract(1usize));
                    let start =
                        if comptime!(in_product) { cells(a, b, a, b) } else { F4::new(0.0f32) };
                    let d_weight = dot(&v, &d_out, part, start, elements);
                    let (p, d_s) = self.gradient::<V>(
                        raw,
                        d_weight,
                        lse,
                        delta,
                        col + first,
                        comptime!(4 * part),
                        keeps,
                        params,
                        open,
                        config,
                    );
                    push_result(&mut weights, p, elements);
                    push_result(&mut d_scores, d_s, elements);
                }
                let d_transposed = rows16(d_chip, 0u32, at, value_columns, true, true);
                add_to_many(d_values, &weights, &d_transposed, elements);
                let q_transposed = rows16(q_chip, 0u32, at, key_columns, true, true);
                add_to_many(d_keys, &d_scores, &q_transposed, elements);
            }
        }
    }

    /// `P` and `dS = P ∘ (dP - Δ) ∘ ∂S'/∂S` of one tile, transposed, whose first query is `col`; its
    /// cells have bits in `kept` from `first` on.
    #[allow(clippy::too_many_arguments)]
    fn gradient<V: DeviceVariant>(
        &self,
        raw: F4,
        d_weight: F4,
        lse: Vector<f32, Const<2>>,
        delta: Vector<f32, Const<2>>,
        col: u32,
        #[comptime] first: usize,
        kept: u32,
        params: &V::Params,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) -> (F4, F4) {
        let factor =
            if comptime!(config.scales_first()) { LOG2_E.runtime() } else { self.scale * LOG2_E };
        let mut weights = F4::empty();
        let mut gradients = F4::empty();
        #[unroll]
        for cell in 0..4usize {
            let key = self.first + comptime!(cell as u32 / 2 * 8);
            let query = col + lane_col() + comptime!(cell as u32 % 2);
            let at = Cell { group: self.group, shape: self.shape, query, key };
            let nth = comptime!(first + cell);
            let x = raw.extract(cell);
            let scores = staged::<V>(x, at, kept, nth, self.scale, params, open, config);
            let mut shift = lse.extract(comptime!(cell % 2)) * LOG2_E;
            if comptime!(config.mask && !open) {
                // Where every key was masked.
                shift = select(shift == f32::NEG_INFINITY, 0.0f32, shift);
            }
            let normaliser = comptime!(V::NORMALISER);
            let weight = weight_of(scores.modified, factor, -shift, normaliser);
            let mut d_normalised = d_weight.extract(cell);
            let mut weighed = weight;
            if comptime!(V::WEIGHS) {
                let by = V::weight(at.position(), params);
                d_normalised *= by;
                weighed *= by;
            }
            if comptime!(V::WEIGHS && normaliser != Normaliser::Sigmoid) {
                d_normalised -= delta.extract(comptime!(cell % 2));
            }
            let mut gradient = weight * d_normalised;
            if comptime!(normaliser == Normaliser::Sigmoid) {
                gradient *= 1.0f32 - weight;
            }
            if comptime!(config.score) {
                gradient *= staged_slope::<V>(scores.score, at, kept, nth, params, open, config);
            }
            weights.insert(cell, weighed);
            gradients.insert(cell, gradient);
        }
        (weights, gradients)
    }
}
