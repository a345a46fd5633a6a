//! The gradients in two kernels: rows of queries past which keys flow, then rows of keys past
//! which queries flow.

use cubecl::prelude::*;

use crate::algorithms::gradient::{KeyRows, QueryRows, ScoreTiles};
use crate::algorithms::scores::Block;
use crate::algorithms::{Config, Layouts, Shape};
use crate::language::DeviceVariant;
use crate::tile::stage::{stage, staged_rows};
use crate::tile::team::Team;

/// `Δ` and `dQ`: one team for one block of query rows at a time.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn streaming_backward_queries<V: DeviceVariant, F: Float, R: Size, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    out: &[Vector<F, W>],
    lse: &[f32],
    saved: &[f32],
    d_out: &[Vector<F, W>],
    d_q: &mut [Vector<F, W>],
    delta: &mut [f32],
    layouts: Layouts,
    gradients: Layouts,
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
    let mut tiles = ScoreTiles::<R>::new(config);

    let mut first = CUBE_POS * teams;
    while first < tasks {
        let index = first + team.index as usize;
        let exists = index < tasks;
        let task = min(index, tasks - 1);
        let group = shape.group(task / row_blocks);
        let row = task % row_blocks * team_rows + team.member as usize * lanes;
        let keys = layouts.k.rows::<W>(group.batch, group.kv_head, shape.keys);
        let values = layouts.v.rows::<W>(group.batch, group.kv_head, shape.keys);
        let mut rows = QueryRows::<R>::load::<F, W>(
            q, out, d_out, lse, delta, layouts, gradients, shape, group, row, exists, scale, config,
        );
        let mut block = Block { group, shape, row, col: 0usize.runtime(), transposed: false };

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
                    rows.add_keys::<V, f32, W>(
                        &mut tiles, &k_chip, k_rows, &v_chip, v_rows, col, block, saved, &params,
                        config,
                    );
                    col += config.cols;
                }
                team.sync();
                start += count;
            }
        } else {
            while block.col < shape.keys {
                rows.add_keys::<V, F, W>(
                    &mut tiles, k, keys, v, values, block.col, block, saved, &params, config,
                );
                block.col += config.cols;
            }
        }
        if exists {
            rows.store::<F, W>(d_q, gradients, shape, group, scale);
        }
        first += CUBE_COUNT * teams;
    }
}

/// `dK` and `dV`: one team for one block of key rows at a time. Needs the `Δ` of
/// [`streaming_backward_queries`].
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn streaming_backward_keys<V: DeviceVariant, F: Float, R: Size, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    lse: &[f32],
    saved: &[f32],
    d_out: &[Vector<F, W>],
    delta: &[f32],
    d_k: &mut [Vector<F, W>],
    d_v: &mut [Vector<F, W>],
    layouts: Layouts,
    gradients: Layouts,
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
    let row_blocks = shape.keys.div_ceil(team_rows);
    let tasks = shape.groups() / shape.sharing * row_blocks;
    let mut tiles = ScoreTiles::<R>::new(config);

    let mut first = CUBE_POS * teams;
    while first < tasks {
        let index = first + team.index as usize;
        let task = min(index, tasks - 1);
        let first_group = task / row_blocks * shape.sharing;
        let row = task % row_blocks * team_rows + team.member as usize * lanes;
        let mut rows = KeyRows::<R>::load::<F, W>(
            k,
            v,
            layouts,
            shape,
            shape.group(first_group),
            row,
            scale,
            config,
        );

        for share in 0..shape.sharing {
            let group = shape.group(first_group + share);
            let queries = layouts.q.rows::<W>(group.batch, group.head, shape.queries);
            let d_outs = gradients.out.rows::<W>(group.batch, group.head, shape.queries);
            let mut block = Block { group, shape, row, col: 0usize.runtime(), transposed: true };
            if comptime!(config.block > 0) {
                let width = W::value();
                let q_chunks = comptime!(config.head_dim / width);
                let d_chunks = comptime!(config.value_dim / width);
                let count = config.block;
                let all = comptime!(config.teams as usize * count);
                let mut q_chip =
                    Shared::<[Vector<f32, W>]>::new_aligned_slice(all * q_chunks, 16usize);
                let mut d_chip =
                    Shared::<[Vector<f32, W>]>::new_aligned_slice(all * d_chunks, 16usize);
                let q_rows = staged_rows(team, count, q_chunks);
                let d_rows = staged_rows(team, count, d_chunks);
                let mut start = 0usize;
                while start < shape.queries {
                    stage::<F, W>(q, queries, start, &mut q_chip, team, count, q_chunks);
                    stage::<F, W>(d_out, d_outs, start, &mut d_chip, team, count, d_chunks);
                    team.sync();
                    let end = min(comptime!(count).runtime(), shape.queries - start);
                    let mut col = 0usize;
                    while col < end {
                        block.col = start + col;
                        rows.add_queries::<V, f32, W>(
                            &mut tiles, &q_chip, q_rows, &d_chip, d_rows, col, block, lse, delta,
                            saved, &params, config,
                        );
                        col += config.cols;
                    }
                    team.sync();
                    start += count;
                }
            } else {
                while block.col < shape.queries {
                    rows.add_queries::<V, F, W>(
                        &mut tiles, q, queries, d_out, d_outs, block.col, block, lse, delta, saved,
                        &params, config,
                    );
                    block.col += config.cols;
                }
            }
        }
        if index < tasks {
            rows.store::<F, W>(d_k, d_v, gradients, shape, shape.group(first_group), scale);
        }
        first += CUBE_COUNT * teams;
    }
}
