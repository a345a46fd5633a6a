//! Dropout whose masks are a pure function of (seed, step), so that a resumed run draws the masks
//! the uninterrupted one would have drawn.

use std::cell::RefCell;

use burn::backend::DispatchDevice;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The masks of one training step, drawn in the order of the forward pass.
///
/// On the CPU the masks come from a generator of its own: Burn's is one for the whole process, and
/// whatever else draws from it would change them. On a GPU Burn's is seeded anew for each step.
pub struct Noise {
    host: Option<RefCell<SmallRng>>,
}

impl Noise {
    /// The masks of step `step` of a run seeded with `seed`.
    pub fn new(seed: u64, step: u64, device: &Device) -> Self {
        let mixed = mix(seed, step);
        if on_host(device) {
            Self { host: Some(RefCell::new(SmallRng::seed_from_u64(mixed))) }
        } else {
            device.seed(mixed);
            Self { host: None }
        }
    }

    /// `x` with each element kept with probability `keep` and divided by it, any shape.
    pub fn drop<const D: usize>(&self, x: Tensor<D>, keep: f64) -> Tensor<D> {
        if keep >= 1.0 {
            return x;
        }
        let Some(rng) = &self.host else {
            let mask = x.random_like(Distribution::Bernoulli(keep));
            return x * mask * (1.0 / keep);
        };
        let shape = x.shape();
        // One draw decides two elements: 32 bits resolve a probability far beyond any use.
        let threshold = (keep * 4_294_967_296.0) as u64;
        let scale = (1.0 / keep) as f32;
        let kept = |bits: u64| if bits < threshold { scale } else { 0.0 };
        let count = shape.num_elements();
        let mut mask = Vec::with_capacity(count + 1);
        let mut rng = rng.borrow_mut();
        while mask.len() < count {
            let bits: u64 = rng.random();
            mask.push(kept(bits & 0xffff_ffff));
            mask.push(kept(bits >> 32));
        }
        mask.truncate(count);
        let mask = Tensor::<D>::from_data(TensorData::new(mask, shape), &x.device().without_autodiff());
        x * mask
    }
}

/// Drops from `x` with probability `dropout` in training (`noise` given), nothing otherwise.
pub fn dropout<const D: usize>(x: Tensor<D>, dropout: f64, noise: Option<&Noise>) -> Tensor<D> {
    match noise {
        Some(noise) if dropout > 0.0 => noise.drop(x, 1.0 - dropout),
        _ => x,
    }
}

/// Whether tensors of this device live in host memory.
pub fn on_host(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// SplitMix64 over both numbers: neighbouring steps get unrelated generators.
fn mix(seed: u64, step: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(step.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
