//! Errors over a part of the data, under both protocols, and of the naive forecasts beside them.

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tilewright_datasets::Windows;

use crate::config::{Config, Task};
use crate::data::{Data, predicted, to_device};
use crate::masking::masks;
use crate::patchtst::{PatchTst, Reconstruction};

/// Mean squared and mean absolute error, over windows, steps and channels of scaled values; in
/// pretraining over the hidden patches of values that RevIN has normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    pub mse: f64,
    pub mae: f64,
}

/// One model on one part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Every window.
    pub complete: Errors,
    /// Without the last batch if it is not full: how the published tables were made. `None` if
    /// that leaves nothing.
    pub drop_last: Option<Errors>,
    pub windows: usize,
}

/// The batches whose errors wait on the device before they are read together.
const READ_EVERY: usize = 32;

/// Evaluates `model` (in inference form) on all windows, `train.batch_size` at a time.
pub fn evaluate(
    model: &PatchTst,
    windows: &Windows,
    output: Option<usize>,
    config: &Config,
    device: &Device,
) -> Result<Evaluation> {
    let size = config.train.batch_size;
    let loader = Data::ordered_loader(windows, config)?;
    let mut squared = Vec::with_capacity(windows.len());
    let mut absolute = Vec::with_capacity(windows.len());
    let mut waiting: Vec<Tensor<2>> = Vec::new();
    let mut read = |waiting: &mut Vec<Tensor<2>>| -> Result<()> {
        for chunk in waiting.drain(..) {
            let values = chunk.into_data().try_into_vec::<f32>()?;
            let (s, a) = values.split_at(size);
            squared.extend(s.iter().map(|v| f64::from(*v)));
            absolute.extend(a.iter().map(|v| f64::from(*v)));
        }
        Ok(())
    };
    for (number, batch) in loader.epoch(0).enumerate() {
        let (x, y) = to_device(&batch?, size, windows, device);
        let (difference, counted) = match config.model.task {
            Task::Pretrain => {
                let mask = validation_mask(config, size, windows.channels(), number as u64, device);
                masked_difference(model, x, mask)
            }
            _ => {
                let difference = predicted(model.forward(x, None), output) - y;
                let [_, channels, steps] = difference.dims();
                (difference.reshape([size, channels * steps]), (channels * steps) as f32)
            }
        };
        let per_window = |errors: Tensor<2>| (errors.sum_dim(1) / counted).reshape([1, size]);
        waiting.push(Tensor::cat(
            vec![per_window(difference.clone().square()), per_window(difference.abs())],
            0,
        ));
        if waiting.len() == READ_EVERY {
            read(&mut waiting)?;
        }
    }
    read(&mut waiting)?;
    let over =
        |count: usize| Errors { mse: mean(&squared[..count]), mae: mean(&absolute[..count]) };
    let count = windows.len();
    let full = count / size * size;
    Ok(Evaluation {
        complete: over(count),
        drop_last: (full > 0).then(|| over(full)),
        windows: count,
    })
}

/// The same masks in every epoch, so that validation errors can be compared.
fn validation_mask(
    config: &Config,
    batch: usize,
    channels: usize,
    number: u64,
    device: &Device,
) -> Tensor<3> {
    let shape = [batch, channels, config.model.patches()];
    Tensor::from_data(masks(&config.pretrain, shape, number), device)
}

/// What was filled in, less what was there, zero where nothing was hidden: `[batch, all]`; and how
/// many numbers of a window count, on average.
fn masked_difference(model: &PatchTst, x: Tensor<3>, mask: Tensor<3>) -> (Tensor<2>, f32) {
    let [batch, channels, count] = mask.dims();
    let Reconstruction { patches, predicted } = model.reconstruct(x, mask.clone(), None);
    let length = patches.dims()[3];
    let hidden: f32 = mask.clone().sum().into_data().iter::<f32>().sum();
    let difference = (predicted - patches) * mask.unsqueeze_dim(3);
    let all = channels * count * length;
    (difference.reshape([batch, all]), hidden * length as f32 / batch as f32)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// What a forecast costs nothing to beat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Naive {
    /// Repeats the last value.
    pub last_value: Errors,
    /// Repeats the last season; `None` if the context is shorter than one.
    pub seasonal: Option<Seasonal>,
}

/// The seasonal-naive forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seasonal {
    #[serde(flatten)]
    pub errors: Errors,
    /// Steps in the season.
    pub period: usize,
}

/// Naive forecasts over all windows; `output` is the predicted channel's place, if only one is.
pub fn naive(windows: &Windows, output: Option<usize>, period: usize) -> Naive {
    let context = windows.context();
    let seasonal = (period > 1 && period <= context)
        .then(|| Seasonal { errors: repeat(windows, output, period), period });
    Naive { last_value: repeat(windows, output, 1), seasonal }
}

/// The forecast that repeats the last `period` rows.
fn repeat(windows: &Windows, output: Option<usize>, period: usize) -> Errors {
    let (context, channels, out) = (windows.context(), windows.channels(), windows.channels_out());
    let (mut squared, mut absolute, mut count) = (0.0_f64, 0.0_f64, 0_usize);
    let mut y = Vec::new();
    for window in 0..windows.len() {
        let x = windows.x(window);
        y.clear();
        windows.extend_y(window, &mut y);
        let (mut s, mut a) = (0.0_f64, 0.0_f64);
        for (step, row) in y.chunks_exact(out).enumerate() {
            let from = (context - period + step % period) * channels;
            let last = &x[from..from + channels];
            let last = output.map_or(last, |channel| &last[channel..=channel]);
            for (truth, guess) in row.iter().zip(last) {
                let difference = f64::from(truth - guess);
                s += difference * difference;
                a += difference.abs();
            }
        }
        squared += s;
        absolute += a;
        count += y.len();
    }
    let count = count.max(1) as f64;
    Errors { mse: squared / count, mae: absolute / count }
}
