//! The encoder's normalisation: over the batch, or over each token.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, FloatDType, Tensor};

use crate::batch_norm::{BatchNorm, EPSILON};
use crate::config::NormKind;
use crate::pass::TrainingPass;

/// What follows, or leads, each half of an encoder layer.
#[derive(Module, Debug)]
pub enum Norm {
    Batch(BatchNorm),
    Layer(LayerNorm),
}

impl Norm {
    pub fn new(kind: NormKind, features: usize, device: &Device) -> Self {
        match kind {
            NormKind::Batch => Self::Batch(BatchNorm::new(features, device)),
            NormKind::Layer => {
                Self::Layer(LayerNormConfig::new(features).with_epsilon(EPSILON).init(device))
            }
        }
    }

    /// `[rows, features]`, and so the result, in the type of `x`.
    pub fn forward(&self, x: Tensor<2>, pass: Option<&TrainingPass>) -> Tensor<2> {
        match self {
            Self::Batch(norm) => norm.forward(x, pass),
            Self::Layer(norm) => {
                // Burn's layer norm computes in the type of its input, of which it keeps a copy for
                // the backward pass: in f32 here.
                let dtype = x.dtype();
                norm.forward(x.cast(FloatDType::F32)).cast(dtype)
            }
        }
    }
}
