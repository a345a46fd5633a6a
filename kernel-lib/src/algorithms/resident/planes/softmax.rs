//! What a plane does along rows of scores: their maximum, and what becomes of their sum.

use cubecl::prelude::*;

use super::PlaneConfig;
use crate::language::Normaliser;
use crate::tile::elements::Half;
use crate::tile::fragment::cells;
use crate::tile::ptx::{F4, ex2, rcp};

/// The largest score of this lane's two rows; 0 where every key is masked, so that the weights
/// then are `exp(-inf) = 0` and not `exp(-inf + inf)`.
#[cube]
pub fn row_max(scores: &Sequence<F4>, #[comptime] config: PlaneConfig) -> (f32, f32) {
    let mut upper = f32::NEG_INFINITY.runtime();
    let mut lower = f32::NEG_INFINITY.runtime();
    let tiles = scores.len();
    #[unroll]
    for tile in 0..tiles {
        let s = scores[tile];
        upper = max(upper, max(s.extract(0usize), s.extract(1usize)));
        lower = max(lower, max(s.extract(2usize), s.extract(3usize)));
    }
    upper = quad_max(upper);
    lower = quad_max(lower);
    if comptime!(config.mask) {
        upper = select(upper == f32::NEG_INFINITY, 0.0f32, upper);
        lower = select(lower == f32::NEG_INFINITY, 0.0f32, lower);
    }
    (upper, lower)
}

/// Over the four lanes that share a row.
#[cube]
pub fn quad_max(x: f32) -> f32 {
    let y = max(x, plane_shuffle_xor(x, 1u32));
    max(y, plane_shuffle_xor(y, 2u32))
}

/// Over the four lanes that share a row.
#[cube]
pub fn quad_sum(x: f32) -> f32 {
    let y = x + plane_shuffle_xor(x, 1u32);
    y + plane_shuffle_xor(y, 2u32)
}

/// A right operand of ones: by it, a product with weights is their sum, in every column.
#[cube]
pub fn ones(#[comptime] half: Half) -> Sequence<Sequence<u32>> {
    let one = comptime!(half.ones()).runtime();
    let mut registers = Sequence::<u32>::new();
    registers.push(one);
    registers.push(one);
    let mut operand = Sequence::<Sequence<u32>>::new();
    operand.push(registers);
    operand
}

/// The lane's four weights of a tile, given what is subtracted from the scores of its rows.
#[cube]
pub fn weights_of(
    scores: F4,
    factor: f32,
    upper: f32,
    lower: f32,
    #[comptime] normaliser: Normaliser,
) -> F4 {
    let a = weight_of(scores.extract(0usize), factor, -upper, normaliser);
    let b = weight_of(scores.extract(1usize), factor, -upper, normaliser);
    let c = weight_of(scores.extract(2usize), factor, -lower, normaliser);
    let d = weight_of(scores.extract(3usize), factor, -lower, normaliser);
    cells(a, b, c, d)
}

/// `2^(score · factor + shift)`, or the sigmoid of the score.
#[cube]
pub fn weight_of(score: f32, factor: f32, shift: f32, #[comptime] normaliser: Normaliser) -> f32 {
    if comptime!(normaliser == Normaliser::Sigmoid) {
        rcp(1.0f32 + ex2(score * -factor))
    } else {
        ex2(fma(score, factor, shift))
    }
}

/// What turns a sum of weighted values into a mean: 0 where every key was masked.
#[cube]
pub fn normaliser_of(sum: f32, #[comptime] masks: bool) -> f32 {
    if masks { select(sum == 0.0f32, 0.0f32, rcp(sum)) } else { rcp(sum) }
}
