//! What each cell adds to the gradient of a learned parameter, summed over groups.

use cubecl::prelude::*;

use super::Part;
use crate::algorithms::scores::{Block, learned_slope, modified};
use crate::algorithms::softmax::{load_per_row, usable_lse};
use crate::algorithms::{Layouts, Shape};
use crate::language::{DeviceVariant, LearnedStage, Normaliser};
use crate::tile::exp::{Exp2, exp, sigmoid_of};
use crate::tile::rows::Layout;
use crate::tile::simt::Tile;

/// What is fixed when the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellsConfig {
    /// The site whose gradient it is.
    pub site: usize,
    /// Its stage: the score, or the weight.
    pub stage: LearnedStage,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
    /// Keys that a unit takes together.
    pub cols: usize,
    /// Whether tiles live in registers.
    pub unroll: bool,
    /// How exponentials are taken.
    pub exp: Exp2,
    /// Whether the variant masks.
    pub mask: bool,
    /// Whether a unit adds up all its cells: they share one element.
    pub one: bool,
}

/// A unit for `R` queries and `cols` keys of a chunk of groups. Writes a matrix `[rows, keys]` for
/// each chunk of each own group, or one number for each unit. Needs `Δ`.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn learned_cells<V: DeviceVariant, F: Float, R: Size, W: Size>(
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    d_out: &[Vector<F, W>],
    lse: &[f32],
    delta: &[f32],
    sums: &mut [f32],
    layouts: Layouts,
    d_out_layout: Layout,
    shape: Shape,
    part: Part,
    scale: f32,
    params: V::Params,
    #[comptime] config: CellsConfig,
    #[define(F)] _dtype: ElemType,
) {
    let lanes = R::value();
    let cols = comptime!(config.cols);
    let row_units = part.rows.div_ceil(lanes);
    let tiles = shape.keys.div_ceil(cols);
    let tasks = part.groups * part.chunks * tiles * row_units;
    let end_row = part.first_row + part.rows;

    let mut task = ABSOLUTE_POS;
    while task < tasks {
        let row = part.first_row + task % row_units * lanes;
        let col = task / row_units % tiles * cols;
        let chunk = task / (row_units * tiles);
        let own = chunk / part.chunks;
        let first = chunk % part.chunks * part.chunk;
        let end = min(first + part.chunk, part.summed);
        let mut tile = Tile::<R>::filled(0.0f32, cols, config.unroll);

        for nth in first..end {
            let group = part.group(shape, own, nth);
            let block = Block { group, shape, row, col, transposed: false };
            add_group::<V, F, R, W>(
                &mut tile,
                q,
                k,
                v,
                d_out,
                lse,
                delta,
                layouts,
                d_out_layout,
                block,
                scale,
                &params,
                config,
            );
        }

        if comptime!(config.one) {
            let mut sum = 0.0f32.runtime();
            #[unroll(config.unroll)]
            for j in 0..cols {
                let column = tile.column(j);
                #[unroll]
                for lane in 0..lanes {
                    sum += select(row + lane < end_row, column.extract(lane), 0.0f32);
                }
            }
            sums[task] = sum;
        } else {
            let start = chunk * part.rows + row - part.first_row;
            #[unroll]
            for lane in 0..lanes {
                if row + lane < end_row {
                    #[unroll(config.unroll)]
                    for j in 0..cols {
                        if col + j < shape.keys {
                            let cell = (start + lane) * shape.keys + col + j;
                            sums[cell] = tile.column(j).extract(lane);
                        }
                    }
                }
            }
        }
        task += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Adds the cells of one group.
#[allow(clippy::too_many_arguments)]
#[cube]
fn add_group<V: DeviceVariant, F: Float, R: Size, W: Size>(
    tile: &mut Tile<R>,
    q: &[Vector<F, W>],
    k: &[Vector<F, W>],
    v: &[Vector<F, W>],
    d_out: &[Vector<F, W>],
    lse: &[f32],
    delta: &[f32],
    layouts: Layouts,
    d_out_layout: Layout,
    block: Block,
    scale: f32,
    params: &V::Params,
    #[comptime] config: CellsConfig,
) {
    let lanes = R::value();
    let (group, shape) = (block.group, block.shape);
    let queries = layouts.q.rows::<W>(group.batch, group.head, shape.queries);
    let keys = layouts.k.rows::<W>(group.batch, group.kv_head, shape.keys);
    let values = layouts.v.rows::<W>(group.batch, group.kv_head, shape.keys);
    let d_outs = d_out_layout.rows::<W>(group.batch, group.head, shape.queries);
    let mut scores = Tile::<R>::filled(0.0f32, config.cols, config.unroll);
    let mut d_weights = Tile::<R>::filled(0.0f32, config.cols, config.unroll);
    scores.add_dot_of_rows(q, queries, block.row, k, keys, block.col, config.head_dim);
    d_weights.add_dot_of_rows(d_out, d_outs, block.row, v, values, block.col, config.value_dim);

    let lse = usable_lse::<R>(load_per_row::<R>(lse, group.first_row, block.row, queries));
    let delta = load_per_row::<R>(delta, group.first_row, block.row, queries);
    #[unroll(config.unroll)]
    for j in 0..config.cols {
        let raw = scores.column(j) * Vector::new(scale);
        let mut modified_scores = Vector::<f32, R>::empty();
        let mut slopes = Vector::<f32, R>::empty();
        let mut d_normalised = d_weights.column(j);
        #[unroll]
        for lane in 0..lanes {
            let cell = block.cell(lane, j);
            let score = raw.extract(lane);
            modified_scores.insert(lane, modified::<V>(score, cell, params, true, config.mask));
            let slope =
                learned_slope::<V>(score, cell, params, config.site, config.stage, config.mask);
            slopes.insert(lane, slope);
            if comptime!(V::WEIGHS && config.stage == LearnedStage::Score) {
                let factor = V::weight(cell.position(), params);
                d_normalised.insert(lane, d_normalised.extract(lane) * factor);
            }
        }
        let sigmoid = comptime!(V::NORMALISER == Normaliser::Sigmoid);
        let weight = if comptime!(sigmoid) {
            sigmoid_of::<R>(modified_scores, config.exp)
        } else {
            exp::<R>(modified_scores - lse, config.exp)
        };
        let d_modified = if comptime!(config.stage == LearnedStage::Weight) {
            weight * d_normalised
        } else if comptime!(sigmoid) {
            weight * (Vector::new(1.0f32) - weight) * d_normalised
        } else {
            weight * (d_normalised - delta)
        };
        let gradient = d_modified * slopes;
        let gradient = select(block.has_col(j), gradient, Vector::new(0.0f32));
        tile.set_column(j, tile.column(j) + gradient);
    }
}
