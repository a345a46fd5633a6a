//! The angle of a rotary embedding, the one function here that the language cannot say: `f32` is too
//! coarse for it.

// `#[cube]` writes functions without docs.
#![allow(missing_docs)]

use core::f64::consts::TAU;

use cubecl::prelude::*;

use crate::language::Gives;

/// By how much the pair `pair` of `pairs` turns at a token: `token · theta^(-pair / pairs)` radians,
/// within one turn, from -π to π.
///
/// It is computed in `f64` on every device and is within `1e-6` of what it should be at a million
/// tokens. In `f32` the frequency alone, rounded to 24 bits, would be wrong by `0.03` radians there.
///
/// ```
/// use tilewright::functions::rotary_angle;
///
/// assert_eq!(rotary_angle(3, 0, 4, 10_000.0), 3.0);
/// // 1,000,000 radians are 159,154 turns and 5.9256 radians, or 0.3576 back.
/// assert!((rotary_angle(1_000_000, 0, 4, 10_000.0) + 0.357_564).abs() < 1e-6);
/// ```
pub fn rotary_angle(token: u32, pair: u32, pairs: u32, theta: f32) -> f32 {
    rotary_angle::host(token, pair, pairs, f64::from(theta)) as f32
}

/// What [`rotary_angle`](fn@rotary_angle) is to the functions that call it: as `#[score_fn]` would
/// make it.
#[doc(hidden)]
#[allow(non_camel_case_types)]
pub enum rotary_angle {}

impl Gives<f32> for rotary_angle {}

/// The function as it would be written.
const SOURCE: &str = "\
fn rotary_angle(token: u32, pair: u32, pairs: u32, theta: f32) -> f32 {
    // In f64.
    let angle = token as f64 * theta.powf(-(pair as f64 / pairs as f64));
    angle - (angle / TAU).round() * TAU
}
";

impl rotary_angle {
    pub const SOURCE_HASH: u64 = 0x7a1c_09e3_55d2_b864;
    pub const SEES_BATCH: bool = false;
    pub const SEES_HEAD: bool = false;
    pub const IS_EXACT: bool = false;

    pub fn sources(texts: &mut Vec<&'static str>) {
        if !texts.contains(&SOURCE) {
            texts.push(SOURCE);
        }
    }

    pub fn derivatives(_texts: &mut Vec<&'static str>) {}

    pub fn host(token: u32, pair: u32, pairs: u32, theta: f64) -> f64 {
        let angle = f64::from(token) * theta.powf(-exponent(pair, pairs));
        angle - (angle / TAU).round() * TAU
    }

    /// With respect to `theta`.
    pub fn host_derivative_3(token: u32, pair: u32, pairs: u32, theta: f64) -> f64 {
        let exponent = exponent(pair, pairs);
        -f64::from(token) * exponent * theta.powf(-exponent - 1.0)
    }
}

fn exponent(pair: u32, pairs: u32) -> f64 {
    f64::from(pair) / f64::from(pairs.max(1))
}

#[cube]
impl rotary_angle {
    pub fn device(token: u32, pair: u32, pairs: u32, theta: f32) -> f32 {
        let tau = comptime!(TAU).runtime();
        let turns = f64::cast_from(token) * frequency(pair, pairs, theta) / tau;
        let within = turns - (turns + 0.5f64).floor();
        f32::cast_from(within * tau)
    }

    pub fn device_derivative_3(token: u32, pair: u32, pairs: u32, theta: f32) -> f32 {
        let exponent = f64::cast_from(pair) / f64::cast_from(max(pairs, 1u32));
        let angle = f64::cast_from(token) * frequency(pair, pairs, theta);
        f32::cast_from(-exponent * angle / f64::cast_from(theta))
    }
}

/// `theta^(-pair / pairs)`.
#[cube]
fn frequency(pair: u32, pairs: u32, theta: f32) -> f64 {
    let exponent = f64::cast_from(pair) / f64::cast_from(max(pairs, 1u32));
    (-exponent * f64::cast_from(theta).ln()).exp()
}
