//! The flatten head: all tokens of a sequence to its forecast in one linear layer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::config::ModelConfig;
use crate::linear::{Linear, uniform};
use crate::pass::{TrainingPass, dropout};

/// One head for all channels, or one for each.
///
/// Features are flattened token by token (`[tokens, d_model]`), as Hugging Face's model does; the
/// official code flattens `[d_model, tokens]`, which is the same layer with its weights permuted.
#[derive(Module, Debug)]
pub struct Head {
    pub shared: Option<Linear>,
    /// `[channels, tokens * d_model, horizon]`
    pub weights: Option<Param<Tensor<3>>>,
    /// `[channels, 1, horizon]`
    pub biases: Option<Param<Tensor<3>>>,
}

impl Head {
    pub fn new(
        config: &ModelConfig,
        channels: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let features = config.tokens() * config.d_model;
        if !config.individual_head {
            return Self {
                shared: Some(Linear::new(features, config.horizon, rng, device)),
                weights: None,
                biases: None,
            };
        }
        let bound = (1.0 / features as f32).sqrt();
        let weights = uniform([channels, features, config.horizon], bound, rng, device);
        let biases = uniform([channels, 1, config.horizon], bound, rng, device);
        Self {
            shared: None,
            weights: Some(Param::from_tensor(weights)),
            biases: Some(Param::from_tensor(biases)),
        }
    }

    /// `x`: `[batch * channels, features]` to `[batch, channels, horizon]`.
    pub fn forward(
        &self,
        x: Tensor<2>,
        channels: usize,
        rate: f64,
        pass: Option<&TrainingPass>,
    ) -> Tensor<3> {
        let [rows, features] = x.dims();
        let batch = rows / channels;
        let y = match (&self.shared, &self.weights, &self.biases) {
            (None, Some(weights), Some(biases)) => {
                let x = x.reshape([batch, channels, features]).swap_dims(0, 1);
                (x.matmul(weights.val()) + biases.val()).swap_dims(0, 1)
            }
            (Some(shared), ..) => {
                let y = shared.forward(x);
                let horizon = y.dims()[1];
                y.reshape([batch, channels, horizon])
            }
            _ => unreachable!("a head is shared or individual"),
        };
        dropout(y, rate, pass)
    }
}
