//! From scores to weights over rows: softmax at once or online (arXiv 1805.02867), with or without
//! a sink, or a sigmoid for each weight.

use cubecl::prelude::*;

use super::scores::Block;
use crate::language::{DeviceVariant, Normaliser};
use crate::tile::exp::{Exp2, exp};
use crate::tile::rows::Rows;
use crate::tile::simt::Tile;

/// Running maximum and sum of each row.
#[derive(CubeType)]
pub struct Softmax<R: Size> {
    largest: Vector<f32, R>,
    sum: Vector<f32, R>,
    #[cube(comptime)]
    normaliser: Normaliser,
}

#[cube]
impl<R: Size> Softmax<R> {
    /// Of no score at all, or of each row's sink alone.
    pub fn start<V: DeviceVariant>(block: Block, params: &V::Params) -> Softmax<R> {
        let normaliser = comptime!(V::NORMALISER);
        if comptime!(normaliser == Normaliser::Sink) {
            let lanes = R::value();
            let mut largest = Vector::<f32, R>::empty();
            #[unroll]
            for lane in 0..lanes {
                largest.insert(lane, V::sink(block.cell(lane, 0usize).position(), params));
            }
            Softmax::<R> { largest, sum: Vector::new(1.0f32), normaliser }
        } else {
            let largest = Vector::new(f32::NEG_INFINITY);
            Softmax::<R> { largest, sum: Vector::new(0.0f32), normaliser }
        }
    }

    /// Turns scores into weights; what was accumulated so far shrinks by the result.
    pub fn extend(&mut self, scores: &mut Tile<R>, #[comptime] how: Exp2) -> Vector<f32, R> {
        if comptime!(self.normaliser == Normaliser::Sigmoid) {
            scores.sigmoid(how);
            Vector::new(1.0f32)
        } else {
            self.extend_sum(scores, how)
        }
    }

    fn extend_sum(&mut self, scores: &mut Tile<R>, #[comptime] how: Exp2) -> Vector<f32, R> {
        let largest = scores.row_max(self.largest);
        let shrink = exp::<R>(self.largest - shift::<R>(largest), how);
        let sum = scores.exp_sub(shift::<R>(largest), how);
        self.sum = fma(self.sum, shrink, sum);
        self.largest = largest;
        shrink
    }

    /// What turns sums of weighted values into means: 0 where every key was masked.
    pub fn normaliser(&self) -> Vector<f32, R> {
        if comptime!(self.normaliser == Normaliser::Sigmoid) {
            Vector::new(1.0f32)
        } else {
            let nothing = self.sum.equal(&Vector::new(0.0f32));
            select_many(nothing, Vector::new(0.0f32), Vector::new(1.0f32) / self.sum)
        }
    }

    /// The logarithm of the sum of exponentials; minus infinity where every key was masked, 0 where
    /// nothing is summed.
    pub fn lse(&self) -> Vector<f32, R> {
        if comptime!(self.normaliser == Normaliser::Sigmoid) {
            Vector::new(0.0f32)
        } else {
            self.largest + self.sum.ln()
        }
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
