//! From a configuration to what a model is trained on, and from there to tensors: windows of a
//! series ([`SeriesData`]) or labelled cases ([`CaseData`]).

mod cases;
mod series;
pub mod ts;
mod ts_header;

use anyhow::{Result, bail};
use burn::tensor::Device;
use tilewright_datasets::{Loader, LoaderOptions, Windows};

use crate::config::Config;
use crate::evaluate::{Evaluation, evaluate, evaluate_cases};
use crate::patchtst::PatchTst;
use crate::train::checkpoint::DataFacts;
use crate::train::report::WindowCounts;

pub use cases::{CaseData, Cases, complete};
pub use series::{SeriesData, predicted, to_device};

/// What a model is trained on.
pub enum Data {
    /// To forecast, or to fill in.
    Series(Box<SeriesData>),
    /// To classify, or to regress.
    Cases(Box<CaseData>),
}

/// A part of the data that is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Validation,
    Test,
}

impl Data {
    /// Opens what `[data]` names for the model's task, split and scaled.
    pub fn open(config: &Config) -> Result<Self> {
        Ok(match config.model.task.is_labelled() {
            true => Self::Cases(Box::new(CaseData::open(config)?)),
            false => Self::Series(Box::new(SeriesData::open(config)?)),
        })
    }

    /// The series' name, or that of the training cases.
    pub fn name(&self) -> &str {
        match self {
            Self::Series(data) => data.series.name(),
            Self::Cases(data) => &data.name,
        }
    }

    /// Channels that go in.
    pub fn channels(&self) -> usize {
        match self {
            Self::Series(data) => data.forecast.inputs.len(),
            Self::Cases(data) => data.inputs.len(),
        }
    }

    /// The output channel's place among the input channels, where only one is forecast (`MS`).
    pub fn output(&self) -> Option<usize> {
        match self {
            Self::Series(data) => data.output,
            Self::Cases(_) => None,
        }
    }

    /// What a person should know of it.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Series(data) => {
                data.series.notes().iter().chain(&data.forecast.notes).cloned().collect()
            }
            Self::Cases(data) => data.notes.clone(),
        }
    }

    /// What a trained model must know of it.
    pub fn facts(&self) -> DataFacts {
        match self {
            Self::Series(data) => DataFacts {
                inputs: data.forecast.inputs.clone(),
                outputs: data.forecast.outputs.clone(),
                scaler: data.forecast.scaler.clone(),
                target_scaler: None,
                output: data.output,
            },
            Self::Cases(data) => DataFacts {
                inputs: data.inputs.clone(),
                outputs: data.outputs.clone(),
                scaler: data.scaler.clone(),
                target_scaler: data.target_scaler.clone(),
                output: None,
            },
        }
    }

    /// Windows, or cases, in each part.
    pub fn counts(&self) -> WindowCounts {
        match self {
            Self::Series(data) => WindowCounts {
                train: data.forecast.train.len(),
                val: data.forecast.validation.len(),
                test: data.forecast.test.len(),
            },
            Self::Cases(data) => WindowCounts {
                train: data.train.len(),
                val: data.validation.len(),
                test: data.test.len(),
            },
        }
    }

    /// The shuffled training batches; a last batch that is not full is left out, as published.
    /// Refuses batches that cannot be filled or indexed.
    pub fn train_loader(&self, config: &Config) -> Result<Loader> {
        let batch = config.train.batch_size;
        config.model.check_batch(batch, self.channels())?;
        let (count, what) = match self {
            Self::Series(data) => (data.forecast.train.len(), "windows"),
            Self::Cases(data) => (data.train.len(), "cases"),
        };
        if count < batch {
            bail!("train.batch_size = {batch}: the training part holds only {count} {what}");
        }
        let options = LoaderOptions {
            batch,
            shuffle: Some(config.train.seed),
            workers: config.data.workers,
            prefetch: config.data.prefetch,
            drop_last: true,
        };
        match self {
            Self::Series(data) => Ok(Loader::new(data.forecast.train.clone(), options)?),
            Self::Cases(data) => data.train.loader(options),
        }
    }

    /// Every window of a part, in the order of time.
    pub fn ordered_loader(windows: &Windows, config: &Config) -> Result<Loader> {
        let options = LoaderOptions {
            batch: config.train.batch_size,
            shuffle: None,
            workers: config.data.workers,
            prefetch: config.data.prefetch,
            drop_last: false,
        };
        Ok(Loader::new(windows.clone(), options)?)
    }

    /// Measures `model` (in inference form) on a part.
    pub fn measure(
        &self,
        model: &PatchTst,
        part: Part,
        config: &Config,
        device: &Device,
    ) -> Result<Evaluation> {
        match self {
            Self::Series(data) => {
                let windows = match part {
                    Part::Validation => &data.forecast.validation,
                    Part::Test => &data.forecast.test,
                };
                evaluate(model, windows, data.output, config, device)
            }
            Self::Cases(data) => {
                let cases = match part {
                    Part::Validation => &data.validation,
                    Part::Test => &data.test,
                };
                evaluate_cases(model, cases, data.target_scaler.as_ref(), config, device)
            }
        }
    }
}

/// Names, only the first of many.
pub(crate) fn few(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        count if count > SHOWN => {
            format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN)
        }
        _ => names.join(", "),
    }
}
