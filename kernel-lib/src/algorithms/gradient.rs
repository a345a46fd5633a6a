//! The backward pass, tile by tile, after FlashAttention-2 (arXiv 2307.08691, algorithm 2).
//!
//! With `P = softmax(S')`, `S'` the modified scores and `Δ = rowsum(dO ∘ O)`:
//!
//! ```text
//! dV = Pᵀ dO      dP = dO Vᵀ      dS = P ∘ (dP - Δ) ∘ ∂S'/∂S      dQ = dS K      dK = dSᵀ Q
//! ```
//!
//! A unit owns rows of queries and sums their `dQ` over all keys, or owns rows of keys and sums
//! their `dK` and `dV` over all queries. Scores are computed in both; nothing is added up across
//! units.

use cubecl::prelude::*;

use super::scores::{Block, modify, restore, score_gradient, weigh};
use super::softmax::{load_per_row, store_per_row, usable_lse};
use super::{Config, Group, Layouts, Shape};
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::exp::{exp, sigmoid_of};
use crate::tile::rows::Rows;
use crate::tile::simt::Tile;

/// One tile each of what becomes weights and what becomes their gradients.
#[derive(CubeType)]
pub struct ScoreTiles<R: Size> {
    /// Raw scores, then weights, then their gradients.
    scores: Tile<R>,
    /// `dP`, then `dS`.
    weight_gradients: Tile<R>,
    /// `∂S'/∂S`, where the variant changes the score.
    slopes: Tile<R>,
}

#[cube]
impl<R: Size> ScoreTiles<R> {
    /// Room for one tile of each.
    pub fn new(#[comptime] config: Config) -> ScoreTiles<R> {
        let slopes = if comptime!(config.score) { config.cols } else { 1usize };
        ScoreTiles::<R> {
            scores: Tile::filled(0.0f32, config.cols, config.unroll),
            weight_gradients: Tile::filled(0.0f32, config.cols, config.unroll),
            slopes: Tile::filled(0.0f32, slopes, config.unroll),
        }
    }

    /// From raw scores to modified ones, keeping the slopes.
    fn modify<V: DeviceVariant>(
        &mut self,
        block: Block,
        params: &V::Params,
        #[comptime] config: Config,
    ) {
        if comptime!(config.score) {
            score_gradient::<V, R>(&mut self.slopes, &self.scores, block, params, config);
        }
        modify::<V, R>(&mut self.scores, block, params, false, config);
    }

    /// `P = exp(S' - lse)` and `dS = P ∘ (dP - Δ) ∘ ∂S'/∂S` in column `j`; of a sigmoid
    /// `dS = P ∘ (1 - P) ∘ dP ∘ ∂S'/∂S`.
    fn differentiate<V: DeviceVariant>(
        &mut self,
        j: usize,
        lse: Vector<f32, R>,
        delta: Vector<f32, R>,
        #[comptime] config: Config,
    ) {
        let sigmoid = comptime!(V::NORMALISER == Normaliser::Sigmoid);
        let weight = if comptime!(sigmoid) {
            sigmoid_of::<R>(self.scores.column(j), config.exp)
        } else {
            exp::<R>(self.scores.column(j) - lse, config.exp)
        };
        let mut gradient = if comptime!(sigmoid) {
            weight * (Vector::new(1.0f32) - weight) * self.weight_gradients.column(j)
        } else {
            weight * (self.weight_gradients.column(j) - delta)
        };
        if comptime!(config.score) {
            gradient *= self.slopes.column(j);
        }
        self.scores.set_column(j, weight);
        self.weight_gradients.set_column(j, gradient);
    }
}

/// `R` rows of queries and their gradient.
#[derive(CubeType)]
pub struct QueryRows<R: Size> {
    q: Tile<R>,
    d_out: Tile<R>,
    d_q: Tile<R>,
    lse: Vector<f32, R>,
    delta: Vector<f32, R>,
    row: usize,
}

#[cube]
impl<R: Size> QueryRows<R> {
    /// Loads the rows and computes `Δ`, which is left in memory for the owners of keys.
    #[allow(clippy::too_many_arguments)]
    pub fn load<F: Float, W: Size>(
        q: &[Vector<F, W>],
        out: &[Vector<F, W>],
        d_out: &[Vector<F, W>],
        lse: &[f32],
        delta: &mut [f32],
        layouts: Layouts,
        gradients: Layouts,
        shape: Shape,
        group: Group,
        row: usize,
        exists: bool,
        scale: f32,
        #[comptime] config: Config,
    ) -> QueryRows<R> {
        let rows = layouts.q.rows::<W>(group.batch, group.head, shape.queries);
        let out_rows = layouts.out.rows::<W>(group.batch, group.head, shape.queries);
        let d_out_rows = gradients.out.rows::<W>(group.batch, group.head, shape.queries);
        let q_tile = Tile::<R>::load(q, rows, row, scale, config.head_dim, config.unroll);
        let o_tile = Tile::<R>::load(out, out_rows, row, 1.0f32, config.value_dim, config.unroll);
        let d_tile =
            Tile::<R>::load(d_out, d_out_rows, row, 1.0f32, config.value_dim, config.unroll);
        let delta_row = o_tile.row_dot(&d_tile);
        if exists {
            store_per_row::<R>(delta, group.first_row, row, rows, delta_row);
        }
        QueryRows::<R> {
            q: q_tile,
            d_out: d_tile,
            d_q: Tile::filled(0.0f32, config.head_dim, config.unroll),
            lse: usable_lse::<R>(load_per_row::<R>(lse, group.first_row, row, rows)),
            delta: delta_row,
            row,
        }
    }

    /// Adds what keys `first..first + cols` of the matrices contribute to `dQ`.
    #[allow(clippy::too_many_arguments)]
    pub fn add_keys<V: DeviceVariant, E: Float, W: Size>(
        &mut self,
        tiles: &mut ScoreTiles<R>,
        k: &[Vector<E, W>],
        keys: Rows,
        v: &[Vector<E, W>],
        values: Rows,
        first: usize,
        block: Block,
        saved: &[f32],
        params: &V::Params,
        #[comptime] config: Config,
    ) {
        if comptime!(config.save_scores) {
            restore::<R>(&mut tiles.scores, block, saved, config);
        } else {
            tiles.scores.dot(&self.q, k, keys, first);
        }
        tiles.modify::<V>(block, params, config);
        tiles.weight_gradients.dot(&self.d_out, v, values, first);
        weigh::<V, R>(&mut tiles.weight_gradients, block, params, config);
        #[unroll(config.unroll)]
        for j in 0..config.cols {
            tiles.differentiate::<V>(j, self.lse, self.delta, config);
        }
        self.d_q.add_product(&tiles.weight_gradients, k, keys, first);
    }

    /// Writes `dQ`.
    pub fn store<F: Float, W: Size>(
        &self,
        d_q: &mut [Vector<F, W>],
        gradients: Layouts,
        shape: Shape,
        group: Group,
        scale: f32,
    ) {
        let rows = gradients.q.rows::<W>(group.batch, group.head, shape.queries);
        self.d_q.store(d_q, rows, self.row, Vector::new(scale));
    }
}

/// `R` rows of keys and values, and their gradients.
#[derive(CubeType)]
pub struct KeyRows<R: Size> {
    k: Tile<R>,
    v: Tile<R>,
    d_k: Tile<R>,
    d_v: Tile<R>,
    row: usize,
}

#[cube]
impl<R: Size> KeyRows<R> {
    /// Loads the rows.
    #[allow(clippy::too_many_arguments)]
    pub fn load<F: Float, W: Size>(
        k: &[Vector<F, W>],
        v: &[Vector<F, W>],
        layouts: Layouts,
        shape: Shape,
        group: Group,
        row: usize,
        scale: f32,
        #[comptime] config: Config,
    ) -> KeyRows<R> {
        let keys = layouts.k.rows::<W>(group.batch, group.kv_head, shape.keys);
        let values = layouts.v.rows::<W>(group.batch, group.kv_head, shape.keys);
        KeyRows::<R> {
            k: Tile::load(k, keys, row, scale, config.head_dim, config.unroll),
            v: Tile::load(v, values, row, 1.0f32, config.value_dim, config.unroll),
            d_k: Tile::filled(0.0f32, config.head_dim, config.unroll),
            d_v: Tile::filled(0.0f32, config.value_dim, config.unroll),
            row,
        }
    }

    /// Adds what queries `first..first + cols` of the matrices contribute to `dK` and `dV`.
    ///
    /// `block` is transposed: its rows are keys.
    #[allow(clippy::too_many_arguments)]
    pub fn add_queries<V: DeviceVariant, E: Float, W: Size>(
        &mut self,
        tiles: &mut ScoreTiles<R>,
        q: &[Vector<E, W>],
        queries: Rows,
        d_out: &[Vector<E, W>],
        d_outs: Rows,
        first: usize,
        block: Block,
        lse: &[f32],
        delta: &[f32],
        saved: &[f32],
        params: &V::Params,
        #[comptime] config: Config,
    ) {
        if comptime!(config.save_scores) {
            restore::<R>(&mut tiles.scores, block, saved, config);
        } else {
            tiles.scores.dot(&self.k, q, queries, first);
        }
        tiles.modify::<V>(block, params, config);
        tiles.weight_gradients.dot(&self.v, d_out, d_outs, first);
        weigh::<V, R>(&mut tiles.weight_gradients, block, params, config);
        #[unroll(config.unroll)]
        for j in 0..config.cols {
            let query = min(block.col + j, block.shape.queries - 1);
            let at = block.group.first_row + query;
            let column_lse = usable_lse::<R>(Vector::new(lse[at]));
            tiles.differentiate::<V>(j, column_lse, Vector::new(delta[at]), config);
        }
        weigh::<V, R>(&mut tiles.scores, block, params, config);
        self.d_v.add_product(&tiles.scores, d_out, d_outs, first);
        self.d_k.add_product(&tiles.weight_gradients, q, queries, first);
    }

    /// Writes `dK` and `dV`.
    #[allow(clippy::too_many_arguments)]
    pub fn store<F: Float, W: Size>(
        &self,
        d_k: &mut [Vector<F, W>],
        d_v: &mut [Vector<F, W>],
        gradients: Layouts,
        shape: Shape,
        group: Group,
        scale: f32,
    ) {
        let keys = gradients.k.rows::<W>(group.batch, group.kv_head, shape.keys);
        let values = gradients.v.rows::<W>(group.batch, group.kv_head, shape.keys);
        self.d_k.store(d_k, keys, self.row, Vector::new(scale));
        self.d_v.store(d_v, values, self.row, Vector::new(1.0f32));
    }
}
