//! Which elements dropout keeps: the same ones on every device.

use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::control;

/// A generator by counting: an element's bits are a hash of its index under the step's seed.
#[derive(Clone, Copy)]
pub struct Seed {
    low: u32,
    high: u32,
}

/// Sites, the places in the model that draw masks, are told apart by a large odd step.
const SITE_STEP: u32 = 0x9e37_79b9;

impl Seed {
    /// The seed of one site in the step that `control` describes.
    pub fn new(control: &[f32], site: u32) -> Self {
        Self {
            low: control[control::SEED_LOW] as u32,
            high: (control[control::SEED_HIGH] as u32).wrapping_add(site.wrapping_mul(SITE_STEP)),
        }
    }

    /// Whether the element at `index` is kept.
    pub fn kept(self, index: u32, threshold: u32) -> bool {
        scramble(scramble(index ^ self.high).wrapping_add(self.low)) >> 8 < threshold
    }
}

/// What 24 random bits are compared with.
pub fn threshold(keep: f64) -> u32 {
    (keep * f64::from(1_u32 << 24)) as u32
}

/// Wellons' `lowbias32`: each bit of the result depends on all bits of `x`.
fn scramble(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// [`Seed::kept`] on a device.
#[cube(launch)]
pub fn masked<F: Float>(
    x: &Tensor<F>,
    control: &Tensor<f32>,
    y: &mut Tensor<F>,
    site: u32,
    threshold: u32,
    scale: f32,
    #[define(F)] _elem: ElemType,
) {
    let index = ABSOLUTE_POS;
    if index < y.len() {
        let low = u32::cast_from(control[comptime!(control::SEED_LOW)]);
        let high = u32::cast_from(control[comptime!(control::SEED_HIGH)]) + site * 0x9e37_79b9u32;
        let bits = device_scramble(device_scramble(u32::cast_from(index) ^ high) + low) >> 8;
        let value = select(bits < threshold, f32::cast_from(x[index]) * scale, 0.0f32);
        y[index] = F::cast_from(value);
    }
}

#[cube]
fn device_scramble(x: u32) -> u32 {
    let x = (x ^ (x >> 16)) * 0x7feb_352du32;
    let x = (x ^ (x >> 15)) * 0x846c_a68bu32;
    x ^ (x >> 16)
}
