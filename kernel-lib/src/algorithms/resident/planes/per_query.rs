//! One number for each query, on chip: the log-sum-exp and `Δ`, as the backward pass takes them.

use core::f32::consts::LOG2_E;

use cubecl::prelude::*;

use super::{Heads, PlaneConfig};
use crate::algorithms::Shape;
use crate::tile::fragment::{COLS, lane_col};
use crate::tile::ptx::{load_shared_pair, store_shared_f32};
use crate::tile::rows::Layout;

/// What queries that do not exist have for a log-sum-exp: their weights are 0.
const NO_QUERY: f32 = 1.0e30;

/// Brings the log-sum-exps of this cube's heads, as the exponential takes them.
#[cube]
pub fn bring_lse(
    to: u32,
    lse: &[f32],
    heads: Heads,
    shape: Shape,
    #[comptime] config: PlaneConfig,
) {
    let each = comptime!(config.row_len() as u32);
    let all = comptime!((config.heads * config.row_len()) as u32);
    let workers = comptime!(32 * config.planes as u32);
    let steps = comptime!(all.div_ceil(workers));
    let first_row = (heads.batch * shape.heads + heads.first) * shape.queries;
    // All reads before the first write, so that they wait for memory together.
    let mut values = Sequence::<f32>::new();
    #[unroll]
    for step in 0..steps {
        let at = min(UNIT_POS + comptime!(step * workers), comptime!(all - 1));
        let query = at % each;
        let existing = min(query, comptime!(config.queries as u32 - 1));
        let row = first_row + (at / each) as usize * shape.queries + existing as usize;
        let mut x = lse[row] * (-LOG2_E);
        if comptime!(config.mask) {
            // Where every key is masked: weights are then exp(-inf - 0) = 0.
            x = select(x == f32::INFINITY, 0.0f32, x);
        }
        values.push(select(query == existing, x, -NO_QUERY));
    }
    #[unroll]
    for step in 0..steps {
        let at = UNIT_POS + comptime!(step * workers);
        let full = comptime!((step + 1) * workers <= all);
        let exists = if comptime!(full) { true.runtime() } else { at < all };
        if exists {
            store_shared_f32(to + at * 4, values[comptime!(step as usize)]);
        }
    }
}

/// Computes `Δ = rowsum(dO ∘ O)` for this cube's heads.
#[cube]
pub fn bring_delta<F: Float, W: Size>(
    to: u32,
    out: &[Vector<F, W>],
    d_out: &[Vector<F, W>],
    out_layout: Layout,
    d_out_layout: Layout,
    heads: Heads,
    #[comptime] config: PlaneConfig,
) {
    let each = comptime!(config.row_len() as u32);
    let all = comptime!((config.heads * config.row_len()) as u32);
    let workers = comptime!(32 * config.planes as u32);
    let width = W::value();
    let queries = comptime!(config.queries);
    #[unroll]
    for step in 0..comptime!(all.div_ceil(workers)) {
        let at = UNIT_POS + comptime!(step * workers);
        if at < all {
            let query = (at % each) as usize;
            let head = heads.first + (at / each) as usize;
            let out_rows = out_layout.rows::<W>(heads.batch, head, queries);
            let d_out_rows = d_out_layout.rows::<W>(heads.batch, head, queries);
            let mut sum = Vector::<f32, W>::new(0.0f32);
            #[unroll]
            for chunk in 0..comptime!(config.value_dim / width) {
                let o = Vector::<f32, W>::cast_from(out[out_rows.at(query, chunk)]);
                let d = Vector::<f32, W>::cast_from(d_out[d_out_rows.at(query, chunk)]);
                sum = fma(o, d, sum);
            }
            let mut delta = 0.0f32.runtime();
            #[unroll]
            for w in 0..width {
                delta -= sum.extract(w);
            }
            store_shared_f32(to + at * 4, select(query < queries, delta, 0.0f32));
        }
    }
}

/// This lane's two columns of a tile of queries.
#[cube]
pub fn tile_columns(rows: u32, #[comptime] tile: usize) -> Vector<f32, Const<2>> {
    load_shared_pair(rows + (lane_col() + comptime!((tile * COLS) as u32)) * 4)
}
