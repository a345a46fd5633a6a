//! What a model is measured by over a part of the data: errors under both protocols, those of the
//! naive forecasts beside them, and scores of labelled cases.

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tilewright_datasets::{Scaler, Windows};

use crate::config::{Config, Task};
use crate::data::{Cases, Data, predicted, to_device};
use crate::masking::masks;
use crate::patchtst::{PatchTst, Reconstruction};
use crate::predict::{likeliest, log_softmax, outputs};
use crate::score::{ClassScore, Confusion, NumberScore, Score};

/// Mean squared and mean absolute error, over windows, steps and channels of scaled values; in
/// pretraining over the hidden patches of values that RevIN has normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    pub mse: f64,
    pub mae: f64,
}

/// One model on one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Every window, or every case.
    pub complete: Score,
    /// Without the last batch if it is not full: how the published tables were made. `None` if
    /// that leaves nothing, and of cases.
    pub drop_last: Option<Score>,
    /// How many there are.
    pub windows: usize,
    /// Of a classification, how often each class was taken for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
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
    let over = |count: usize| {
        Score::Errors(Errors { mse: mean(&squared[..count]), mae: mean(&absolute[..count]) })
    };
    let count = windows.len();
    let full = count / size * size;
    Ok(Evaluation {
        complete: over(count),
        drop_last: (full > 0).then(|| over(full)),
        windows: count,
        confusion: None,
    })
}

/// Evaluates `model` (in inference form) on all cases, `train.batch_size` at a time. Numbers are
/// compared in the units that `target_scaler` brings them back to.
pub fn evaluate_cases(
    model: &PatchTst,
    cases: &Cases,
    target_scaler: Option<&Scaler>,
    config: &Config,
    device: &Device,
) -> Result<Evaluation> {
    let found = outputs(model, cases.x(), cases.channels(), config.train.batch_size, device)?;
    let (score, confusion) = match target_scaler {
        Some(scaler) => (Score::Numbers(of_numbers(&found, cases.y(), scaler)), None),
        None => {
            let (score, confusion) = of_classes(&found, cases.y(), cases.targets());
            (Score::Classes(score), Some(confusion))
        }
    };
    Ok(Evaluation { complete: score, drop_last: None, windows: cases.len(), confusion })
}

/// What one answer for all of `test` scores, which a model should beat: the shares of the classes in
/// `train`, or the mean of its numbers.
pub fn same_for_all(train: &Cases, test: &Cases, target_scaler: Option<&Scaler>) -> Score {
    let targets = test.targets();
    let mut means = vec![0.0_f64; targets];
    for row in train.y().chunks_exact(targets) {
        means.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    means.iter_mut().for_each(|sum| *sum /= train.len() as f64);
    let repeated = |row: Vec<f32>| row.repeat(test.len());
    match target_scaler {
        Some(scaler) => {
            let answer = means.iter().map(|mean| *mean as f32).collect();
            Score::Numbers(of_numbers(&repeated(answer), test.y(), scaler))
        }
        None => {
            // A class that training lacks is not impossible, or one case of it would cost all.
            let answer = means.iter().map(|share| share.max(1e-6).ln() as f32).collect();
            Score::Classes(of_classes(&repeated(answer), test.y(), targets).0)
        }
    }
}

/// Of scores before softmax and one-hot classes, `[cases, classes]` each.
fn of_classes(scores: &[f32], truths: &[f32], classes: usize) -> (ClassScore, Confusion) {
    let mut losses = Vec::new();
    let mut pairs = Vec::new();
    for (scores, truth) in scores.chunks_exact(classes).zip(truths.chunks_exact(classes)) {
        let chances = log_softmax(scores);
        let class = truth.iter().position(|one| *one > 0.0).unwrap_or_default();
        losses.push(-chances[class]);
        pairs.push((class, likeliest(&chances)));
    }
    let confusion = Confusion::of(pairs.into_iter(), classes);
    let score = ClassScore {
        accuracy: confusion.accuracy(),
        macro_f1: confusion.macro_f1(),
        cross_entropy: mean(&losses),
    };
    (score, confusion)
}

/// Of scaled numbers, `[cases, targets]` each.
fn of_numbers(found: &[f32], truths: &[f32], scaler: &Scaler) -> NumberScore {
    let scaled: Vec<f64> = found
        .iter()
        .zip(truths)
        .map(|(found, truth)| f64::from(*found) - f64::from(*truth))
        .collect();
    let own: Vec<f64> =
        scaled.iter().zip(scaler.std.iter().cycle()).map(|(error, std)| error * std).collect();
    let squares = |errors: &[f64]| errors.iter().map(|error| error * error).collect::<Vec<_>>();
    let mse = mean(&squares(&own));
    NumberScore {
        mse,
        mae: mean(&own.iter().map(|error| error.abs()).collect::<Vec<_>>()),
        rmse: mse.sqrt(),
        loss: mean(&squares(&scaled)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_scored_by_the_likeliest_and_by_its_probability() {
        // Probabilities 3/4 of a class that is right, and 1/4 of one that is not.
        let scores = [3.0_f32.ln(), 0.0, 3.0_f32.ln(), 0.0];
        let (score, confusion) = of_classes(&scores, &[1.0, 0.0, 0.0, 1.0], 2);
        assert_eq!((score.accuracy, confusion.0), (0.5, vec![vec![1, 0], vec![1, 0]]));
        let expected = -(0.75_f64.ln() + 0.25_f64.ln()) / 2.0;
        assert!((score.cross_entropy - expected).abs() < 1e-6, "{score:?}");
    }

    #[test]
    fn numbers_are_scored_in_their_own_units() {
        let scaler = Scaler { mean: vec![100.0], std: vec![10.0], constant: Vec::new() };
        // Scaled errors 0.5 and -0.1: 5 and -1 of the numbers themselves.
        let score = of_numbers(&[1.0, 0.0], &[0.5, 0.1], &scaler);
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-6 * expected;
        assert!(close(score.mse, 13.0) && close(score.mae, 3.0), "{score:?}");
        assert!(close(score.rmse, 13.0_f64.sqrt()) && close(score.loss, 0.13), "{score:?}");
    }
}
