//! Linear layers that all channels share, or of which each channel has its own: the patch embedding
//! and the forecasting head.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::linear::{Linear, uniform};

/// A linear layer that channels share or have each their own of.
#[derive(Module, Debug)]
pub enum PerChannel {
    Shared(Linear),
    Individual(Individual),
}

/// A linear layer for each channel.
#[derive(Module, Debug)]
pub struct Individual {
    /// `[channels, inputs, outputs]`
    pub weight: Param<Tensor<3>>,
    /// `[channels, 1, outputs]`
    pub bias: Param<Tensor<3>>,
}

impl PerChannel {
    /// One layer for all, where `channels` is `None`, or one for each.
    pub fn new(
        channels: Option<usize>,
        inputs: usize,
        outputs: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let Some(channels) = channels else {
            return Self::Shared(Linear::new(inputs, outputs, rng, device));
        };
        let bound = (1.0 / inputs as f32).sqrt();
        let weight = uniform([channels, inputs, outputs], bound, rng, device);
        let bias = uniform([channels, 1, outputs], bound, rng, device);
        Self::Individual(Individual {
            weight: Param::from_tensor(weight),
            bias: Param::from_tensor(bias),
        })
    }

    /// `[batch, channels, rows, inputs] -> [batch, channels, rows, outputs]`, multiplied in the type
    /// of `x` and written as `dtype`.
    pub fn forward(&self, x: Tensor<4>, dtype: FloatDType) -> Tensor<4> {
        let [batch, channels, rows, inputs] = x.dims();
        match self {
            Self::Shared(layer) => {
                let y = layer.forward_as(x.reshape([batch * channels * rows, inputs]), dtype);
                let outputs = y.dims()[1];
                y.reshape([batch, channels, rows, outputs])
            }
            Self::Individual(layers) => {
                let x = x.swap_dims(0, 1).reshape([channels, batch * rows, inputs]);
                // Burn's product and its gradient for the weight are written in the type of `x`.
                // The bias is added in f32, and so its gradient is summed in f32.
                let weight = layers.weight.val().cast(x.dtype());
                let y = x.matmul(weight).cast(FloatDType::F32) + layers.bias.val();
                let y = y.cast(dtype);
                let outputs = y.dims()[2];
                y.reshape([channels, batch, rows, outputs]).swap_dims(0, 1)
            }
        }
    }
}
