//! Gradients of old elements from those of new ones.

use cubecl::prelude::*;

use super::values::{RowsConfig, Way, pair_of};
use super::{element, means, sum_of_lanes};
use crate::language::{DeviceRowStage, Pairing, RowInput};
use crate::tile::convert::narrow;
use crate::tile::rows::Layout;

/// `lanes` units for each row of one tensor, or of two, as for new elements. A way is that of the
/// old elements and of their gradients; `d_new` are the gradients of the new ones.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn row_gradients<D: DeviceRowStage, F: Float, W: Size>(
    first: &[Vector<F, W>],
    second: &[Vector<F, W>],
    first_d_new: &[Vector<F, W>],
    second_d_new: &[Vector<F, W>],
    first_to: &mut [Vector<F, W>],
    second_to: &mut [Vector<F, W>],
    first_way: Way,
    second_way: Way,
    first_new: Layout,
    second_new: Layout,
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
                reverse::<D, F, W>(
                    first,
                    first_d_new,
                    first_to,
                    first_way,
                    first_new,
                    task,
                    lane,
                    &params,
                    lanes,
                );
            } else {
                reverse::<D, F, W>(
                    second,
                    second_d_new,
                    second_to,
                    second_way,
                    second_new,
                    task - of_first,
                    lane,
                    &params,
                    lanes,
                );
            }
        } else {
            reverse::<D, F, W>(
                first,
                first_d_new,
                first_to,
                first_way,
                first_new,
                task,
                lane,
                &params,
                lanes,
            );
        }
    }
}

/// One row; of those beyond the last nothing is written.
#[allow(clippy::too_many_arguments)]
#[cube]
fn reverse<D: DeviceRowStage, F: Float, W: Size>(
    x: &[Vector<F, W>],
    d_y: &[Vector<F, W>],
    d_x: &mut [Vector<F, W>],
    way: Way,
    d_y_layout: Layout,
    number: usize,
    lane: usize,
    params: &D::Params,
    #[comptime] lanes: usize,
) {
    let row = way.sizes.row(min(number, way.sizes.rows - 1));
    let from = row.lies::<W>(way.from);
    let to = row.lies::<W>(way.to);
    let d_new = row.lies::<W>(d_y_layout);
    let token = row.token;
    let means = means::<D, F, W>(x, from, row, lane, lanes);

    let mut of_mean = 0.0f32.runtime();
    let mut of_square = 0.0f32.runtime();
    if comptime!(D::MEAN || D::MEAN_SQUARE) {
        let mut dim = lane;
        while dim < row.dims {
            let own = element::<F, W>(x, from, token, dim);
            let pair = pair_of::<D, F, W>(x, from, row, dim);
            let d = element::<F, W>(d_y, d_new, token, dim);
            let at = row.position(dim);
            if comptime!(D::MEAN) {
                let of = comptime!(RowInput::Mean);
                of_mean += d * D::slope(own, pair, means.plain, means.square, at, params, of);
            }
            if comptime!(D::MEAN_SQUARE) {
                let of = comptime!(RowInput::MeanSquare);
                of_square += d * D::slope(own, pair, means.plain, means.square, at, params, of);
            }
            dim += lanes;
        }
        let count = f32::cast_from(row.dims as u32);
        of_mean = sum_of_lanes(of_mean, lanes) / count;
        of_square = sum_of_lanes(of_square, lanes) / count;
    }

    if number < way.sizes.rows {
        let mut dim = lane;
        while dim < row.dims {
            let own = element::<F, W>(x, from, token, dim);
            let pair = pair_of::<D, F, W>(x, from, row, dim);
            let at = row.position(dim);
            let of = comptime!(RowInput::Element);
            let slope = D::slope(own, pair, means.plain, means.square, at, params, of);
            let mut d = element::<F, W>(d_y, d_new, token, dim) * slope;
            if comptime!(D::PAIRING != Pairing::None) {
                // The partner's new element has this one as its partner.
                let partner = row.partner(dim, comptime!(D::PAIRING));
                let at = row.position(partner);
                let of = comptime!(RowInput::Pair);
                let slope = D::slope(pair, own, means.plain, means.square, at, params, of);
                d += element::<F, W>(d_y, d_new, token, partner) * slope;
            }
            if comptime!(D::MEAN) {
                d += of_mean;
            }
            if comptime!(D::MEAN_SQUARE) {
                d += 2.0f32 * own * of_square;
            }
            d_x[to.at(token, dim)] = narrow::<F, W>(Vector::new(d));
            dim += lanes;
        }
    }
}
