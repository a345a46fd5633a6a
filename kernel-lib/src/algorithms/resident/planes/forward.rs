//! `O = softmax(Q Kᵀ) V`, a plane for each head, every score of a row in registers at once.

use core::f32::consts::{LN_2, LOG2_E};

use cubecl::prelude::*;

use super::fold::{Fold, append, folded_ones, folded_rows, folded_weights, stacked};
use super::parts::{Part, parts};
use super::softmax::{normaliser_of, ones, quad_sum, row_max, weights_of};
use super::stages::{modify_tile, no_key, weighed};
use super::{Head, Heads, Operand, PlaneConfig, RowBlock, UNROLLED_BLOCKS, held, held_beside};
use crate::algorithms::{Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::chip::{Chip, UNIT_BYTES};
use crate::tile::elements::Half;
use crate::tile::fragment::{COLS, ROWS, add_product, dot, lane_row, store16, zeros};
use crate::tile::math::round_results_to;
use crate::tile::operand::{empty_operand, push_result, rows16};
use crate::tile::ptx::{
    F4, cp_async_wait, ex2, fma2, lg2, max2, plane_max_bits, shared_address, zero_shared,
};

/// Scores below `2^96` in magnitude need no maximum: neither they nor their sums leave the range
/// of `f32`, nor that of bf16. This is the square.
const SAFE_SQUARE: f32 = 96.0 * 96.0;

/// One cube for some neighbouring heads of one sequence.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn plane_forward<V: DeviceVariant, F: Float, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    out: &mut [Vector<F, W>],
    lse: &mut [f32],
    layouts: Layouts,
    shape: Shape,
    scale: f32,
    params: V::Params,
    #[comptime] config: PlaneConfig,
    #[define(F)] dtype: ElemType,
) {
    round_results_to(dtype);
    let [queries, keys, values] =
        comptime!([config.query_chip(), config.key_chip(), config.value_chip()]);
    let memory =
        Shared::<[u32]>::new_aligned_slice(comptime!(config.forward_bytes() / 4), 128usize);
    let zeros = shared_address::<u32>(memory.as_ptr());
    let q_start = zeros + comptime!(UNIT_BYTES as u32);
    let k_start = q_start + comptime!(queries.bytes() as u32);
    let v_start = k_start + comptime!(keys.bytes() as u32);
    let chips = Chips {
        q: Chip { start: q_start, zeros, shape: queries },
        k: Chip { start: k_start, zeros, shape: keys },
        v: Chip { start: v_start, zeros, shape: values },
    };

    let heads = Heads::of_this_cube(shape, config);
    if UNIT_POS == 0 {
        zero_shared(zeros, UNIT_BYTES);
    }
    let to_keys = comptime!(config.transfer(config.head_dim));
    let to_values = comptime!(config.transfer(config.value_dim));
    chips.q.bring(heads.start::<F, W>(q, layouts.q, config), layouts.q, to_keys);
    chips.k.bring(heads.start::<F, W>(k, layouts.k, config), layouts.k, to_keys);
    chips.v.bring(heads.start::<F, W>(v, layouts.v, config), layouts.v, to_values);
    cp_async_wait();
    sync_cube();

    let mut nth = UNIT_POS / 32;
    while nth < comptime!(config.heads as u32) {
        attend::<V>(chips, heads.head(nth, shape, scale), lse, &params, config);
        nth += comptime!(config.planes as u32);
    }
    sync_cube();
    chips.q.take_out(heads.start_mut::<F, W>(out, layouts.out, config), layouts.out, to_values);
}

/// Everything that a cube brings on chip; the output replaces the queries.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Chips {
    q: Chip,
    k: Chip,
    v: Chip,
}

/// All queries of a head.
#[cube]
fn attend<V: DeviceVariant>(
    chips: Chips,
    head: Head,
    lse: &mut [f32],
    params: &V::Params,
    #[comptime] config: PlaneConfig,
) {
    let units = comptime!(config.key_units());
    let value_columns = comptime!(config.value_columns());
    let terms = comptime!(config.elements.terms());
    let value_registers = comptime!(value_columns * config.elements.tile_registers() * terms);
    let hold_keys = comptime!(held(config.key_blocks() * 2 * units * terms));
    let hold_values = comptime!(held(config.key_blocks() * value_registers));
    let keys = Operand::new(chips.k, head.nth, units, false, hold_keys);
    let values = Operand::new(chips.v, head.nth, value_columns, true, hold_values);
    let blocks = comptime!(config.query_blocks());
    let few = comptime!(blocks <= UNROLLED_BLOCKS && held_beside(blocks * 2 * units * terms));
    let queries = Operand::new(chips.q, head.nth, units, false, few);
    let mut folded = Sequence::<Sequence<Sequence<u32>>>::new();
    // A bound on the scores that is cheaper than their maximum.
    if comptime!(config.may_be_bounded() && hold_keys) {
        let factor = head.scale * LOG2_E;
        let bound = largest_square(&queries, blocks, config)
            * largest_square(&keys, comptime!(config.key_blocks()), config)
            * factor
            * factor;
        if bound < SAFE_SQUARE {
            let fold = comptime!(Fold::of(&config));
            if comptime!(fold.folds()) {
                #[unroll]
                for tile in 0..comptime!(fold.tiles(blocks)) {
                    let weights = folded_weights(&queries, chips.k, head, tile, fold, config);
                    folded.push(weights);
                }
            }
            attend_rows::<V>(
                chips, &queries, &keys, &values, &folded, head, lse, params, true, fold, config,
            );
        } else {
            let fold = comptime!(Fold::NONE);
            attend_rows::<V>(
                chips, &queries, &keys, &values, &folded, head, lse, params, false, fold, config,
            );
        }
    } else {
        let fold = comptime!(Fold::NONE);
        attend_rows::<V>(
            chips, &queries, &keys, &values, &folded, head, lse, params, false, fold, config,
        );
    }
}

/// Sixteen queries after another.
#[allow(clippy::too_many_arguments)]
#[cube]
fn attend_rows<V: DeviceVariant>(
    chips: Chips,
    queries: &Operand,
    keys: &Operand,
    values: &Operand,
    folded: &Sequence<Sequence<Sequence<u32>>>,
    head: Head,
    lse: &mut [f32],
    params: &V::Params,
    #[comptime] bounded: bool,
    #[comptime] fold: Fold,
    #[comptime] config: PlaneConfig,
) {
    let blocks = comptime!(config.query_blocks());
    let whole = comptime!(config.queries / ROWS);
    if comptime!(blocks <= UNROLLED_BLOCKS) {
        #[unroll]
        for nth in 0..whole {
            attend_block::<V>(
                chips,
                queries,
                keys,
                values,
                folded,
                head,
                RowBlock::known(nth, true),
                lse,
                params,
                bounded,
                fold,
                config,
            );
        }
    } else {
        for at in 0..comptime!(whole as u32).runtime() {
            attend_block::<V>(
                chips,
                queries,
                keys,
                values,
                folded,
                head,
                RowBlock::whole(at),
                lse,
                params,
                bounded,
                fold,
                config,
            );
        }
    }
    if comptime!(whole < blocks) {
        attend_block::<V>(
            chips,
            queries,
            keys,
            values,
            folded,
            head,
            RowBlock::known(whole, false),
            lse,
            params,
            bounded,
            fold,
            config,
        );
    }
}

/// Sixteen queries: `S = Q Kᵀ`, `P = exp(S')`, `O = P V / rowsum(P)`.
#[allow(clippy::too_many_arguments)]
#[allow(clippy::needless_range_loop, reason = "CubeCL unrolls nothing but ranges")]
#[cube]
fn attend_block<V: DeviceVariant>(
    chips: Chips,
    queries: &Operand,
    keys: &Operand,
    values: &Operand,
    folded: &Sequence<Sequence<Sequence<u32>>>,
    head: Head,
    block: RowBlock,
    lse: &mut [f32],
    params: &V::Params,
    #[comptime] bounded: bool,
    #[comptime] fold: Fold,
    #[comptime] config: PlaneConfig,
) {
    let elements = comptime!(config.elements);
    let tiles = comptime!(config.forward_tiles(block.nth, fold));
    let row = block.at * comptime!(ROWS as u32) + lane_row();
    let units = comptime!(config.key_units());
    let whole = comptime!(block.whole);
    let q = if comptime!(queries.hold && block.nth.is_some()) {
        queries.block(comptime!(block.nth.unwrap_or(0)))
    } else {
        rows16(chips.q, head.nth, block.at, units, false, whole)
    };

    let mut scores = Sequence::<F4>::new();
    #[unroll]
    for i in 0..comptime!(tiles.len()) {
        let tile = comptime!(tiles[i]);
        // Keys that do not exist start from minus infinity, which costs no instruction.
        let ragged = comptime!((tile + 1) * COLS > config.keys && !config.scales_first());
        let start = if comptime!(ragged) { no_key(tile, config) } else { F4::new(0.0f32) };
        let product = dot(&q, &keys.block(tile / 2), comptime!(tile % 2), start, elements);
        let masks = comptime!(config.mask && !config.tiles.is_open(block.nth, tile));
        scores.push(modify_tile::<V>(product, row, tile, head, params, masks, config));
    }

    // exp(x - m) = 2^(x c - m c)
    let factor =
        if comptime!(config.scales_first()) { LOG2_E.runtime() } else { head.scale * LOG2_E };
    let normaliser = comptime!(config.normaliser);
    let mut upper = 0.0f32.runtime();
    let mut lower = 0.0f32.runtime();
    if comptime!(!bounded && normaliser != Normaliser::Sigmoid) {
        let (u, l) = row_max(&scores, config);
        upper = u * factor;
        lower = l * factor;
    }
    let (mut upper_sink, mut lower_sink) = (0.0f32.runtime(), 0.0f32.runtime());
    if comptime!(normaliser == Normaliser::Sink) {
        let upper_logit = V::sink(head.cell(row, 0u32).position(), params) * LOG2_E;
        let lower_logit = V::sink(head.cell(row + 8, 0u32).position(), params) * LOG2_E;
        upper = max(upper, upper_logit);
        lower = max(lower, lower_logit);
        upper_sink = ex2(upper_logit - upper);
        lower_sink = ex2(lower_logit - lower);
    }
    let mut upper_sum = 0.0f32.runtime();
    let mut lower_sum = 0.0f32.runtime();
    let mut sums = zeros(comptime!(config.value_columns()));
    // Means are taken over the weights as they are multiplied.
    let sums_rounded = comptime!(config.sums_rounded());
    let mut rounded_sum = zeros(1usize);
    #[unroll]
    for key_block in 0..comptime!(config.key_blocks()) {
        let parts = comptime!(parts(key_block, &tiles, fold.last_tile(&config)));
        let folds = comptime!(parts.last() == Some(&Part::Folded));
        let mut weights = empty_operand(elements);
        #[unroll]
        for i in 0..comptime!(parts.len()) {
            let part = comptime!(parts[i]);
            if comptime!(part == Part::Zeros) {
                push_result(&mut weights, F4::new(0.0f32), elements);
            } else if comptime!(part == Part::Folded) {
                append(&mut weights, &folded[comptime!(fold.tile_of(block.nth))]);
            } else {
                let s = scores[comptime!(part.place_in(&tiles))];
                let p = weights_of(s, factor, upper, lower, normaliser);
                if comptime!(!sums_rounded) {
                    upper_sum += p.extract(0usize) + p.extract(1usize);
                    lower_sum += p.extract(2usize) + p.extract(3usize);
                }
                let tile = comptime!(part.tile());
                push_result(&mut weights, weighed::<V>(p, row, tile, head, params), elements);
            }
        }
        if comptime!(!parts.is_empty()) {
            let (rows, row_ones) = if comptime!(folds) {
                let own = folded_rows(chips.v, head.nth, block, fold, values.n, true);
                let own_ones = folded_ones(block, fold, config);
                if comptime!(parts.len() == 1) {
                    (own, own_ones)
                } else {
                    let ones = ones(comptime!(elements.half()));
                    (stacked(&values.block(key_block), &own), stacked(&ones, &own_ones))
                }
            } else {
                (values.block(key_block), ones(comptime!(elements.half())))
            };
            add_product(&mut sums, 0usize, &weights, &rows, elements);
            if comptime!(sums_rounded) {
                add_product(&mut rounded_sum, 0usize, &weights, &row_ones, elements);
            }
        }
    }
    if comptime!(sums_rounded) {
        let totals = rounded_sum[0];
        upper_sum = totals.extract(0usize);
        lower_sum = totals.extract(2usize);
    } else {
        upper_sum = quad_sum(upper_sum);
        lower_sum = quad_sum(lower_sum);
    }
    if comptime!(normaliser == Normaliser::Sigmoid) {
        // Nothing is normalised, and the logarithm of 1 is 0.
        upper_sum = 1.0f32;
        lower_sum = 1.0f32;
    }
    upper_sum += upper_sink;
    lower_sum += lower_sink;
    store16(
        &sums,
        0usize,
        comptime!(config.value_columns()),
        chips.q,
        head.nth,
        block.at,
        normaliser_of(upper_sum, comptime!(config.mask)),
        normaliser_of(lower_sum, comptime!(config.mask)),
        whole,
        elements,
    );

    // Four lanes know of a row; the first writes row `g`, the second row `g + 8`.
    let second = UNIT_POS_PLANE % 2 == 1;
    let mine = row + select(second, 8u32, 0u32);
    if UNIT_POS_PLANE % 4 < 2 && mine < comptime!(config.queries as u32) {
        let sum = select(second, lower_sum, upper_sum);
        let largest = select(second, lower, upper);
        lse[head.group.first_row + mine as usize] = (lg2(sum) + largest) * LN_2;
    }
}

/// At least the square of the longest row: its number of registers times the largest square of one,
/// a little more for their rounding.
#[cube]
fn largest_square(
    rows: &Operand,
    #[comptime] blocks: usize,
    #[comptime] config: PlaneConfig,
) -> f32 {
    let single = comptime!(config.elements.is_single());
    let none = 0x8000_8000u32.runtime();
    let mut largest = 0u32.runtime();
    let mut largest_single = 0.0f32.runtime();
    #[unroll]
    for block in 0..blocks {
        // Of an `f32`, the first term is all but its last bits.
        let registers = rows.block(block);
        let n = registers[0usize].len();
        #[unroll]
        for i in 0..n {
            let x = registers[0usize][i];
            if comptime!(single) {
                let x = f32::reinterpret(x);
                largest_single = max(largest_single, x * x);
            } else {
                largest = max2(largest, fma2(x, x, none, Half::Bf16), Half::Bf16);
            }
        }
    }
    if comptime!(!single) {
        largest_single =
            f32::reinterpret(largest << 16u32) + f32::reinterpret(largest & 0xFFFF_0000u32);
    }
    let longest = f32::reinterpret(plane_max_bits(u32::reinterpret(largest_single)));
    longest * comptime!(4.1 * config.key_units() as f32).runtime()
}
