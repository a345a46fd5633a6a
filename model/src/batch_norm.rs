//! Batch normalisation over the model dimension, with tokens and batch flattened together
//! (`Transpose, BatchNorm1d(d_model), Transpose` in the official code).

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, FloatDType, Tensor};

use crate::ops;
use crate::ops::in_place;
use crate::pass::{TrainingPass, on_host};

/// As `torch.nn.BatchNorm1d`: the batch is normalised by its biased variance, the running variance
/// follows the unbiased one.
#[derive(Module, Debug)]
pub struct BatchNorm {
    pub gamma: Param<Tensor<1>>,
    pub beta: Param<Tensor<1>>,
    pub running_mean: RunningState<Tensor<1>>,
    pub running_var: RunningState<Tensor<1>>,
}

/// PyTorch's defaults.
const MOMENTUM: f64 = 0.1;
pub const EPSILON: f64 = 1e-5;

impl BatchNorm {
    pub fn new(features: usize, device: &Device) -> Self {
        // Running statistics are never differentiated, so they live beside the graph.
        let plain = device.clone().without_autodiff();
        Self {
            gamma: Param::from_tensor(Tensor::ones([features], device)),
            beta: Param::from_tensor(Tensor::zeros([features], device)),
            running_mean: RunningState::new(Tensor::zeros([features], &plain)),
            running_var: RunningState::new(Tensor::ones([features], &plain)),
        }
    }

    /// `[rows, features] -> [rows, features]` in the type of `x`, by statistics in f32; in training
    /// the running statistics move.
    pub fn forward(&self, x: Tensor<2>, pass: Option<&TrainingPass>) -> Tensor<2> {
        let Some(pass) = pass else {
            let scale = self.gamma.val() * (self.running_var.value() + EPSILON).sqrt().recip();
            let shift = self.beta.val() - self.running_mean.value() * scale.clone();
            let dtype = x.dtype();
            let y = x.cast(FloatDType::F32) * scale.unsqueeze() + shift.unsqueeze();
            return y.cast(dtype);
        };
        let rows = x.dims()[0];
        let normed = ops::batch_norm_train(x, self.gamma.val(), self.beta.val(), EPSILON);
        let unbiased = rows as f64 / (rows.max(2) - 1) as f64;
        follow(&self.running_mean, normed.mean, 1.0, pass);
        follow(&self.running_var, normed.variance, unbiased, pass);
        normed.output
    }
}

fn follow(state: &RunningState<Tensor<1>>, batch: Tensor<1>, factor: f64, pass: &TrainingPass) {
    let (running, batch) = (state.value(), batch.without_autodiff());
    if !on_host(&running.device()) {
        pass.hold(in_place::follow(&running, batch, MOMENTUM, factor));
        return;
    }
    state.update(running * (1.0 - MOMENTUM) + batch * (MOMENTUM * factor));
    // Without this the value would lag one update behind, and a checkpoint with it.
    state.value_sync();
}
