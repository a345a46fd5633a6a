//! Softmax over rows, at once or online (arXiv 1805.02867).

use cubecl::prelude::*;

use crate::tile::exp::{Exp2, exp};
use crate::tile::rows::Rows;
use crate::tile::simt::Tile;

/// Running maximum and sum of each row.
#[derive(CubeType)]
pub struct Softmax<R: Size> {
    largest: Vector<f32, R>,
    sum: Vector<f32, R>,
}

#[cube]
impl<R: Size> Softmax<R> {
    /// Of no score at all.
    pub fn start() -> Softmax<R> {
        Softmax::<R> { largest: Vector::new(f32::NEG_INFINITY), sum: Vector::new(0.0f32) }
    }

    /// Turns all scores of the rows into weights that sum to [`sum`](Softmax).
    pub fn all(scores: &mut Tile<R>, #[comptime] how: Exp2) -> Softmax<R> {
        let largest = scores.row_max(Vector::new(f32::NEG_INFINITY));
        let sum = scores.exp_sub(shift::<R>(largest), how);
        Softmax::<R> { largest, sum }
    }

    /// Turns further scores into weights; what was accumulated so far shrinks by the result.
    pub fn extend(&mut self, scores: &mut Tile<R>, #[comptime] how: Exp2) -> Vector<f32, R> {
        let largest = scores.row_max(self.largest);
        let shrink = exp::<R>(self.largest - shift::<R>(largest), how);
        let sum = scores.exp_sub(shift::<R>(largest), how);
        self.sum = fma(self.sum, shrink, sum);
        self.largest = largest;
        shrink
    }

    /// What turns sums of weighted values into means: 0 where every key was masked.
    pub fn normaliser(&self) -> Vector<f32, R> {
        let nothing = self.sum.equal(&Vector::new(0.0f32));
        select_many(nothing, Vector::new(0.0f32), Vector::new(1.0f32) / self.sum)
    }

    /// The logarithm of the sum of exponentials; minus infinity where every key was masked.
    pub fn lse(&self) -> Vector<f32, R> {
        self.largest + self.sum.ln()
    }
}

/// What is subtracted from scores before the exponential. Where every score so far is minus
/// infinity, 0: the weights then are `exp(-inf) = 0` and not `exp(-inf + inf)`.
#[cube]
fn shift<R: Size>(largest: Vector<f32, R>) -> Vector<f32, R> {
    let nothing = largest.equal(&Vector::new(f32::NEG_INFINITY));
    select_many(nothing, Vector::new(0.0f32), largest)
}

/// Writes one number for each row that exists.
#[cube]
pub fn store_per_row<R: Size>(
    to: &mut [f32],
    first_row: usize,
    row: usize,
    rows: Rows,
    values: Vector<f32, R>,
) {
    let lanes = R::value();
    #[unroll]
    for lane in 0..lanes {
        if row + lane <= rows.last {
            to[first_row + row + lane] = values.extract(lane);
        }
    }
}

/// Reads one number for each row.
#[cube]
pub fn load_per_row<R: Size>(
    from: &[f32],
    first_row: usize,
    row: usize,
    rows: Rows,
) -> Vector<f32, R> {
    let lanes = R::value();
    let mut values = Vector::<f32, R>::empty();
    #[unroll]
    for lane in 0..lanes {
        values.insert(lane, from[first_row + min(row + lane, rows.last)]);
    }
    values
}

/// The log-sum-exp as the backward pass uses it: finite where every key was masked, so that the
/// recomputed weights there are 0.
#[cube]
pub fn usable_lse<R: Size>(lse: Vector<f32, R>) -> Vector<f32, R> {
    shift::<R>(lse)
}
