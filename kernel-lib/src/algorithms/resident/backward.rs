//! All three gradients of a head in one kernel, keys and queries on chip.

use cubecl::prelude::*;

use crate::algorithms::gradient::{KeyRows, QueryRows, ScoreTiles};
use crate::algorithms::scores::Block;
use crate::algorithms::{Config, Group, Layouts, Shape};
use crate::language::DeviceVariant;
use crate::tile::rows::Rows;
use crate::tile::stage::{stage, staged_rows};
use crate::tile::team::Team;

/// One team for one key head at a time, with all query heads that share it.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn resident_backward<V: DeviceVariant, F: Float, R: Size, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    out: &[Vector<F, W>],
    lse: &[f32],
    saved: &[f32],
    d_out: &[Vector<F, W>],
    d_q: &mut [Vector<F, W>],
    d_k: &mut [Vector<F, W>],
    d_v: &mut [Vector<F, W>],
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
    let tasks = shape.groups() / shape.sharing;
    let mut first = CUBE_POS * teams;
    while first < tasks {
        let index = first + team.index as usize;
        let exists = index < tasks;
        let first_group = min(index, tasks - 1) * shape.sharing;
        if comptime!(config.block > 0) {
            // The plan allows this for one query head to a key head only.
            let group = shape.group(first_group);
            let keys = layouts.k.rows::<W>(group.batch, group.kv_head, shape.keys);
            let values = layouts.v.rows::<W>(group.batch, group.kv_head, shape.keys);
            let queries = layouts.q.rows::<W>(group.batch, group.head, shape.queries);
            let d_outs = gradients.out.rows::<W>(group.batch, group.head, shape.queries);
            let width = W::value();
            let k_chunks = comptime!(config.head_dim / width);
            let v_chunks = comptime!(config.value_dim / width);
            let count = config.block;
            let all = comptime!(config.teams as usize * count);
            let mut k_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * k_chunks, 16usize);
            let mut v_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * v_chunks, 16usize);
            let mut q_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * k_chunks, 16usize);
            let mut d_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * v_chunks, 16usize);
            stage::<F, W>(k, keys, 0, &mut k_chip, team, count, k_chunks);
            stage::<F, W>(v, values, 0, &mut v_chip, team, count, v_chunks);
            stage::<F, W>(q, queries, 0, &mut q_chip, team, count, k_chunks);
            stage::<F, W>(d_out, d_outs, 0, &mut d_chip, team, count, v_chunks);
            let k_rows = staged_rows(team, count, k_chunks);
            let v_rows = staged_rows(team, count, v_chunks);
            team.sync();
            if exists {
                queries_of_group::<V, F, f32, R, W>(
                    q, &k_chip, k_rows, &v_chip, v_rows, out, lse, saved, d_out, d_q, delta,
                    layouts, gradients, shape, group, team, scale, &params, config,
                );
            }
            // The owners of keys read what the owners of queries left in `delta`.
            team.sync();
            if exists {
                keys_of_head::<V, F, f32, R, W>(
                    k,
                    v,
                    &q_chip,
                    &d_chip,
                    lse,
                    saved,
                    d_k,
                    d_v,
                    &*delta,
                    layouts,
                    gradients,
                    shape,
                    first_group,
                    team,
                    scale,
                    &params,
                    config,
                );
            }
            team.sync();
        } else {
            if exists {
                for share in 0..shape.sharing {
                    let group = shape.group(first_group + share);
                    let keys = layouts.k.rows::<W>(group.batch, group.kv_head, shape.keys);
                    let values = layouts.v.rows::<W>(group.batch, group.kv_head, shape.keys);
                    queries_of_group::<V, F, F, R, W>(
                        q, k, keys, v, values, out, lse, saved, d_out, d_q, delta, layouts,
                        gradients, shape, group, team, scale, &params, config,
                    );
                }
            }
            team.sync();
            if exists {
                keys_of_head::<V, F, F, R, W>(
                    k,
                    v,
                    q,
                    d_out,
                    lse,
                    saved,
                    d_k,
                    d_v,
                    &*delta,
                    layouts,
                    gradients,
                    shape,
                    first_group,
                    team,
                    scale,
                    &params,
                    config,
                );
            }
        }
        first += CUBE_COUNT * teams;
    }
}

/// `Δ` and `dQ` of one group.
#[allow(clippy::too_many_arguments)]
#[cube]
fn queries_of_group<V: DeviceVariant, F: Float, E: Float, R: Size, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<E, W>],
    keys: Rows,
    v: &[Vector<E, W>],
    values: Rows,
    out: &[Vector<F, W>],
    lse: &[f32],
    saved: &[f32],
    d_out: &[Vector<F, W>],
    d_q: &mut [Vector<F, W>],
    delta: &mut [f32],
    layouts: Layouts,
    gradients: Layouts,
    shape: Shape,
    group: Group,
    team: Team,
    scale: f32,
    params: &V::Params,
    #[comptime] config: Config,
) {
    let lanes = R::value().runtime();
    let mut tiles = ScoreTiles::<R>::new(config);
    let mut row = team.member as usize * lanes;
    while row < shape.queries {
        let mut rows = QueryRows::<R>::load::<F, W>(
            q, out, d_out, lse, delta, layouts, gradients, shape, group, row, true, scale, config,
        );
        let mut col = 0usize;
        while col < shape.keys {
            let block = Block { group, shape, row, col, transposed: false };
            rows.add_keys::<V, E, W>(
                &mut tiles, k, keys, v, values, col, block, saved, params, config,
            );
            col += config.cols;
        }
        rows.store::<F, W>(d_q, gradients, shape, group, scale);
        row += comptime!(config.team as usize) * lanes;
    }
}

/// `dK` and `dV` of one key head, over the query heads that share it.
#[allow(clippy::too_many_arguments)]
#[cube]
fn keys_of_head<V: DeviceVariant, F: Float, E: Float, R: Size, W: Size>(
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    q: &[Vector<E, W>],
    d_out: &[Vector<E, W>],
    lse: &[f32],
    saved: &[f32],
    d_k: &mut [Vector<F, W>],
    d_v: &mut [Vector<F, W>],
    delta: &[f32],
    layouts: Layouts,
    gradients: Layouts,
    shape: Shape,
    first_group: usize,
    team: Team,
    scale: f32,
    params: &V::Params,
    #[comptime] config: Config,
) {
    let lanes = R::value().runtime();
    let mut tiles = ScoreTiles::<R>::new(config);
    let mut row = team.member as usize * lanes;
    while row < shape.keys {
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
            let queries =
                query_side_rows::<W>(layouts.q, shape, group, team, config, config.head_dim);
            let d_outs =
                query_side_rows::<W>(gradients.out, shape, group, team, config, config.value_dim);
            let mut col = 0usize;
            while col < shape.queries {
                let block = Block { group, shape, row, col, transposed: true };
                rows.add_queries::<V, E, W>(
                    &mut tiles, q, queries, d_out, d_outs, col, block, lse, delta, saved, params,
                    config,
                );
                col += config.cols;
            }
        }
        rows.store::<F, W>(d_k, d_v, gradients, shape, shape.group(first_group), scale);
        row += comptime!(config.team as usize) * lanes;
    }
}

/// Where a group's queries or output gradients are: on chip, or where they always were.
#[cube]
fn query_side_rows<W: Size>(
    layout: crate::tile::rows::Layout,
    shape: Shape,
    group: Group,
    team: Team,
    #[comptime] config: Config,
    #[comptime] dim: usize,
) -> Rows {
    if comptime!(config.block > 0) {
        let width = W::value();
        staged_rows(team, config.block, comptime!(dim / width))
    } else {
        layout.rows::<W>(group.batch, group.head, shape.queries)
    }
}
