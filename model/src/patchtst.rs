//! PatchTST (Nie et al., "A Time Series is Worth 64 Words", ICLR 2023), with the options of the
//! official code, supervised and self-supervised, and of Hugging Face's.

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, FloatDType, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::config::{LossKind, ModelConfig, OutputKind, Scaling, Task};
use crate::decomposition::decompose;
use crate::distribution::Forecast;
use crate::encoder::{Encoder, Rows};
use crate::head::Head;
use crate::heads::Heads;
use crate::pass::{TrainingPass, dropout};
use crate::patching::patches;
use crate::per_channel::PerChannel;
use crate::position;
use crate::revin::{RevIn, Window};

/// The model. Channels are independent: each is a sequence of its own through shared weights.
#[derive(Module, Debug)]
pub struct PatchTst {
    pub network: Network,
    /// With decomposition: the trend's own network; `network` then sees the season.
    pub trend: Option<Network>,
    #[module(skip)]
    pub config: ModelConfig,
}

/// From a window of a series to what its head says.
#[derive(Module, Debug)]
pub struct Network {
    pub revin: Option<RevIn>,
    pub embedding: PerChannel,
    /// `[tokens, d_model]` or `[tokens, 1]`
    pub position: Option<Param<Tensor<2>>>,
    /// `[1, d_model]`
    pub cls_token: Option<Param<Tensor<2>>>,
    pub encoder: Encoder,
    pub head: Head,
}

/// What masked pretraining says: `[batch, channels, patches, patch_len]` each.
pub struct Reconstruction {
    pub patches: Tensor<4>,
    pub predicted: Tensor<4>,
}

impl PatchTst {
    /// A fresh model for `channels` channels; `seed` fixes its weights on every device.
    ///
    /// # Panics
    ///
    /// Where [`Config::check`](crate::Config::check) refuses the configuration.
    pub fn new(config: &ModelConfig, channels: usize, seed: u64, device: &Device) -> Self {
        Self::with_heads(config, channels, &Heads::all(config), seed, device)
    }

    /// A fresh model that has only these heads.
    pub fn with_heads(
        config: &ModelConfig,
        channels: usize,
        heads: &Heads,
        seed: u64,
        device: &Device,
    ) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let network = Network::new(config, channels, heads, rng, device);
        let trend =
            (config.decomposition > 0).then(|| Network::new(config, channels, heads, rng, device));
        Self { network, trend, config: config.clone() }
    }

    /// The heads that it has.
    pub fn heads(&self) -> Heads {
        let layers = &self.network.encoder.layers;
        Heads { kept: layers.iter().map(|layer| layer.heads.clone()).collect() }
    }

    /// `x`: `[batch, channels, context]` to `[batch, channels, horizon]`; the mean, where the model
    /// forecasts distributions.
    ///
    /// With `pass` this is a training pass: dropout is on and batch normalisation uses, and
    /// remembers, the batch's statistics.
    pub fn forward(&self, x: Tensor<3>, pass: Option<&TrainingPass>) -> Tensor<3> {
        self.forecast(x, pass).mean()
    }

    /// What the model says about the next steps.
    pub fn forecast(&self, x: Tensor<3>, pass: Option<&TrainingPass>) -> Forecast {
        let Some(trend) = &self.trend else {
            return self.network.forecast(x, &self.config, pass);
        };
        let (slow, season) = decompose(x, self.config.decomposition);
        let season = self.network.forecast(season, &self.config, pass).mean();
        Forecast::Point(season + trend.forecast(slow, &self.config, pass).mean())
    }

    /// Fills patches in. `mask` `[batch, channels, patches]` is 1 where the network sees zeros.
    pub fn reconstruct(
        &self,
        x: Tensor<3>,
        mask: Tensor<3>,
        pass: Option<&TrainingPass>,
    ) -> Reconstruction {
        let (x, _) = self.network.normalise(x);
        let patches = patches(x, &self.config);
        let seen = patches.clone() * (mask.neg() + 1.0).unsqueeze_dim(3);
        let hidden = self.network.encode(seen, &self.config, pass);
        let predicted = self.network.read(hidden, &self.config, pass);
        Reconstruction { patches, predicted }
    }

    /// Class scores before softmax, or the numbers of a regression: `[batch, targets]`.
    pub fn targets(&self, x: Tensor<3>, pass: Option<&TrainingPass>) -> Tensor<2> {
        let (x, _) = self.network.normalise(x);
        let hidden = self.network.encode(patches(x, &self.config), &self.config, pass);
        let y = self.network.read(hidden, &self.config, pass);
        let [batch, _, _, targets] = y.dims();
        y.reshape([batch, targets])
    }

    /// The mean of the task's loss.
    ///
    /// | task | `y` | loss |
    /// |---|---|---|
    /// | forecast | `[batch, channels, horizon]` | squared or absolute error, or negative log-likelihood |
    /// | pretraining | the mask, `[batch, channels, patches]` | squared error of masked patches |
    /// | classification | one-hot, `[batch, 1, targets]` | cross-entropy |
    /// | regression | `[batch, 1, targets]` | squared error |
    pub fn loss(
        &self,
        x: Tensor<3>,
        y: Tensor<3>,
        output: Option<usize>,
        pass: Option<&TrainingPass>,
    ) -> Tensor<1> {
        let flat = |y: Tensor<3>| {
            let [batch, _, targets] = y.dims();
            y.reshape([batch, targets])
        };
        match self.config.task {
            Task::Forecast => match (self.forecast(x, pass).only(output), self.config.loss) {
                (Forecast::Point(point), LossKind::Mae) => (point - y).abs().mean(),
                (forecast, _) => forecast.negative_log_likelihood(y).mean(),
            },
            Task::Pretrain => {
                let Reconstruction { patches, predicted } = self.reconstruct(x, y.clone(), pass);
                let errors = (predicted - patches).square().mean_dim(3).squeeze_dim::<3>(3);
                (errors * y.clone()).sum() / (y.sum() + 1e-10)
            }
            Task::Classification => {
                let chances = log_softmax(self.targets(x, pass), 1);
                (chances * flat(y)).sum_dim(1).mean().neg()
            }
            Task::Regression => (self.targets(x, pass) - flat(y)).square().mean(),
        }
    }
}

impl Network {
    fn new(
        config: &ModelConfig,
        channels: usize,
        heads: &Heads,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let revin = (config.scaling != Scaling::None)
            .then(|| RevIn::new(channels, config.scaling, config.revin_affine, device));
        let own = (!config.shared_embedding).then_some(channels);
        Self {
            revin,
            embedding: PerChannel::new(own, config.patch_len, config.d_model, rng, device),
            position: position::encoding(config, rng, device),
            cls_token: config
                .cls_token
                .then(|| Param::from_tensor(Tensor::zeros([1, config.d_model], device))),
            encoder: Encoder::new(config, heads, rng, device),
            head: Head::new(config, channels, rng, device),
        }
    }

    fn normalise(&self, x: Tensor<3>) -> (Tensor<3>, Option<Window>) {
        match &self.revin {
            Some(revin) => {
                let (x, window) = revin.normalise(x);
                (x, Some(window))
            }
            None => (x, None),
        }
    }

    fn forecast(
        &self,
        x: Tensor<3>,
        config: &ModelConfig,
        pass: Option<&TrainingPass>,
    ) -> Forecast {
        let (x, window) = self.normalise(x);
        let hidden = self.encode(patches(x, config), config, pass);
        let outputs = self.head.forward(hidden, config, pass);
        let outputs = outputs.into_iter().map(|y| y.squeeze_dim::<3>(2)).collect();
        match (&self.revin, &window) {
            (Some(revin), Some(window)) => Forecast::of(
                config.output,
                outputs,
                |y| revin.denormalise(y, window),
                |scale| revin.spread(scale, window),
            ),
            _ => Forecast::of(config.output, outputs, |y| y, |scale| scale),
        }
    }

    /// The head's only output.
    fn read(
        &self,
        hidden: Tensor<4>,
        config: &ModelConfig,
        pass: Option<&TrainingPass>,
    ) -> Tensor<4> {
        match self.head.forward(hidden, config, pass).pop() {
            Some(output) => output,
            None => unreachable!("{} without an output", OutputKind::Point),
        }
    }

    /// Patches `[batch, channels, patches, patch_len]` in f32 to tokens `[batch, channels, tokens,
    /// d_model]` in the model's precision. It is chosen here alone: from here on operators give the
    /// type they are given, up to the head.
    pub fn encode(
        &self,
        x: Tensor<4>,
        config: &ModelConfig,
        pass: Option<&TrainingPass>,
    ) -> Tensor<4> {
        let [batch, channels, count, _] = x.dims();
        let d = config.d_model;
        let (sequences, tokens) = (batch * channels, config.tokens());
        let dtype = config.precision.dtype();
        let mut x = self.embedding.forward(x.cast(dtype), dtype).reshape([sequences, count, d]);
        let position = self.position.as_ref().map(|position| position.val());
        if let Some(position) = &position {
            // Added in f32, because the encoding's gradient is a sum over all sequences.
            let position = position.clone().narrow(0, tokens - count, count).unsqueeze();
            x = (x.cast(FloatDType::F32) + position).cast(dtype);
        }
        x = dropout(x, config.position_dropout, pass);
        if let Some(cls) = &self.cls_token {
            let mut cls = cls.val();
            if let Some(position) = position {
                cls = cls + position.narrow(0, 0, 1);
            }
            // Expanded before it is cast, for the same reason.
            let cls = cls.unsqueeze::<3>().expand([sequences, 1, d]).cast(dtype);
            x = Tensor::cat(vec![cls, x], 1);
        }
        let rows = Rows { batch, channels, tokens };
        let x = self.encoder.forward(x.reshape([sequences * tokens, d]), rows, config, pass);
        x.reshape([batch, channels, tokens, d])
    }
}
