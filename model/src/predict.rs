//! What a trained model says of cases: the probability of each class, or a number.

use std::path::Path;

use anyhow::{Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use tilewright_datasets::Scaler;

use crate::config::{Config, Task};
use crate::data::ts::TsFile;
use crate::patchtst::PatchTst;
use crate::train::checkpoint::{Checkpoint, DataFacts};
use crate::train::report::write_whole;

/// A trained model, ready for one file of cases after another.
pub struct Predictor {
    model: PatchTst,
    facts: DataFacts,
    answers: Answers,
    batch: usize,
    device: Device,
}

/// What the model's outputs stand for.
enum Answers {
    /// The classes' names.
    Classes(Vec<String>),
    /// The scale of the numbers that were learned.
    Numbers(Scaler),
}

impl Answers {
    /// By the model's task; refuses another one, and a checkpoint that lacks what it needs.
    fn of(config: &Config, facts: &DataFacts) -> Result<Self> {
        let (task, targets) = (config.model.task, config.model.targets);
        match (task, &facts.target_scaler) {
            (Task::Classification, _) => match facts.outputs.len() {
                classes if classes == targets && classes > 0 => {
                    Ok(Self::Classes(facts.outputs.clone()))
                }
                classes => bail!(
                    "model.task = classification: the checkpoint names {classes} classes, \
                     model.targets = {targets}; use the config.toml that the run wrote beside it"
                ),
            },
            (Task::Regression, Some(scaler)) => Ok(Self::Numbers(scaler.clone())),
            (Task::Regression, None) => bail!(
                "model.task = regression: the checkpoint has no scale of the numbers; use the \
                 config.toml that the run wrote beside it"
            ),
            (Task::Forecast, _) => bail!(
                "model.task = forecast: the model was not trained on labelled cases; use patchtst \
                 forecast"
            ),
            (Task::Pretrain, _) => {
                bail!("model.task = pretrain: the model was not trained on labelled cases")
            }
        }
    }
}

/// What is said of each case of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictions {
    /// The classes, and the probability of each for each case: `[cases, classes]`, row-major.
    Classes { names: Vec<String>, probabilities: Vec<f64> },
    /// A number for each case, in its own units.
    Numbers(Vec<f64>),
}

impl Predictor {
    /// The trained model of `checkpoint` on `device`; refuses one of another task or without what
    /// its task needs, and batches (`train.batch_size`) that cannot be indexed.
    pub fn new(config: &Config, checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let answers = Answers::of(config, &checkpoint.facts)?;
        let batch = config.train.batch_size;
        config.model.check_batch(batch, checkpoint.facts.inputs.len())?;
        Ok(Self {
            model: checkpoint.model(config, device)?,
            facts: checkpoint.facts.clone(),
            answers,
            batch,
            device: device.clone(),
        })
    }

    /// Predicts every case of `file`; what it may say of them itself is not looked at.
    pub fn predict(&self, file: &TsFile) -> Result<Predictions> {
        let (channels, context) = (self.facts.inputs.len(), self.model.config.context);
        if (file.channels, file.length) != (channels, context) {
            bail!(
                "{}: cases of {} dimensions and {} steps; the model was trained on {channels} \
                 dimensions and {context} steps",
                file.name,
                file.channels,
                file.length
            );
        }
        let x = self.facts.scaler.transform(&file.values)?;
        if let Some(place) = x.iter().position(|value| !value.is_finite()) {
            bail!("{}: case {}: a value is too large", file.name, place / (context * channels) + 1);
        }
        let outputs = outputs(&self.model, &x, channels, self.batch, &self.device)?;
        Ok(match &self.answers {
            Answers::Numbers(scaler) => Predictions::Numbers(scaler.inverse(&outputs)?),
            Answers::Classes(names) => {
                let probabilities = outputs
                    .chunks_exact(names.len())
                    .flat_map(|scores| log_softmax(scores).into_iter().map(f64::exp))
                    .collect();
                Predictions::Classes { names: names.clone(), probabilities }
            }
        })
    }
}

impl Predictions {
    /// How many cases there are.
    pub fn cases(&self) -> usize {
        match self {
            Self::Classes { names, probabilities } => probabilities.len() / names.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// Writes `case,label,p(a),p(b),...`, or `case,value`, the cases counted from 1; the file is the
    /// old one or all of the new one.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        match self {
            Self::Classes { names, probabilities } => {
                let columns = names.iter().map(|name| format!("p({name})"));
                writer
                    .write_record(["case", "label"].map(String::from).into_iter().chain(columns))?;
                for (case, row) in probabilities.chunks_exact(names.len()).enumerate() {
                    let start = [(case + 1).to_string(), names[likeliest(row)].clone()];
                    writer.write_record(start.into_iter().chain(row.iter().map(f64::to_string)))?;
                }
            }
            Self::Numbers(numbers) => {
                writer.write_record(["case", "value"])?;
                for (case, number) in numbers.iter().enumerate() {
                    writer.write_record([(case + 1).to_string(), number.to_string()])?;
                }
            }
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        write_whole(path, &bytes)
    }
}

/// What `model` (in inference form) says of scaled cases `x` `[cases, context, channels]`, `batch` at
/// a time: `[cases, targets]`, scores before softmax or scaled numbers. A batch that is not full is
/// filled up with its first case, so that shapes, and with them kernels, never change.
pub fn outputs(
    model: &PatchTst,
    x: &[f32],
    channels: usize,
    batch: usize,
    device: &Device,
) -> Result<Vec<f32>> {
    let (context, targets) = (model.config.context, model.config.targets);
    let one = context * channels;
    let mut all = Vec::with_capacity(x.len() / one * targets);
    for cases in x.chunks(batch * one) {
        let mut values = cases.to_vec();
        while values.len() < batch * one {
            values.extend_from_within(..one);
        }
        let x = TensorData::new(values, [batch, context, channels]);
        let y = model.targets(Tensor::<3>::from_data(x, device).swap_dims(1, 2), None);
        let y = y.into_data().try_into_vec::<f32>()?;
        all.extend_from_slice(&y[..cases.len() / one * targets]);
    }
    Ok(all)
}

/// The logarithms of the probabilities that scores stand for.
pub fn log_softmax(scores: &[f32]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = scores.iter().map(|score| f64::from(score - largest));
    let sum: f64 = shifted.clone().map(f64::exp).sum();
    shifted.map(|score| score - sum.ln()).collect()
}

/// The place of the largest number, the first of equal ones.
pub fn likeliest(probabilities: &[f64]) -> usize {
    let places = probabilities.iter().enumerate().rev();
    places.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_however_large_the_scores() {
        let logs = log_softmax(&[1000.0, 1000.0, -1000.0]);
        assert!((logs[0] - 0.5_f64.ln()).abs() < 1e-12 && logs[2] < -1999.0, "{logs:?}");
        assert!((logs.iter().map(|log| log.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(likeliest(&[0.2, 0.4, 0.4]), 1);
    }

    #[test]
    fn tables_name_the_likeliest_class() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p.csv");
        let names = vec!["a".to_string(), "b,c".to_string()];
        let probabilities = vec![0.25, 0.75, 1.0, 0.0];
        Predictions::Classes { names, probabilities }.write_csv(&path).expect("written");
        let text = std::fs::read_to_string(&path).expect("read");
        assert_eq!(text, "case,label,p(a),\"p(b,c)\"\n1,\"b,c\",0.25,0.75\n2,a,1,0\n");
        Predictions::Numbers(vec![-1.5]).write_csv(&path).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "case,value\n1,-1.5\n");
    }
}
