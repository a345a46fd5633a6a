//! New elements from old ones.

use cubecl::prelude::*;

use super::{Row, RowSizes, element, means};
use crate::language::{DeviceRowStage, Pairing};
use crate::tile::convert::narrow;
use crate::tile::rows::{Layout, Rows};

/// What is fixed when a kernel of rows is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowsConfig {
    /// Units that share a row.
    pub lanes: usize,
    /// Whether there is a second tensor.
    pub both: bool,
}

/// Where the rows of one tensor and its new rows lie.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Way {
    pub sizes: RowSizes,
    pub from: Layout,
    pub to: Layout,
}

/// `lanes` units for each row of one tensor, or of two. No cube has rows of both, so that planes stay
/// together.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn row_values<D: DeviceRowStage, F: Float, W: Size>(
    first: &[Vector<F, W>],
    second: &[Vector<F, W>],
    first_to: &mut [Vector<F, W>],
    second_to: &mut [Vector<F, W>],
    first_way: Way,
    second_way: Way,
    params: D::Params,
    #[comptime] config: RowsConfig,
    #[define(F)] _dtype: ElemType,
) {
    let lanes = comptime!(config.lanes);
    let lane = ABSOLUTE_POS % lanes;
    let per_cube = CUBE_DIM as usize / lanes;
    let at_a_time = CUBE_COUNT * per_cube;
    let of_first = first_way.sizes.rows.div_ceil(per_cube) * per_cube;
    let mut tasks = of_first;
    if comptime!(config.both) {
        tasks += second_way.sizes.rows;
    }
    for step in 0..tasks.div_ceil(at_a_time) {
        let task = step * at_a_time + ABSOLUTE_POS / lanes;
        if comptime!(config.both) {
            if task < of_first {
                change::<D, F, W>(first, first_to, first_way, task, lane, &params, lanes);
            } else {
                let task = task - of_first;
                change::<D, F, W>(second, second_to, second_way, task, lane, &params, lanes);
            }
        } else {
            change::<D, F, W>(first, first_to, first_way, task, lane, &params, lanes);
        }
    }
}

/// One row; of those beyond the last nothing is written.
#[cube]
fn change<D: DeviceRowStage, F: Float, W: Size>(
    x: &[Vector<F, W>],
    y: &mut [Vector<F, W>],
    way: Way,
    number: usize,
    lane: usize,
    params: &D::Params,
    #[comptime] lanes: usize,
) {
    let row = way.sizes.row(min(number, way.sizes.rows - 1));
    let from = row.lies::<W>(way.from);
    let to = row.lies::<W>(way.to);
    let means = means::<D, F, W>(x, from, row, lane, lanes);
    if number < way.sizes.rows {
        let mut dim = lane;
        while dim < row.dims {
            let own = element::<F, W>(x, from, row.token, dim);
            let pair = pair_of::<D, F, W>(x, from, row, dim);
            let at = row.position(dim);
            let value = D::value(own, pair, means.plain, means.square, at, params);
            y[to.at(row.token, dim)] = narrow::<F, W>(Vector::new(value));
            dim += lanes;
        }
    }
}

/// The partner of an element, 0 where the stage asks for none.
#[cube]
pub fn pair_of<D: DeviceRowStage, F: Float, W: Size>(
    x: &[Vector<F, W>],
    rows: Rows,
    row: Row,
    dim: usize,
) -> f32 {
    if comptime!(D::PAIRING == Pairing::None) {
        0.0f32.runtime()
    } else {
        element::<F, W>(x, rows, row.token, row.partner(dim, comptime!(D::PAIRING)))
    }
}
