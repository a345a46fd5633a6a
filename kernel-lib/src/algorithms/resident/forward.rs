//! `O = softmax(Q Kᵀ) V` in one pass, every score of a row on chip at once.

use cubecl::prelude::*;

use crate::algorithms::scores::{Block, modify, save, weigh};
use crate::algorithms::softmax::{Softmax, store_per_row};
use crate::algorithms::{Config, Group, Layouts, Shape};
use crate::language::DeviceVariant;
use crate::tile::rows::Rows;
use crate::tile::simt::Tile;
use crate::tile::stage::{stage, staged_rows};
use crate::tile::team::Team;

/// One team for one group at a time.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn resident_forward<V: DeviceVariant, F: Float, R: Size, W: Size>(
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
    let mut first = CUBE_POS * teams;
    while first < shape.groups() {
        let index = first + team.index as usize;
        let group = shape.group(min(index, shape.groups() - 1));
        let keys = layouts.k.rows::<W>(group.batch, group.kv_head, shape.keys);
        let values = layouts.v.rows::<W>(group.batch, group.kv_head, shape.keys);
        if comptime!(config.block > 0) {
            let width = W::value();
            let k_chunks = comptime!(config.head_dim / width);
            let v_chunks = comptime!(config.value_dim / width);
            let count = config.cols;
            let all = comptime!(config.teams as usize * count);
            let mut k_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * k_chunks, 16usize);
            let mut v_chip = Shared::<[Vector<f32, W>]>::new_aligned_slice(all * v_chunks, 16usize);
            stage::<F, W>(k, keys, 0, &mut k_chip, team, count, k_chunks);
            stage::<F, W>(v, values, 0, &mut v_chip, team, count, v_chunks);
            team.sync();
            if index < shape.groups() {
                attend::<V, F, f32, R, W>(
                    q,
                    &k_chip,
                    staged_rows(team, count, k_chunks),
                    &v_chip,
                    staged_rows(team, count, v_chunks),
                    out,
                    lse,
                    saved,
                    layouts,
                    shape,
                    group,
                    team,
                    scale,
                    &params,
                    config,
                );
            }
            team.sync();
        } else if index < shape.groups() {
            attend::<V, F, F, R, W>(
                q, k, keys, v, values, out, lse, saved, layouts, shape, group, team, scale,
                &params, config,
            );
        }
        first += CUBE_COUNT * teams;
    }
}

/// All queries of a group, `R` rows at a time.
#[allow(clippy::too_many_arguments)]
#[cube]
fn attend<V: DeviceVariant, F: Float, E: Float, R: Size, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<E, W>],
    keys: Rows,
    v: &[Vector<E, W>],
    values: Rows,
    out: &mut [Vector<F, W>],
    lse: &mut [f32],
    saved: &mut [f32],
    layouts: Layouts,
    shape: Shape,
    group: Group,
    team: Team,
    scale: f32,
    params: &V::Params,
    #[comptime] config: Config,
) {
    let queries = layouts.q.rows::<W>(group.batch, group.head, shape.queries);
    let outputs = layouts.out.rows::<W>(group.batch, group.head, shape.queries);
    let lanes = R::value().runtime();
    let mut row = team.member as usize * lanes;
    while row < shape.queries {
        let q_tile = Tile::<R>::load(q, queries, row, scale, config.head_dim, config.unroll);
        let mut scores = Tile::<R>::filled(0.0f32, config.cols, config.unroll);
        scores.dot(&q_tile, k, keys, 0);

        let block = Block { group, shape, row, col: 0usize.runtime(), transposed: false };
        if comptime!(config.save_scores) {
            save::<R>(&scores, block, saved, config);
        }
        modify::<V, R>(&mut scores, block, params, true, config);
        let mut softmax = Softmax::<R>::start::<V>(block, params);
        // Nothing was accumulated so far that could shrink.
        let _shrink = softmax.extend(&mut scores, config.exp);
        weigh::<V, R>(&mut scores, block, params, config);

        let mut mean = Tile::<R>::filled(0.0f32, config.value_dim, config.unroll);
        mean.add_product(&scores, v, values, 0);
        mean.store(out, outputs, row, softmax.normaliser());
        store_per_row::<R>(lse, group.first_row, row, outputs, softmax.lse());
        row += comptime!(config.team as usize) * lanes;
    }
}
