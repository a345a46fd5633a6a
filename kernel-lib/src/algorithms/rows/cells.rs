//! What each element of a row adds to the gradient of a learned parameter, summed over groups: the
//! first of the three steps that are described for scores.

use cubecl::prelude::*;

use super::values::pair_of;
use super::{Row, element, means};
use crate::algorithms::Shape;
use crate::algorithms::learned::Part;
use crate::language::DeviceRowStage;
use crate::tile::rows::Layout;
use crate::tile::simt::Tile;

/// What is fixed when the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowCellsConfig {
    /// The site whose gradient it is.
    pub site: usize,
    /// Dimensions that a unit takes together.
    pub cols: usize,
    /// Whether tiles live in registers.
    pub unroll: bool,
    /// Whether a unit adds up all its cells: they share one element.
    pub one: bool,
}

/// A unit for `R` tokens and `cols` dimensions of a chunk of groups; in `shape` tokens are queries and
/// dimensions keys. Writes a matrix `[tokens, dims]` for each chunk of each own group, or one number
/// for each unit.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn row_cells<D: DeviceRowStage, F: Float, R: Size, W: Size>(
    x: &[Vector<F, W>],
    d_y: &[Vector<F, W>],
    sums: &mut [f32],
    x_layout: Layout,
    d_y_layout: Layout,
    shape: Shape,
    part: Part,
    params: D::Params,
    #[comptime] config: RowCellsConfig,
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
        let first_token = part.first_row + task % row_units * lanes;
        let col = task / row_units % tiles * cols;
        let chunk = task / (row_units * tiles);
        let own = chunk / part.chunks;
        let first = chunk % part.chunks * part.chunk;
        let end = min(first + part.chunk, part.summed);
        let mut tile = Tile::<R>::filled(0.0f32, cols, config.unroll);

        for nth in first..end {
            let group = part.group(shape, own, nth);
            #[unroll]
            for lane in 0..lanes {
                let row = Row {
                    batch: group.batch,
                    head: group.head,
                    token: min(first_token + lane, end_row - 1),
                    tokens: shape.queries,
                    dims: shape.keys,
                };
                add_row::<D, F, R, W>(
                    &mut tile, x, d_y, x_layout, d_y_layout, row, col, &params, lane, config,
                );
            }
        }

        if comptime!(config.one) {
            let mut sum = 0.0f32.runtime();
            #[unroll(config.unroll)]
            for j in 0..cols {
                let column = tile.column(j);
                #[unroll]
                for lane in 0..lanes {
                    let exists = first_token + lane < end_row && col + j < shape.keys;
                    sum += select(exists, column.extract(lane), 0.0f32);
                }
            }
            sums[task] = sum;
        } else {
            let start = chunk * part.rows + first_token - part.first_row;
            #[unroll]
            for lane in 0..lanes {
                if first_token + lane < end_row {
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

/// Adds the elements of one row from `col` on; those beyond the last are the last again.
#[allow(clippy::too_many_arguments)]
#[cube]
fn add_row<D: DeviceRowStage, F: Float, R: Size, W: Size>(
    tile: &mut Tile<R>,
    x: &[Vector<F, W>],
    d_y: &[Vector<F, W>],
    x_layout: Layout,
    d_y_layout: Layout,
    row: Row,
    col: usize,
    params: &D::Params,
    #[comptime] lane: usize,
    #[comptime] config: RowCellsConfig,
) {
    let from = row.lies::<W>(x_layout);
    let d_new = row.lies::<W>(d_y_layout);
    let means = means::<D, F, W>(x, from, row, 0usize.runtime(), 1usize);
    #[unroll(config.unroll)]
    for j in 0..config.cols {
        let dim = min(col + j, row.dims - 1);
        let own = element::<F, W>(x, from, row.token, dim);
        let pair = pair_of::<D, F, W>(x, from, row, dim);
        let d = element::<F, W>(d_y, d_new, row.token, dim);
        let at = row.position(dim);
        let slope = D::learned_grad(own, pair, means.plain, means.square, at, params, config.site);
        let mut column = tile.column(j);
        column.insert(lane, column.extract(lane) + d * slope);
        tile.set_column(j, column);
    }
}
