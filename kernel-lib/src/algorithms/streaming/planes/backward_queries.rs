//! `dQ`: sixteen queries to a plane, keys and values flow past (arXiv 2307.08691, algorithm 2, the
//! part that has queries as rows).

use cubecl::prelude::*;

use super::block_list::ListLayout;
use super::query_rows::{Differentiated, QueryRows};
use super::stream::{Flow, Own, Stream, bring_keys, is_open, is_seen, kept_of};
use super::{STAGES, StreamConfig, row_address, row_address_mut};
use crate::algorithms::{Layouts, Shape};
use crate::language::DeviceVariant;
use crate::tile::chip::Chip;
use crate::tile::fragment::{COLS, ROWS, add_to_many, lane_row, store16, zeros};
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
    let rows_of = QueryRows::new(lse, delta, group, shape, row, scale);
    let mut sums = zeros(key_columns);
    cp_async_wait();
    sync_cube();
    let holds = comptime!(config.holds(key_columns, key_units + value_units));
    let q_rows = Own::new(q_chip, plane, key_units, holds);
    let d_rows = Own::new(d_chip, plane, value_units, holds);

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
            add_keys::<V>(
                &mut sums, &rows_of, &q_rows, &d_rows, k_chip, v_chip, col, seen, keeps, &params,
                true, config,
            );
        } else {
            add_keys::<V>(
                &mut sums, &rows_of, &q_rows, &d_rows, k_chip, v_chip, col, seen, keeps, &params,
                false, config,
            );
        }
        nth += 1;
    }

    store16(&sums, 0usize, key_columns, q_chip, 0u32, plane, scale, scale, true, config.elements);
    sync_cube();
    let to = row_address_mut::<F, W>(d_q, gradients.q, group, group.head, first_row, config);
    q_chip.take_some(to, gradients.q, existing, to_keys);
}

/// `dQ += dS K` for one block of keys, of which `tiles` says what is seen, and `kept` of this lane's
/// cells.
#[allow(clippy::too_many_arguments)]
#[cube]
fn add_keys<V: DeviceVariant>(
    sums: &mut Array<F4>,
    rows_of: &QueryRows,
    q_rows: &Own,
    d_rows: &Own,
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
    let (key_units, value_units) = comptime!((config.key_units(), config.value_units()));
    let key_columns = comptime!(config.key_columns());
    #[unroll(config.unrolls())]
    for key_block in 0..comptime!(config.block / ROWS) {
        let at = key_block as u32;
        if is_seen(tiles, at, open) {
            let q = q_rows.operand();
            let d_out = d_rows.operand();
            let k = rows16(k_chip, 0u32, at, key_units, false, true);
            let v = rows16(v_chip, 0u32, at, value_units, false, true);
            let keeps = kept_of(kept, at, config);
            let mut d_scores = empty_operand(elements);
            #[unroll]
            for part in 0..2usize {
                let first = col + at * comptime!(ROWS as u32) + comptime!((part * COLS) as u32);
                let by = comptime!(Differentiated::Score);
                let d_s = rows_of.gradient::<V>(
                    &q, &d_out, &k, &v, part, first, keeps, params, by, open, config,
                );
                push_result(&mut d_scores, d_s, elements);
            }
            let k_transposed = rows16(k_chip, 0u32, at, key_columns, true, true);
            add_to_many(sums, &d_scores, &k_transposed, elements);
        }
    }
}
