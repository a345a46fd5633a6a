//! PatchTST, supervised (Nie et al., "A Time Series is Worth 64 Words", ICLR 2023), as the official
//! code builds it.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::config::ModelConfig;
use crate::encoder::Encoder;
use crate::head::Head;
use crate::linear::{Linear, uniform};
use crate::pass::{TrainingPass, dropout};
use crate::patching::patches;
use crate::revin::RevIn;

/// The model. Channels are independent: each is a sequence of its own through shared weights.
#[derive(Module, Debug)]
pub struct PatchTst {
    pub revin: Option<RevIn>,
    pub embedding: Linear,
    /// `[tokens, d_model]`, learned.
    pub position: Param<Tensor<2>>,
    pub encoder: Encoder,
    pub head: Head,
    #[module(skip)]
    pub config: ModelConfig,
}

impl PatchTst {
    /// A fresh model for `channels` channels; `seed` fixes its weights on every device.
    pub fn new(config: &ModelConfig, channels: usize, seed: u64, device: &Device) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let revin = config
            .revin
            .then(|| RevIn::new(channels, config.revin_affine, config.subtract_last, device));
        Self {
            revin,
            embedding: Linear::new(config.patch_len, config.d_model, rng, device),
            // The official `pe = 'zeros'` draws from U(-0.02, 0.02), its name notwithstanding.
            position: Param::from_tensor(uniform(
                [config.tokens(), config.d_model],
                0.02,
                rng,
                device,
            )),
            encoder: Encoder::new(config, rng, device),
            head: Head::new(config, channels, rng, device),
            config: config.clone(),
        }
    }

    /// `x`: `[batch, channels, context]` to `[batch, channels, horizon]`.
    ///
    /// With `pass` this is a training pass: dropout is on and batch normalisation uses, and
    /// remembers, the batch's statistics.
    pub fn forward(&self, x: Tensor<3>, pass: Option<&TrainingPass>) -> Tensor<3> {
        let config = &self.config;
        let [batch, channels, _] = x.dims();
        let (x, window) = match &self.revin {
            Some(revin) => {
                let (x, window) = revin.normalise(x);
                (x, Some((revin, window)))
            }
            None => (x, None),
        };
        let x = patches(x, config.patch_len, config.stride, config.end_padding);
        let tokens = x.dims()[2];
        let sequences = batch * channels;
        let rows = sequences * tokens;

        let x = self.embedding.forward(x.reshape([rows, config.patch_len]));
        let x = x.reshape([sequences, tokens, config.d_model]) + self.position.val().unsqueeze();
        let x = dropout(x, config.dropout, pass).reshape([rows, config.d_model]);
        let x = self.encoder.forward(x, tokens, config, pass);

        let x = x.reshape([sequences, tokens * config.d_model]);
        let y = self.head.forward(x, channels, config.head_dropout, pass);
        match window {
            Some((revin, window)) => revin.denormalise(y, window),
            None => y,
        }
    }
}
