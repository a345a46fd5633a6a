//! All three gradients of a head in one kernel, a plane for each head.
//!
//! Everything is computed transposed, sixteen keys at a time: `Sᵀ = K Qᵀ` and `dPᵀ = V dOᵀ` have
//! keys as rows, so `Pᵀ` and `dSᵀ` are, rounded and packed, the left operands of `dV = Pᵀ dO` and
//! `dK = dSᵀ Q`. Only `dQ = dS K` needs a transpose, which `movmatrix` does in registers. A head's
//! gradients have one owner, its plane: no atomics, and equal inputs give equal bits.
//!
//! `Δ = rowsum(dO ∘ O)` costs no pass of its own: with `A = [V | -1 | -1]` and
//! `B = [dO | hi | lo]`, `hi + lo = dO ∘ O` exactly, one chain of products leaves `dPᵀ - Δ` in the
//! accumulator.

use core::f32::consts::LOG2_E;

use cubecl::prelude::*;

use super::parts::{Part, parts};
use super::per_query::{bring_delta, bring_lse, tile_columns};
use super::softmax::weight_of;
use super::stages::staged;
use super::{Head, Heads, Operand, PlaneConfig, RowBlock, UNROLLED_BLOCKS, held};
use crate::algorithms::scores::slope;
use crate::algorithms::{Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::chip::{Chip, UNIT_BYTES};
use crate::tile::fragment::{
    COLS, Chain, ROWS, add_product, cells, chain_dot, dot, lane_col, lane_row, store16, zeros,
};
use crate::tile::math::round_results_to;
use crate::tile::operand::{empty_operand, push_result, rows16, transposed};
use crate::tile::ptx::{F4, cp_async_wait, fma2, neg2, shared_address, zero_shared};

/// One cube for some neighbouring heads of one sequence.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn plane_backward<V: DeviceVariant, F: Float, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    out: &[Vector<F, W>],
    lse: &[f32],
    d_out: &[Vector<F, W>],
    d_q: &mut [Vector<F, W>],
    d_k: &mut [Vector<F, W>],
    d_v: &mut [Vector<F, W>],
    layouts: Layouts,
    gradients: Layouts,
    shape: Shape,
    scale: f32,
    params: V::Params,
    #[comptime] config: PlaneConfig,
    #[define(F)] dtype: ElemType,
) {
    round_results_to(dtype);
    let queries = comptime!(config.chip_shape(config.queries, config.key_columns()));
    let keys = comptime!(config.key_chip());
    let values = comptime!(config.value_chip());
    let outputs = comptime!(config.out_chip());
    let memory =
        Shared::<[u32]>::new_aligned_slice(comptime!(config.backward_bytes() / 4), 128usize);
    let zeros = shared_address::<u32>(memory.as_ptr());
    let q_start = zeros + comptime!(UNIT_BYTES as u32);
    let k_start = q_start + comptime!(queries.bytes() as u32);
    let v_start = k_start + comptime!(keys.bytes() as u32);
    let d_start = v_start + comptime!(values.bytes() as u32);
    let o_start = d_start + comptime!(outputs.bytes() as u32);
    let lse_start = if comptime!(config.keeps_delta()) {
        o_start
    } else {
        o_start + comptime!(outputs.bytes() as u32)
    };
    let delta_start = lse_start + comptime!((config.heads * config.row_len() * 4) as u32);
    let chips = Chips {
        q: Chip { start: q_start, zeros, shape: queries },
        k: Chip { start: k_start, zeros, shape: keys },
        v: Chip { start: v_start, zeros, shape: values },
        d_out: Chip { start: d_start, zeros, shape: outputs },
        out: Chip { start: o_start, zeros, shape: outputs },
        lse: lse_start,
        delta: delta_start,
    };

    let heads = Heads::of_this_cube(shape, config);
    if UNIT_POS == 0 {
        zero_shared(zeros, UNIT_BYTES);
    }
    let to_keys = comptime!(config.transfer(config.head_dim));
    let to_values = comptime!(config.transfer(config.value_dim));
    chips.q.bring(heads.start::<F, W>(q, layouts.q, config), layouts.q, to_keys);
    let from = heads.start::<F, W>(d_out, gradients.out, config);
    chips.d_out.bring(from, gradients.out, to_values);
    if comptime!(!config.keeps_delta()) {
        chips.out.bring(heads.start::<F, W>(out, layouts.out, config), layouts.out, to_values);
    }
    chips.k.bring(heads.start::<F, W>(k, layouts.k, config), layouts.k, to_keys);
    chips.v.bring(heads.start::<F, W>(v, layouts.v, config), layouts.v, to_values);
    bring_lse(lse_start, lse, heads, shape, config);
    if comptime!(config.keeps_delta()) {
        bring_delta::<F, W>(delta_start, out, d_out, layouts.out, gradients.out, heads, config);
    }
    cp_async_wait();
    sync_cube();

    let mut nth = UNIT_POS / 32;
    while nth < comptime!(config.heads as u32) {
        differentiate::<V>(chips, heads.head(nth, shape, scale), &params, config);
        nth += comptime!(config.planes as u32);
    }
    sync_cube();
    chips.q.take_out(heads.start_mut::<F, W>(d_q, gradients.q, config), gradients.q, to_keys);
    chips.k.take_out(heads.start_mut::<F, W>(d_k, gradients.k, config), gradients.k, to_keys);
    chips.v.take_out(heads.start_mut::<F, W>(d_v, gradients.v, config), gradients.v, to_values);
}

/// Everything that a cube brings on chip.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Chips {
    q: Chip,
    k: Chip,
    v: Chip,
    d_out: Chip,
    out: Chip,
    /// Shared address of `-lse · log2(e)`, one for each query of each tile.
    lse: u32,
    /// Shared address of `-Δ`, likewise, where it is kept.
    delta: u32,
}

/// The operands of a head that stay while its keys pass by.
#[derive(CubeType)]
struct QuerySide {
    q: Operand,
    q_transposed: Operand,
    d_out: Operand,
    d_out_transposed: Operand,
    out: Operand,
}

/// Gradients of a head; they replace queries, keys and values on chip.
#[cube]
fn differentiate<V: DeviceVariant>(
    chips: Chips,
    head: Head,
    params: &V::Params,
    #[comptime] config: PlaneConfig,
) {
    let (key_units, value_units) = comptime!((config.key_units(), config.value_units()));
    let (key_columns, value_columns) = comptime!((config.key_columns(), config.value_columns()));
    let registers = comptime!(config.query_blocks() * (4 * key_units + 6 * value_units));
    let hold = comptime!(held(registers * config.elements.terms()));
    let queries = QuerySide {
        q: Operand::new(chips.q, head.nth, key_units, false, hold),
        q_transposed: Operand::new(chips.q, head.nth, key_columns, true, hold),
        d_out: Operand::new(chips.d_out, head.nth, value_units, false, hold),
        d_out_transposed: Operand::new(chips.d_out, head.nth, value_columns, true, hold),
        // Where `Δ` was computed ahead, the output is not on chip.
        out: Operand::new(
            chips.out,
            head.nth,
            value_units,
            false,
            comptime!(hold && !config.keeps_delta()),
        ),
    };
    let rows = head.nth * comptime!(4 * config.row_len() as u32);
    let (lse, delta) = (chips.lse + rows, chips.delta + rows);
    let mut d_q = zeros(comptime!(config.query_blocks() * key_columns));
    let blocks = comptime!(config.key_blocks());
    let whole = comptime!(config.keys / ROWS);
    if comptime!(blocks <= UNROLLED_BLOCKS && hold) {
        #[unroll]
        for nth in 0..whole {
            let block = RowBlock::known(nth, true);
            key_block::<V>(&mut d_q, &queries, lse, delta, chips, head, block, params, config);
        }
    } else {
        for at in 0..comptime!(whole as u32).runtime() {
            let block = RowBlock::whole(at);
            key_block::<V>(&mut d_q, &queries, lse, delta, chips, head, block, params, config);
        }
    }
    if comptime!(whole < blocks) {
        let block = RowBlock::known(whole, false);
        key_block::<V>(&mut d_q, &queries, lse, delta, chips, head, block, params, config);
    }
    #[unroll]
    for block in 0..comptime!(config.query_blocks()) {
        let at = comptime!(block as u32).runtime();
        let whole = comptime!((block + 1) * ROWS <= config.queries);
        store16(
            &d_q,
            comptime!(block * key_columns),
            key_columns,
            chips.q,
            head.nth,
            at,
            head.scale,
            head.scale,
            whole,
            config.elements,
        );
    }
}

/// Sixteen keys against all queries: their `dK` and `dV`, and what they add to `dQ`.
#[allow(clippy::too_many_arguments)]
#[allow(clippy::needless_range_loop, reason = "CubeCL unrolls nothing but ranges")]
#[cube]
fn key_block<V: DeviceVariant>(
    d_q: &mut Array<F4>,
    queries: &QuerySide,
    lse: u32,
    delta: u32,
    chips: Chips,
    head: Head,
    block: RowBlock,
    params: &V::Params,
    #[comptime] config: PlaneConfig,
) {
    let elements = comptime!(config.elements);
    let (key_units, value_units) = comptime!((config.key_units(), config.value_units()));
    let (key_columns, value_columns) = comptime!((config.key_columns(), config.value_columns()));
    let (at, whole) = (block.at, comptime!(block.whole));
    let tiles = comptime!(config.backward_tiles(block.nth));
    let row = at * comptime!(ROWS as u32) + lane_row();
    let k = rows16(chips.k, head.nth, at, key_units, false, whole);
    let k_transposed = rows16(chips.k, head.nth, at, key_columns, true, whole);
    let v = rows16(chips.v, head.nth, at, value_units, false, whole);
    let mut d_k = zeros(key_columns);
    let mut d_v = zeros(value_columns);
    #[unroll]
    for query_block in 0..comptime!(config.query_blocks()) {
        let parts = comptime!(parts(query_block, &tiles, None));
        if comptime!(!parts.is_empty()) {
            let q = queries.q.block(query_block);
            let d_out = queries.d_out.block(query_block);
            let out = if comptime!(config.keeps_delta()) {
                empty_operand(elements)
            } else {
                queries.out.block(query_block)
            };
            let mut weights = empty_operand(elements);
            let mut d_scores = empty_operand(elements);
            #[unroll]
            for part in 0..comptime!(parts.len()) {
                if comptime!(parts[part] == Part::Zeros) {
                    push_result(&mut weights, F4::new(0.0f32), elements);
                    push_result(&mut d_scores, F4::new(0.0f32), elements);
                } else {
                    let tile = comptime!(2 * query_block + part);
                    let start = no_keys(row, comptime!(whole || config.scales_first()), config);
                    let raw = dot(&k, &q, part, start, elements);
                    let d_weight = if comptime!(config.keeps_delta()) {
                        dot(&v, &d_out, part, F4::new(0.0f32), elements)
                    } else {
                        d_weight(&v, &d_out, &out, part, config)
                    };
                    let (p, d_s) = score_gradient::<V>(
                        raw, d_weight, row, tile, lse, delta, head, block, params, config,
                    );
                    push_result(&mut weights, p, elements);
                    push_result(&mut d_scores, d_s, elements);
                }
            }
            let d_out_transposed = queries.d_out_transposed.block(query_block);
            add_product(&mut d_v, 0usize, &weights, &d_out_transposed, elements);
            let q_transposed = queries.q_transposed.block(query_block);
            add_product(&mut d_k, 0usize, &d_scores, &q_transposed, elements);
            let first = comptime!(query_block * key_columns);
            add_product(d_q, first, &transposed(&d_scores, elements), &k_transposed, elements);
        }
    }
    let (nth, scale) = (head.nth, head.scale);
    store16(&d_v, 0usize, value_columns, chips.v, nth, at, 1.0f32, 1.0f32, whole, elements);
    store16(&d_k, 0usize, key_columns, chips.k, nth, at, scale, scale, whole, elements);
}

/// `dPᵀ - Δ`, a 16x8 tile of it.
#[cube]
fn d_weight(
    v: &Sequence<Sequence<u32>>,
    d_out: &Sequence<Sequence<u32>>,
    out: &Sequence<Sequence<u32>>,
    #[comptime] part: usize,
    #[comptime] config: PlaneConfig,
) -> F4 {
    let half = comptime!(config.elements.half());
    let minus = comptime!(half.minus_ones()).runtime();
    let none = 0x8000_8000u32.runtime();
    let mut chain = Chain::new();
    chain_dot(&mut chain, v, d_out, part, config.elements);
    #[unroll]
    for unit in 0..comptime!(config.value_units()) {
        let d = d_out[0usize][2 * unit + part];
        let o = out[0usize][2 * unit + part];
        let high = fma2(d, o, none, half);
        let low = fma2(d, o, neg2(high, half), half);
        chain.then(minus, minus, high);
        chain.then(minus, minus, low);
    }
    chain.add_to(F4::new(0.0f32), config.elements)
}

/// `P = exp(S' - lse)` and `dS = P ∘ (dP - Δ) ∘ ∂S'/∂S`, transposed; of a sigmoid
/// `dS = P ∘ (1 - P) ∘ dP ∘ ∂S'/∂S`. Where `Δ` is not kept, `d_weight` is `dP - Δ`.
#[allow(clippy::too_many_arguments)]
#[cube]
fn score_gradient<V: DeviceVariant>(
    raw: F4,
    d_weight: F4,
    row: u32,
    #[comptime] tile: usize,
    lse: u32,
    delta: u32,
    head: Head,
    block: RowBlock,
    params: &V::Params,
    #[comptime] config: PlaneConfig,
) -> (F4, F4) {
    let normaliser = comptime!(config.normaliser);
    let minus_lse = tile_columns(lse, tile);
    let minus_delta =
        if comptime!(config.keeps_delta()) { tile_columns(delta, tile) } else { minus_lse };
    let factor =
        if comptime!(config.scales_first()) { LOG2_E.runtime() } else { head.scale * LOG2_E };
    let masks = comptime!(config.mask && !config.tiles.is_open(block.nth, tile));
    let mut weights = F4::empty();
    let mut gradients = F4::empty();
    #[unroll]
    for cell in 0..4usize {
        let key = row + comptime!(cell as u32 / 2 * 8);
        let query = lane_col() + comptime!((tile * COLS + cell % 2) as u32);
        let (at, x) = (head.cell(query, key), raw.extract(cell));
        let ragged = comptime!(!block.whole);
        let scores = staged::<V>(x, at, head.scale, params, masks, ragged, config);
        let shift = minus_lse.extract(comptime!(cell % 2));
        let weight = weight_of(scores.modified, factor, shift, normaliser);
        let mut d_normalised = d_weight.extract(cell);
        let mut weighed = weight;
        if comptime!(V::WEIGHS) {
            let by = V::weight(at.position(), params);
            d_normalised *= by;
            weighed *= by;
        }
        if comptime!(config.keeps_delta() && normaliser != Normaliser::Sigmoid) {
            d_normalised += minus_delta.extract(comptime!(cell % 2));
        }
        let mut gradient = weight * d_normalised;
        if comptime!(normaliser == Normaliser::Sigmoid) {
            gradient *= 1.0f32 - weight;
        }
        if comptime!(config.score) {
            gradient *= slope::<V>(scores.score, at, params, masks);
        }
        weights.insert(cell, weighed);
        gradients.insert(cell, gradient);
    }
    (weights, gradients)
}

/// What a tile starts from in which some rows, keys, may not exist: minus infinity there.
#[cube]
fn no_keys(row: u32, #[comptime] none: bool, #[comptime] config: PlaneConfig) -> F4 {
    if comptime!(none) {
        F4::new(0.0f32)
    } else {
        let keys = comptime!(config.keys as u32);
        let upper = select(row < keys, 0.0f32, f32::NEG_INFINITY);
        let lower = select(row + 8 < keys, 0.0f32, f32::NEG_INFINITY);
        cells(upper, upper, lower, lower)
    }
}
