//! What a step is given: inputs, and what the loss compares with.

use burn::tensor::Tensor;

use crate::config::{Config, Task};
use crate::masking::masks;
use crate::ops::control;

/// What a batch looks like: all batches of a run have the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    pub batch: usize,
    pub context: usize,
    /// Steps of `y`; in pretraining the patches of its mask, of labelled cases their targets.
    pub horizon: usize,
    pub channels: usize,
    pub channels_out: usize,
    /// The output channel's place among the inputs, where only one is predicted.
    pub output: Option<usize>,
}

impl BatchShape {
    /// The shape of training batches of `channels` channels, of which one is forecast, or all.
    pub fn of(config: &Config, channels: usize, output: Option<usize>) -> Self {
        let model = &config.model;
        let (horizon, channels_out) = match model.task {
            Task::Forecast => (model.horizon, if output.is_some() { 1 } else { channels }),
            Task::Pretrain => (model.patches(), channels),
            Task::Classification | Task::Regression => (model.targets, 1),
        };
        Self {
            batch: config.train.batch_size,
            context: model.context,
            horizon,
            channels,
            channels_out,
            output,
        }
    }

    /// Numbers as they lie in memory, `[batch, time, channels]`, as the model takes them, channels
    /// before time.
    pub fn arranged(self, x: Tensor<1>, y: Tensor<1>) -> (Tensor<3>, Tensor<3>) {
        let x = x.reshape([self.batch, self.context, self.channels]).swap_dims(1, 2);
        let y = y.reshape([self.batch, self.horizon, self.channels_out]).swap_dims(1, 2);
        (x, y)
    }
}

/// What a step's loss compares with: the batch's own future or targets, or in pretraining the step's
/// mask.
pub fn compared(config: &Config, shape: BatchShape, y: Vec<f32>, step: u64) -> Vec<f32> {
    if config.model.task != Task::Pretrain {
        return y;
    }
    let (channels, patches) = (shape.channels, shape.horizon);
    let seed = control::mix(config.train.seed, step);
    let masks = masks(&config.pretrain, [shape.batch, channels, patches], seed);
    let masks: Vec<f32> = masks.iter::<f32>().collect();
    let transposed = |mask: &[f32]| -> Vec<f32> {
        let places = (0..patches).flat_map(|p| (0..channels).map(move |c| c * patches + p));
        places.map(|place| mask[place]).collect()
    };
    masks.chunks(channels * patches).flat_map(transposed).collect()
}
