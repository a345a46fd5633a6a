//! Functions that variants call, written in the language themselves.
//!
//! Each is a plain function too. The macros call its twin in `f64` on the host, and its
//! device code and derivatives in kernels.

mod rotation;

use tilewright_macros::score_fn;

use crate::language::Position;

pub use rotation::rotary_angle;

/// The logistic function, `1 / (1 + e^-x)`: from 0 to 1, and 1/2 at 0.
///
/// ```
/// use tilewright::prelude::*;
///
/// /// Scores are weighed by how large they are.
/// #[score_mod]
/// fn gated(score: f32) -> f32 {
///     score * sigmoid(score)
/// }
/// # fn main() {}
/// ```
#[score_fn]
pub fn sigmoid(x: f32) -> f32 {
    // No exponential that overflows, in the derivative either.
    0.5 * (0.5 * x).tanh() + 0.5
}

/// Bits that look like chance: a function of `seed` and of the place alone, so that they are the same
/// wherever they are computed, in both passes and on the host, and no state is kept.
///
/// Equal seeds give equal bits; seeds that differ, however little, give unrelated ones.
///
/// ```
/// use tilewright::prelude::*;
///
/// /// A coin for each pair of query and key.
/// #[mask_mod(example(7))]
/// fn coin(at: Position, seed: u32) -> bool {
///     let bits: u32 = random_bits(seed, at);
///     bits < 0x8000_0000
/// }
///
/// # fn main() {
/// let at = |key| Position { batch: 0, head: 0, query: 5, key, queries: 8, keys: 1000 };
/// let heads = (0..1000).filter(|&key| coin(1).keep(&at(key))).count();
/// assert!((450..550).contains(&heads));
/// # }
/// ```
#[score_fn]
pub fn random_bits(seed: u32, at: Position) -> u32 {
    // Outer numbers first, so that what a row has in common is computed once for it.
    let batch: u32 = mixed(seed.wrapping_add(at.batch.wrapping_mul(0x9e37_79b9)));
    let head: u32 = mixed(batch.wrapping_add(at.head.wrapping_mul(0x85eb_ca6b)));
    let query: u32 = mixed(head.wrapping_add(at.query.wrapping_mul(0xc2b2_ae35)));
    mixed(query.wrapping_add(at.key.wrapping_mul(0x27d4_eb2f)))
}

/// A number in `[0, 1)` that looks like chance: the upper 24 bits of [`random_bits`].
#[score_fn]
pub fn random(seed: u32, at: Position) -> f32 {
    let bits: u32 = random_bits(seed, at);
    (bits >> 8) as f32 / 16_777_216.0
}

/// A bijection of 32 bits in which every bit of `x` moves about half of the result's (lowbias32 of
/// C. Wellons' search for such functions).
#[score_fn]
pub fn mixed(x: u32) -> u32 {
    let a = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let b = (a ^ (a >> 15)).wrapping_mul(0x846c_a68b);
    b ^ (b >> 16)
}

/// `ln(1 + e^x)`: a smooth `max(x, 0)`.
#[score_fn]
pub fn softplus(x: f32) -> f32 {
    // At 0, where `abs` has the derivative 0, that of `x.max(0.0)` would be on one side.
    let positive = 0.5 * (x + x.abs());
    positive + (-x.abs()).exp().ln_1p()
}
