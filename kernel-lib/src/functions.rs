//! Functions that score and mask functions call, written in the language themselves.
//!
//! Each is a plain function of `f32` too. The macros call its twin in `f64` on the host, and its
//! device code and derivatives in kernels.

use tilewright_macros::score_fn;

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

/// `ln(1 + e^x)`: a smooth `max(x, 0)`.
#[score_fn]
pub fn softplus(x: f32) -> f32 {
    // At 0, where `abs` has the derivative 0, that of `x.max(0.0)` would be on one side.
    let positive = 0.5 * (x + x.abs());
    positive + (-x.abs()).exp().ln_1p()
}
