//! `O = softmax(Q Kᵀ) V` with online softmax: blocks of keys flow past rows of queries.

use cubecl::prelude::*;

use crate::algorithms::scores::{Block, modify, save, weigh};
use crate::algorithms::softmax::{Softmax, store_per_row};
use crate::algorithms::{Config, Layouts, Shape};
use crate::language::DeviceVariant;
use crate::tile::rows::Rows;
use crate::tile::simt::Tile;
use crate::tile::stage::{stage, staged_rows};
use crate::tile::team::Team;

/// One team for one block of query rows at a time; every unit owns `R` of them.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn streaming_forward<V: DeviceVariant, F: Float, R: Size, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    out: &mut [Vector<F, W>],
    lse: &mut [f32],
    saved: &mut [f32],
    layouts: Layouts,
    shape: Shape,
    scale: f32,
    params: V::Params,
    #[comptime] config: Config,
    #[define(F)] _dtype: ElemType,
) {
    let team = Team::of_this_unit(config.team);
    let teams = comptime!(config.teams as usize).runtime();
    let lanes = R::value().runtime();
    let team_rows = comptime!(config.team as usize).runtime() * lanes;
    let row_blocks = shape.queries.div_ceil(team_rows);
    let tasks = shape.groups() * row_blocks;

    let mut first = CUBE_POS * teams;
    while first < tasks {
        let index = first + team.index as usize;
        let task = min(index, tasks - 1);
        let group = shape.group(task / row_blocks);
        let row = task % row_blocks * team_rows + team.member as usize * lanes;
        let queries = layouts.q.rows::<W>(group.batch, group.head, shape.queries);
        let keys = layouts.k.rows::<W>(group.batch, group.kv_head, shape.keys);
        let values = layouts.v.rows::<W>(group.batch, group.kv_head, shape.keys);

        let q_tile = Tile::<R>::load(q, queries, row, scale, config.head_dim, config.unroll);
        let mut mean = Tile::<R>::filled(0.0f32, config.value_dim, config.unroll);
        let mut scores = Tile::<R>::filled(0.0f32, config.cols, config.unroll);
        let mut block = Block { group, shape, row, col: 0usize.runtime(), transposed: false };
        let mut softmax = Softmax::<R>::start::<V>(block, &params);

        if comptime!(config.block > 0) {
            let width = W::value();
            let k_chunks = comptime!(config.head_dim / width);
            let v_chunks = comptime!(config.value_dim / width);
            let count = config.block;
            let all = comptime!(config.teams as usize * count);
            let mut k_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * k_chunks, 16usize);
            let mut v_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * v_chunks, 16usize);
            let k_rows = staged_rows(team, count, k_chunks);
            let v_rows = staged_rows(team, count, v_chunks);
            let mut start = 0usize;
            while start < shape.keys {
                stage::<F, W>(k, keys, start, &mut k_chip, team, count, k_chunks);
                stage::<F, W>(v, values, start, &mut v_chip, team, count, v_chunks);
                team.sync();
                let end = min(comptime!(count).runtime(), shape.keys - start);
                let mut col = 0usize;
                while col < end {
                    block.col = start + col;
                    extend::<V, f32, R, W>(
                        &q_tile,
                        &mut scores,
                        &mut softmax,
                        &mut mean,
                        &k_chip,
                        k_rows,
                        &v_chip,
                        v_rows,
                        col,
                        block,
                        saved,
                        &params,
                        config,
                    );
                    col += config.cols;
                }
                team.sync();
                start += count;
            }
        } else {
            while block.col < shape.keys {
                extend::<V, F, R, W>(
                    &q_tile,
                    &mut scores,
                    &mut softmax,
                    &mut mean,
                    k,
                    keys,
                    v,
                    values,
                    block.col,
                    block,
                    saved,
                    &params,
                    config,
                );
                block.col += config.cols;
            }
        }

        if index < tasks {
            let outputs = layouts.out.rows::<W>(group.batch, group.head, shape.queries);
            mean.store(out, outputs, row, softmax.normaliser());
            store_per_row::<R>(lse, group.first_row, row, outputs, softmax.lse());
        }
        first += CUBE_COUNT * teams;
    }
}

/// One tile of scores: keys `first..first + cols` of the matrices, columns `block.col..` of the head.
#[allow(clippy::too_many_arguments)]
#[cube]
fn extend<V: DeviceVariant, E: Float, R: Size, W: Size>(
    q_tile: &Tile<R>,
    scores: &mut Tile<R>,
    softmax: &mut Softmax<R>,
    mean: &mut Tile<R>,
    k: &[Vector<E, W>],
    keys: Rows,
    v: &[Vector<E, W>],
    values: Rows,
    first: usize,
    block: Block,
    saved: &mut [f32],
    params: &V::Params,
    #[comptime] config: Config,
) {
    scores.dot(q_tile, k, keys, first);
    if comptime!(config.save_scores) {
        save::<R>(&*scores, block, saved, config);
    }
    modify::<V, R>(scores, block, params, false, config);
    let shrink = softmax.extend(scores, config.exp);
    weigh::<V, R>(scores, block, params, config);
    mean.scale_rows(shrink);
    mean.add_product(&*scores, v, values, first);
}
