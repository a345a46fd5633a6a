//! Arithmetic that score and mask functions compile to on a device.
//!
//! On a GPU, division and `tanh` are made of the special-function unit's reciprocal and power of
//! two, without a branch: a score function runs once for each query and key, so these decide what
//! a variant costs. Both stay within a few units in the last place, except where results are bf16.

// `#[cube]` writes functions without docs.
#![allow(missing_docs)]

use cubecl::frontend::comptime::hardware_properties;
use cubecl::intrinsic;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

use super::ptx::{ex2, rcp, tanh_approx};

/// Below this, `tanh` is a polynomial: `1 - e^{-2x}` would cancel.
const SMALL: f32 = 0.25;

/// What a kernel rounds its results to, as its scope remembers it.
struct Results;

/// Says what a kernel's results are rounded to: `tanh` in it need not be more precise than that.
#[cube]
#[allow(unused_variables, clippy::semicolon_if_nothing_returned)]
pub fn round_results_to(#[comptime] dtype: ElemType) {
    intrinsic!(|scope| scope.register_type::<Results>(dtype))
}

/// Whether results are rounded to bf16.
#[cube]
fn results_are_bf16() -> comptime_type!(bool) {
    intrinsic!(|scope| {
        scope.resolve_type::<Results>() == Some(ElemType::Float(FloatKind::BF16))
    })
}

/// `a / b`.
#[cube]
pub fn divide(a: f32, b: f32) -> f32 {
    let hardware = hardware_properties();
    if comptime!(hardware.num_cpu_cores.is_none()) { a * rcp(b) } else { a / b }
}

/// The hyperbolic tangent. Where results are bf16 it is the special-function unit's, with a
/// relative error of up to `2^-11`: a quarter of what rounding scores to bf16 would cost.
#[cube]
pub fn tanh(x: f32) -> f32 {
    let hardware = hardware_properties();
    let coarse = results_are_bf16();
    if comptime!(coarse && hardware.num_cpu_cores.is_none()) {
        tanh_approx(x)
    } else if comptime!(hardware.num_cpu_cores.is_none()) {
        // tanh |x| = (1 - e) / (1 + e) with e = exp(-2 |x|), in (0, 1]
        let magnitude = x.abs();
        let e = ex2(magnitude * f32::new(-2.0 * core::f32::consts::LOG2_E));
        let large = (1.0f32 - e) * rcp(1.0f32 + e);
        // x - x³/3 + 2x⁵/15 - 17x⁷/315 + 62x⁹/2835
        let square = x * x;
        let mut series = fma(square, 62.0f32 / 2835.0, -17.0f32 / 315.0);
        series = fma(series, square, 2.0f32 / 15.0);
        series = fma(series, square, -1.0f32 / 3.0);
        let small = fma(magnitude * square, series, magnitude);
        let result = select(magnitude < SMALL, small, large);
        select(x < 0.0f32, -result, result)
    } else {
        x.tanh()
    }
}
