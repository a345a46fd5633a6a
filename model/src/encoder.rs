//! The encoder: layers of attention and feed-forward network, normalised after each residual sum.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::attention::{Residual, attend};
use crate::batch_norm::BatchNorm;
use crate::config::ModelConfig;
use crate::linear::Linear;
use crate::ops;
use crate::pass::{TrainingPass, dropout};

/// One layer (`TSTEncoderLayer` in the official code).
#[derive(Module, Debug)]
pub struct EncoderLayer {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
    pub attention_norm: BatchNorm,
    pub expand: Linear,
    pub contract: Linear,
    pub feed_forward_norm: BatchNorm,
}

impl EncoderLayer {
    fn new(config: &ModelConfig, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let d = config.d_model;
        Self {
            query: Linear::new(d, d, rng, device),
            key: Linear::new(d, d, rng, device),
            value: Linear::new(d, d, rng, device),
            output: Linear::new(d, d, rng, device),
            attention_norm: BatchNorm::new(d, device),
            expand: Linear::new(d, config.d_ff, rng, device),
            contract: Linear::new(config.d_ff, d, rng, device),
            feed_forward_norm: BatchNorm::new(d, device),
        }
    }

    /// `x`: `[sequences * tokens, d_model]`.
    fn forward(
        &self,
        x: Tensor<2>,
        tokens: usize,
        config: &ModelConfig,
        residual: Option<&mut Residual>,
        pass: Option<&TrainingPass>,
    ) -> Tensor<2> {
        let [rows, d] = x.dims();
        let heads = |t: Tensor<2>| {
            t.reshape([rows / tokens, tokens, config.heads, config.head_dim()]).swap_dims(1, 2)
        };
        let attended = attend(
            config.attention,
            heads(self.query.forward(x.clone())),
            heads(self.key.forward(x.clone())),
            heads(self.value.forward(x.clone())),
            residual,
        );
        let attended = self.output.forward(attended.swap_dims(1, 2).reshape([rows, d]));
        // The official code drops twice here: in `to_out` and in `dropout_attn`. Two independent
        // masks are one mask with the product of their probabilities.
        let twice = 1.0 - (1.0 - config.dropout).powi(2);
        let x = self.attention_norm.forward(x + dropout(attended, twice, pass), pass);

        let hidden = dropout(ops::gelu(self.expand.forward(x.clone())), config.dropout, pass);
        let branch = dropout(self.contract.forward(hidden), config.dropout, pass);
        self.feed_forward_norm.forward(x + branch, pass)
    }
}

/// All layers.
#[derive(Module, Debug)]
pub struct Encoder {
    pub layers: Vec<EncoderLayer>,
}

impl Encoder {
    pub fn new(config: &ModelConfig, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        Self {
            layers: (0..config.layers).map(|_| EncoderLayer::new(config, rng, device)).collect(),
        }
    }

    /// `x`: `[sequences * tokens, d_model]`, and so the result.
    pub fn forward(
        &self,
        mut x: Tensor<2>,
        tokens: usize,
        config: &ModelConfig,
        pass: Option<&TrainingPass>,
    ) -> Tensor<2> {
        let mut residual = config.residual_attention.then(Residual::default);
        for layer in &self.layers {
            x = layer.forward(x, tokens, config, residual.as_mut(), pass);
        }
        x
    }
}
