//! One file describes a run: `[model]`, `[data]`, `[pretrain]`, `[prune]`, `[train]` and `[runtime]`.
//!
//! A configuration is a preset (see [`presets`]), then a TOML file laid over it, then single keys
//! from the command line laid over that. Unknown keys are refused with the nearest known name; the
//! complete result is written to the run's folder, so that a run never depends on a default that
//! may change.

mod data;
mod model;
mod options;
pub mod overrides;
pub mod presets;
mod pretrain;
mod prune;
mod runtime;
mod size;
mod train;
mod variant;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use data::DataConfig;
pub use model::ModelConfig;
pub use options::{
    Activation, Alignment, AttentionKind, LossKind, NormKind, NormOrder, OutputKind, Pooling,
    PositionKind, Precision, Scaling, Task,
};
pub use overrides::ConfigError;
pub use pretrain::{MaskKind, PretrainConfig};
pub use prune::PruneConfig;
pub use runtime::{AutotuneEffort, RuntimeConfig};
pub use train::{ScheduleKind, TrainConfig};
pub use variant::VariantName;

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub model: ModelConfig,
    pub data: DataConfig,
    pub pretrain: PretrainConfig,
    pub prune: PruneConfig,
    pub train: TrainConfig,
    pub runtime: RuntimeConfig,
}

impl Default for Config {
    fn default() -> Self {
        presets::synthetic()
    }
}

impl Config {
    /// Reads a TOML file and lays it over its `preset` (default: `synthetic`).
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
        overrides::from_toml(&text)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|error| ConfigError::Write(error.to_string()))
    }

    /// Sets one key, given as `section.key=value`.
    pub fn set(&mut self, assignment: &str) -> Result<(), ConfigError> {
        *self = overrides::assign(self, assignment)?;
        Ok(())
    }

    /// What it is trained on, as people call it: the data set, or the training cases' file without its
    /// ending and `_TRAIN`.
    pub fn data_name(&self) -> String {
        if !self.model.task.is_labelled() {
            return self.data.dataset.clone();
        }
        let stem = Path::new(&self.data.train).file_stem().unwrap_or_default().to_string_lossy();
        stem.strip_suffix("_TRAIN").unwrap_or(&stem).to_string()
    }

    /// What a run is for, in its name: the horizon, or the task where labelled cases are learned.
    pub(crate) fn purpose(&self) -> String {
        match self.model.task {
            task if task.is_labelled() => task.to_string(),
            _ => self.model.horizon.to_string(),
        }
    }

    /// Refuses what cannot run, naming the keys and both values.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.model.check()?;
        self.pretrain.check(&self.model)?;
        self.prune.check(&self.model)?;
        self.data.check()?;
        self.train.check()
    }
}

/// Refuses a count of zero.
fn at_least_one(counts: &[(&str, usize)]) -> Result<(), ConfigError> {
    match counts.iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => Err(ConfigError::invalid(key, "0", "must be at least 1")),
        None => Ok(()),
    }
}

/// Refuses what is no probability below one.
fn probabilities(rates: &[(&str, f64)]) -> Result<(), ConfigError> {
    match rates.iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
        Some((key, value)) => Err(ConfigError::invalid(key, value, "must lie in [0, 1)")),
        None => Ok(()),
    }
}

/// Refuses what is not a positive number.
fn positive(values: &[(&str, f64)]) -> Result<(), ConfigError> {
    match values.iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
        Some((key, value)) => Err(ConfigError::invalid(key, value, "must be positive")),
        None => Ok(()),
    }
}
