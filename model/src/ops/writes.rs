//! Kernels of the operators in place.

use cubecl::prelude::*;

use super::control;

#[cube(launch)]
pub fn overwrite(source: &Tensor<f32>, target: &mut Tensor<f32>) {
    if ABSOLUTE_POS < target.len() {
        target[ABSOLUTE_POS] = source[ABSOLUTE_POS];
    }
}

#[cube(launch)]
pub fn adam(
    gradient: &Tensor<f32>,
    control: &Tensor<f32>,
    parameter: &mut Tensor<f32>,
    first: &mut Tensor<f32>,
    second: &mut Tensor<f32>,
    beta2: f32,
) {
    let i = ABSOLUTE_POS;
    if i < parameter.len() {
        let beta1 = control[comptime!(control::BETA1)];
        let g = gradient[i];
        let m = first[i] * beta1 + g * (1.0f32 - beta1);
        let v = second[i] * beta2 + g * g * (1.0f32 - beta2);
        first[i] = m;
        second[i] = v;
        let p = parameter[i];
        parameter[i] = p - m * control[comptime!(control::STEP_SIZE)]
            / (v.sqrt() + control[comptime!(control::EPSILON)]);
    }
}

#[cube(launch)]
pub fn follow(batch: &Tensor<f32>, running: &mut Tensor<f32>, momentum: f32, factor: f32) {
    let i = ABSOLUTE_POS;
    if i < running.len() {
        let old = running[i];
        running[i] = old * (1.0f32 - momentum) + batch[i] * momentum * factor;
    }
}

#[cube(launch)]
pub fn record(value: &Tensor<f32>, control: &Tensor<f32>, ring: &mut Tensor<f32>) {
    if ABSOLUTE_POS == 0 {
        let slot = usize::cast_from(control[comptime!(control::SLOT)]);
        ring[slot] = value[0];
    }
}
