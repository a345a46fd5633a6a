//! Kernels that reduce the columns of a long row-major matrix, in f32 whatever its elements are.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// The column.
    Sum,
    /// The column and its square, both less the column's first value, which keeps a large mean from
    /// swallowing a small variance; combined into mean and variance.
    Statistics,
    /// `dy` and `dy * (x - mean) * inverse deviation`.
    Normalised,
}

/// Sums a stretch of rows. Cube `(b, p)` takes column block `b` and rows `p * stretch ..`; unit
/// `(lane, rank)` takes one column and every `ranks`-th row of it.
#[cube(launch)]
pub fn partial<F: Float>(
    x: &Tensor<F>,
    mean: &Tensor<f32>,
    inverse: &Tensor<f32>,
    dy: &Tensor<F>,
    first: &mut Tensor<f32>,
    second: &mut Tensor<f32>,
    stretch: usize,
    #[comptime] pass: Pass,
    #[comptime] lanes: u32,
    #[comptime] ranks: u32,
    #[define(F)] _elem: ElemType,
) {
    let rows = x.shape(0);
    let columns = x.shape(1);
    let column = (CUBE_POS_X * lanes + UNIT_POS_X) as usize;
    let inside = column < columns;
    let from = CUBE_POS_Y as usize * stretch;
    let to = min(from + stretch, rows);
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    if inside {
        let mut shift = 0.0f32;
        let mut scale = 1.0f32;
        if comptime!(pass == Pass::Statistics) {
            shift = f32::cast_from(x[column]);
        }
        if comptime!(pass == Pass::Normalised) {
            shift = mean[column];
            scale = inverse[column];
        }
        let mut row = from + UNIT_POS_Y as usize;
        while row < to {
            let at = row * columns + column;
            match comptime!(pass) {
                Pass::Sum => {
                    a += f32::cast_from(x[at]);
                }
                Pass::Statistics => {
                    let value = f32::cast_from(x[at]) - shift;
                    a += value;
                    b += value * value;
                }
                Pass::Normalised => {
                    let gradient = f32::cast_from(dy[at]);
                    a += gradient;
                    b += gradient * (f32::cast_from(x[at]) - shift) * scale;
                }
            }
            row += ranks as usize;
        }
    }
    let a = across_ranks(a, lanes, ranks);
    let target = CUBE_POS_Y as usize * columns + column;
    if comptime!(pass == Pass::Sum) {
        if inside && UNIT_POS_Y == 0 {
            first[target] = a;
        }
    } else {
        let b = across_ranks(b, lanes, ranks);
        if inside && UNIT_POS_Y == 0 {
            first[target] = a;
            second[target] = b;
        }
    }
}

/// Sums the stretches, and finishes the statistics of `rows` rows of `x`.
#[cube(launch)]
pub fn combine<F: Float>(
    first: &Tensor<f32>,
    second: &Tensor<f32>,
    x: &Tensor<F>,
    out_first: &mut Tensor<f32>,
    out_second: &mut Tensor<f32>,
    rows: usize,
    #[comptime] pass: Pass,
    #[comptime] lanes: u32,
    #[comptime] ranks: u32,
    #[define(F)] _elem: ElemType,
) {
    let parts = first.shape(0);
    let columns = first.shape(1);
    let column = (CUBE_POS_X * lanes + UNIT_POS_X) as usize;
    let inside = column < columns;
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    if inside {
        let mut part = UNIT_POS_Y as usize;
        while part < parts {
            a += first[part * columns + column];
            if comptime!(pass != Pass::Sum) {
                b += second[part * columns + column];
            }
            part += ranks as usize;
        }
    }
    let a = across_ranks(a, lanes, ranks);
    match comptime!(pass) {
        Pass::Sum => {
            if inside && UNIT_POS_Y == 0 {
                out_first[column] = a;
            }
        }
        Pass::Statistics => {
            let b = across_ranks(b, lanes, ranks);
            if inside && UNIT_POS_Y == 0 {
                let count = f32::cast_from(rows);
                let mean = a / count;
                out_first[column] = f32::cast_from(x[column]) + mean;
                out_second[column] = max(b / count - mean * mean, 0.0f32);
            }
        }
        Pass::Normalised => {
            let b = across_ranks(b, lanes, ranks);
            if inside && UNIT_POS_Y == 0 {
                out_first[column] = a;
                out_second[column] = b;
            }
        }
    }
}

/// The sum over all ranks of a lane's value, in rank 0.
#[cube]
fn across_ranks(value: f32, #[comptime] lanes: u32, #[comptime] ranks: u32) -> f32 {
    let mut shared: Shared<[f32]> = Shared::new_slice(comptime!((lanes * ranks) as usize));
    let lane = UNIT_POS_X as usize;
    let rank = UNIT_POS_Y as usize;
    shared[rank * comptime!(lanes as usize) + lane] = value;
    sync_cube();
    let mut sum = 0.0f32;
    if rank == 0 {
        for other in 0..comptime!(ranks as usize) {
            sum += shared[other * comptime!(lanes as usize) + lane];
        }
    }
    sync_cube();
    sum
}
