//! `dQ`: sixteen queries to a plane, keys and values flow past (arXiv 2307.08691, algorithm 2, the
//! part that has queries as rows).

use core::f32::consts::LOG2_E;

use cubecl::prelude::*;

use super::block_list::ListLayout;
use super::stream::{
    Flow, Own, Stream, bring_keys, delta_in_product, first_column, is_open, staged,
};
use super::{STAGES, StreamConfig, row_address, row_address_mut};
use crate::algorithms::resident::planes::softmax::weight_of;
use crate::algorithms::scores::{Cell, slope};
use crate::algorithms::{Group, Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::chip::Chip;
use crate::tile::fragment::{
    COLS, ROWS, add_to_many, cells, dot, lane_col, lane_row, store16, zeros,
};
use crate::tile::math::round_results_to;
use crate::tile::operand::{empty_operand, push_result, rows16};
use crate::tile::ptx::{F4, cp_async_wait, shared_address};

/// One cube for some neighbouring queries of one head. Needs `Δ`.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn plane_streaming_queries<V: DeviceVariant, F: Float, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    lse: &[f32],
    delta: &[f32],
    d_out: &[Vector<F, W>],
    d_q: &mut [Vector<F, W>],
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
    let row_blocks = shape.queries.div_ceil(rows);
    let group = shape.group(CUBE_POS / row_blocks);
    // The last queries meet the most keys under a causal mask: they start first.
    let row_block = row_blocks - 1 - CUBE_POS % row_blocks;
    let first_row = row_block * rows;
    let (key_units, value_units) = comptime!((config.key_units(), config.value_units()));
    let (key_columns, value_columns) = comptime!((config.key_columns(), config.value_columns()));

    let memory =
        Shared::<[u32]>::new_aligned_slice(comptime!(config.backward_bytes() / 4), 128usize);
    let start = shared_address::<u32>(memory.as_ptr());
    let q_shape = comptime!(config.chip(rows, key_columns));
    let d_shape = comptime!(config.chip(rows, value_columns));
    let d_start = start + comptime!(q_shape.bytes() as u32);
    let q_chip = Chip { start, zeros: start, shape: q_shape };
    let d_chip = Chip { start: d_start, zeros: start, shape: d_shape };
    let flow = Flow {
        start: d_start + comptime!(d_shape.bytes() as u32),
        first: comptime!(config.chip(config.block, key_columns)),
        second: comptime!(config.chip(config.block, value_columns)),
        extra: 0usize,
    };

    let to_keys = comptime!(config.transfer(config.head_dim));
    let to_values = comptime!(config.transfer(config.value_dim));
    let stream = Stream::new(lists, list_layout, group, row_block, shape.keys, config);
    let existing = shape.queries - first_row;
    let from = row_address::<F, W>(q, layouts.q, group, group.head, first_row, config);
    q_chip.bring_some(from, layouts.q, existing, to_keys);
    let from = row_address::<F, W>(d_out, gradients.out, group, group.head, first_row, config);
    d_chip.bring_some(from, gradients.out, existing, to_values);

    let plane = UNIT_POS / 32;
    let row = first_row as u32 + plane * comptime!(ROWS as u32) + lane_row();
    let rows_of = Rows16 {
        group,
        shape,
        first: row,
        scale,
        upper_lse: usable(lse, group, shape, row),
        lower_lse: usable(lse, group, shape, row + 8),
        upper_delta: delta[group.first_row + min(row as usize, shape.queries - 1)],
        lower_delta: delta[group.first_row + min(row as usize + 8, shape.queries - 1)],
    };
    let mut sums = zeros(key_columns);
    cp_async_wait();
    sync_cube();
    let holds = comptime!(config.holds(key_columns, key_units + value_units));
    let q_rows = Own::new(q_chip, plane, key_units, holds);
    let d_rows = Own::new(d_chip, plane, value_units, holds);

    let mut passing = 0u32.runtime();
    if stream.count > 0 {
        passing = stream.at(0usize, lists, config);
        let first = first_column(passing, config);
        bring_keys::<F, W>(k, v, layouts, group, shape, first, flow, 0usize, config);
    }
    let mut nth = 0usize;
    while nth < stream.count {
        let now = passing;
        cp_async_wait();
        sync_cube();
        if nth + 1 < stream.count {
            // The next block starts on its way.
            passing = stream.at(nth + 1, lists, config);
            let (first, place) = (first_column(passing, config), (nth + 1) % STAGES);
            bring_keys::<F, W>(k, v, layouts, group, shape, first, flow, place, config);
        }
        let (k_chip, v_chip) = flow.stage(nth % STAGES);
        let col = first_column(now, config) as u32;
        if is_open(now) {
            rows_of.add_keys::<V>(
                &mut sums, &q_rows, &d_rows, k_chip, v_chip, col, &params, true, config,
            );
        } else {
            rows_of.add_keys::<V>(
                &mut sums, &q_rows, &d_rows, k_chip, v_chip, col, &params, false, config,
            );
        }
        nth += 1;
    }

    store16(&sums, 0usize, key_columns, q_chip, 0u32, plane, scale, scale, true, config.elements);
    sync_cube();
    let to = row_address_mut::<F, W>(d_q, gradients.q, group, group.head, first_row, config);
    q_chip.take_some(to, gradients.q, existing, to_keys);
}

/// The log-sum-exp of a query as the exponential takes it: finite where every key was masked.
#[cube]
fn usable(lse: &[f32], group: Group, shape: Shape, row: u32) -> f32 {
    let x = lse[group.first_row + min(row as usize, shape.queries - 1)];
    select(x == f32::NEG_INFINITY, 0.0f32, x * LOG2_E)
}

/// Sixteen queries on their way along the keys.
#[derive(CubeType)]
struct Rows16 {
    group: Group,
    shape: Shape,
    /// This lane's first query; the second is eight further.
    first: u32,
    scale: f32,
    upper_lse: f32,
    lower_lse: f32,
    upper_delta: f32,
    lower_delta: f32,
}

#[cube]
impl Rows16 {
    /// `dQ += dS K` for one block of keys.
    #[allow(clippy::too_many_arguments)]
    fn add_keys<V: DeviceVariant>(
        &self,
        sums: &mut Array<F4>,
        q_rows: &Own,
        d_rows: &Own,
        k_chip: Chip,
        v_chip: Chip,
        col: u32,
        params: &V::Params,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) {
        let elements = comptime!(config.elements);
        let in_product = delta_in_product::<V>();
        let (key_units, value_units) = comptime!((config.key_units(), config.value_units()));
        let key_columns = comptime!(config.key_columns());
        #[unroll(config.unrolls())]
        for key_block in 0..comptime!(config.block / ROWS) {
            let q = q_rows.operand();
            let d_out = d_rows.operand();
            let at = key_block as u32;
            let k = rows16(k_chip, 0u32, at, key_units, false, true);
            let v = rows16(v_chip, 0u32, at, value_units, false, true);
            let mut d_scores = empty_operand(elements);
            #[unroll]
            for part in 0..2usize {
                let raw = dot(&q, &k, part, F4::new(0.0f32), elements);
                let (a, b) = (-self.upper_delta, -self.lower_delta);
                let start = if comptime!(in_product) { cells(a, a, b, b) } else { F4::new(0.0f32) };
                let d_weight = dot(&d_out, &v, part, start, elements);
                let first = col + at * comptime!(ROWS as u32) + comptime!((part * COLS) as u32);
                let d_s = self.gradient::<V>(raw, d_weight, first, params, open, config);
                push_result(&mut d_scores, d_s, elements);
            }
            let k_transposed = rows16(k_chip, 0u32, at, key_columns, true, true);
            add_to_many(sums, &d_scores, &k_transposed, elements);
        }
    }

    /// `dS = P ∘ (dP - Δ) ∘ ∂S'/∂S` of one tile, whose first key is `col`.
    fn gradient<V: DeviceVariant>(
        &self,
        raw: F4,
        d_weight: F4,
        col: u32,
        params: &V::Params,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) -> F4 {
        let factor =
            if comptime!(config.scales_first()) { LOG2_E.runtime() } else { self.scale * LOG2_E };
        let mut gradients = F4::empty();
        #[unroll]
        for cell in 0..4usize {
            let query = self.first + comptime!(cell as u32 / 2 * 8);
            let key = col + lane_col() + comptime!(cell as u32 % 2);
            let at = Cell { group: self.group, shape: self.shape, query, key };
            let scores = staged::<V>(raw.extract(cell), at, self.scale, params, open, config);
            let lse = if comptime!(cell < 2) { self.upper_lse } else { self.lower_lse };
            let normaliser = comptime!(V::NORMALISER);
            let weight = weight_of(scores.modified, factor, -lse, normaliser);
            let mut d_normalised = d_weight.extract(cell);
            if comptime!(V::WEIGHS) {
                d_normalised *= V::weight(at.position(), params);
            }
            if comptime!(V::WEIGHS && normaliser != Normaliser::Sigmoid) {
                d_normalised -=
                    if comptime!(cell < 2) { self.upper_delta } else { self.lower_delta };
            }
            let mut gradient = weight * d_normalised;
            if comptime!(normaliser == Normaliser::Sigmoid) {
                gradient *= 1.0f32 - weight;
            }
            if comptime!(config.score) {
                let masks = comptime!(config.mask && !open);
                gradient *= slope::<V>(scores.score, at, params, masks);
            }
            gradients.insert(cell, gradient);
        }
        gradients
    }
}
