//! What changes from step to step, in a small tensor: operators read it on the device, so that a
//! recorded step can be replayed with other values.

use crate::train::schedule::StepRate;

/// The learning rate with Adam's corrections.
pub const STEP_SIZE: usize = 0;
/// Adam's epsilon with its correction.
pub const EPSILON: usize = 1;
pub const BETA1: usize = 2;
/// The seed of the step's masks, 24 bits in each: whole numbers that f32 holds exactly.
pub const SEED_LOW: usize = 3;
pub const SEED_HIGH: usize = 4;
/// Where in the ring of losses this step's goes.
pub const SLOT: usize = 5;
pub const LENGTH: usize = 8;

/// Losses that a device keeps before they must be read.
pub const RING: usize = 64;

/// The control values of step `step` (from 0) of a run seeded with `seed`; `adam_step` counts from 1.
pub fn values(
    seed: u64,
    step: u64,
    rate: StepRate,
    beta2: f64,
    epsilon: f64,
    adam_step: i32,
) -> [f32; LENGTH] {
    let correction1 = 1.0 - rate.beta1.powi(adam_step);
    let correction2 = (1.0 - beta2.powi(adam_step)).sqrt();
    let mixed = mix(seed, step);
    let mut control = [0.0; LENGTH];
    // p -= rate / c1 * m / (sqrt(v) / c2 + eps), with c2 multiplied through.
    control[STEP_SIZE] = (rate.learning_rate / correction1 * correction2) as f32;
    control[EPSILON] = (epsilon * correction2) as f32;
    control[BETA1] = rate.beta1 as f32;
    control[SEED_LOW] = (mixed & 0xff_ffff) as f32;
    control[SEED_HIGH] = (mixed >> 40) as f32;
    control[SLOT] = (step % RING as u64) as f32;
    control
}

/// SplitMix64 over both numbers: neighbouring steps get unrelated seeds.
pub fn mix(seed: u64, step: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(step.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
