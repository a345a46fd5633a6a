//! The heads: from a sequence's tokens to forecasts, patches, classes or numbers.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, FloatDType, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::config::{ModelConfig, Pooling, Task};
use crate::pass::{TrainingPass, dropout};
use crate::per_channel::PerChannel;

/// One linear layer for each number that describes an output: one for a point, two or three for a
/// distribution.
///
/// Where all tokens are read, they are flattened token by token (`[tokens, d_model]`), as Hugging
/// Face's model does; the official code flattens `[d_model, tokens]`, which is the same layer with
/// its weights permuted.
#[derive(Module, Debug)]
pub struct Head {
    pub projections: Vec<PerChannel>,
}

impl Head {
    pub fn new(
        config: &ModelConfig,
        channels: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let individual = config.individual_head.then_some(channels);
        let d = config.d_model;
        let pooled = config.cls_token || config.pooling != Pooling::None;
        let (own, inputs, outputs) = match config.task {
            Task::Forecast if pooled => (individual, d, config.horizon),
            Task::Forecast => (individual, config.tokens() * d, config.horizon),
            Task::Pretrain => (None, d, config.patch_len),
            Task::Classification | Task::Regression => (None, channels * d, config.targets),
        };
        let layer = |_| PerChannel::new(own, inputs, outputs, rng, device);
        Self { projections: (0..config.output.parameters()).map(layer).collect() }
    }

    /// `x`: `[batch, channels, tokens, d_model]`; each result is
    ///
    /// | task | shape |
    /// |---|---|
    /// | forecast | `[batch, channels, 1, horizon]` |
    /// | pretraining | `[batch, channels, patches, patch_len]` |
    /// | classification, regression | `[batch, 1, 1, targets]` |
    ///
    /// in f32, whatever the type of `x`: forecasts and what losses compare are not rounded to it.
    pub fn forward(
        &self,
        x: Tensor<4>,
        config: &ModelConfig,
        pass: Option<&TrainingPass>,
    ) -> Vec<Tensor<4>> {
        let x = features(x, config);
        let first = config.head_dropout_first || config.task != Task::Forecast;
        let x = if first { dropout(x, config.head_dropout, pass) } else { x };
        let project = |layer: &PerChannel| {
            let y = layer.forward(x.clone(), FloatDType::F32);
            if first { y } else { dropout(y, config.head_dropout, pass) }
        };
        let mut outputs: Vec<_> = self.projections.iter().map(project).collect();
        let [low, high] = config.output_range;
        if config.task == Task::Regression && low < high {
            outputs = outputs.into_iter().map(|y| sigmoid(y) * (high - low) + low).collect();
        }
        outputs
    }
}

/// What the linear layer reads.
fn features(x: Tensor<4>, config: &ModelConfig) -> Tensor<4> {
    let [batch, channels, tokens, d] = x.dims();
    if config.task == Task::Pretrain {
        let first = usize::from(config.cls_token);
        return x.narrow(2, first, tokens - first);
    }
    let pooled = match config.pooling {
        _ if config.cls_token => x.narrow(2, 0, 1),
        Pooling::None => x.reshape([batch, channels, 1, tokens * d]),
        Pooling::Mean => {
            let dtype = x.dtype();
            x.cast(FloatDType::F32).mean_dim(2).cast(dtype)
        }
        Pooling::Max => x.max_dim(2),
        Pooling::Last => x.narrow(2, tokens - 1, 1),
    };
    match config.task {
        Task::Classification | Task::Regression => pooled.reshape([batch, 1, 1, channels * d]),
        Task::Forecast | Task::Pretrain => pooled,
    }
}
