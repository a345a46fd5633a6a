//! One file describes a run: `[model]`, `[data]`, `[train]` and `[runtime]`.
//!
//! A configuration is a preset (see [`presets`]), then a TOML file laid over it, then single keys
//! from the command line laid over that. Unknown keys are refused with the nearest known name; the
//! complete result is written to the run's folder, so that a run never depends on a default that
//! may change.

pub mod overrides;
pub mod presets;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use overrides::ConfigError;

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub model: ModelConfig,
    pub data: DataConfig,
    pub train: TrainConfig,
    pub runtime: RuntimeConfig,
}

/// The network. Names follow the paper; the official script's name is given where it differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Steps the model sees (`seq_len`).
    pub context: usize,
    /// Steps it predicts (`pred_len`).
    pub horizon: usize,
    /// Steps in one patch.
    pub patch_len: usize,
    /// Steps between the starts of two patches.
    pub stride: usize,
    /// Repeat the last value `stride` times before patching (`padding_patch = end`).
    pub end_padding: bool,
    pub d_model: usize,
    pub heads: usize,
    pub d_ff: usize,
    pub layers: usize,
    /// On the embedding, both residual branches and inside the feed-forward network.
    pub dropout: f64,
    /// After the head's linear layer.
    pub head_dropout: f64,
    /// One head for each channel instead of one for all (`individual`).
    pub individual_head: bool,
    /// Reversible instance normalisation.
    pub revin: bool,
    /// A learned gain and bias for each channel in RevIN (`affine`).
    pub revin_affine: bool,
    /// RevIN subtracts the last value instead of the mean.
    pub subtract_last: bool,
    /// Add the previous layer's scores to this layer's (RealFormer; `res_attention`).
    pub residual_attention: bool,
    /// Which attention computes this.
    pub attention: AttentionKind,
}

/// How attention is computed. All three give the same numbers, up to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttentionKind {
    /// Matrix product, softmax, matrix product, as the official code does.
    Vanilla,
    /// Tilewright's fused kernels; the backward pass recomputes the scores.
    #[default]
    Tuned,
    /// Tilewright's fused kernels; the forward pass saves the scores for the backward pass.
    Saved,
}

impl AttentionKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Vanilla => "vanilla",
            Self::Tuned => "tuned",
            Self::Saved => "saved",
        }
    }
}

/// What the model is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `synthetic`, the name of a benchmark (`etth1`, `weather`, ...), or the path of a CSV file.
    pub dataset: String,
    /// Folder of the benchmark files; empty: `$TILEWRIGHT_DATA`, else the user's data folder.
    pub root: String,
    /// `M`: all channels in and out; `S`: the target alone; `MS`: all in, the target out.
    pub features: String,
    /// The target's column for `S` and `MS`; empty: the last.
    pub target: String,
    /// Scale each channel to mean 0 and deviation 1 by its training rows.
    pub scale: bool,
    /// Train on the first so many windows only; 0: all. For quick looks.
    pub max_windows: usize,
    /// Threads that prepare batches ahead of the model; 0 prepares them in the training thread.
    pub workers: usize,
    /// Batches that each of them holds ready.
    pub prefetch: usize,
}

/// How it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    pub epochs: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    /// `constant`, `type3` or `one-cycle`.
    pub schedule: ScheduleKind,
    /// One-cycle: the share of all steps in which the rate rises.
    pub pct_start: f64,
    /// One-cycle: move beta1 from 0.95 to 0.85 and back, as PyTorch does unless told not to.
    pub cycle_momentum: bool,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Stop after this many epochs without a better validation error; 0 never stops early.
    pub patience: usize,
    /// Seeds the weights, the shuffling and the dropout masks.
    pub seed: u64,
    /// Measure the test error after each epoch too (it is never used to choose anything).
    pub test_each_epoch: bool,
    /// Save a checkpoint every so many steps as well as after each epoch; 0: epochs only.
    pub checkpoint_steps: usize,
}

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The same rate throughout.
    Constant,
    /// The official `type3`: constant for three epochs, then times 0.9 each epoch.
    #[default]
    Type3,
    /// `torch.optim.lr_scheduler.OneCycleLR`, moved every step.
    OneCycle,
}

/// Where and how it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// `auto`, `cpu`, `cuda` or `cuda:1`.
    pub device: String,
    /// How hard Burn searches for the fastest of its own kernels (matrix products, reductions).
    pub autotune: AutotuneEffort,
    /// On a GPU, record a training step once and replay it as one CUDA graph.
    pub graph: bool,
    /// Folder of the compiled-kernel cache; `off` for none, `auto` for the user's cache folder.
    pub cache: String,
    /// Folder that holds the runs.
    pub runs: String,
    /// The run's name; empty: dataset, horizon and the time.
    pub name: String,
}

/// The effort that Burn's own autotuner spends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutotuneEffort {
    /// Fixed choices: nothing is measured, few kernels are compiled.
    #[default]
    Off,
    Minimal,
    Balanced,
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

    /// Refuses what cannot run, naming the keys and both values.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (m, t) = (&self.model, &self.train);
        for (key, value) in [
            ("model.context", m.context),
            ("model.horizon", m.horizon),
            ("model.patch_len", m.patch_len),
            ("model.stride", m.stride),
            ("model.d_model", m.d_model),
            ("model.heads", m.heads),
            ("model.d_ff", m.d_ff),
            ("model.layers", m.layers),
            ("train.batch_size", t.batch_size),
        ] {
            if value == 0 {
                return Err(ConfigError::invalid(key, "0", "must be at least 1"));
            }
        }
        if m.d_model % m.heads != 0 {
            return Err(ConfigError::invalid(
                "model.heads",
                m.heads,
                format!("must divide model.d_model = {}", m.d_model),
            ));
        }
        if m.patch_len > m.context {
            return Err(ConfigError::invalid(
                "model.patch_len",
                m.patch_len,
                format!("must not exceed model.context = {}", m.context),
            ));
        }
        for (key, value) in [
            ("model.dropout", m.dropout),
            ("model.head_dropout", m.head_dropout),
            ("train.beta1", t.beta1),
            ("train.beta2", t.beta2),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(ConfigError::invalid(key, value, "must lie in [0, 1)"));
            }
        }
        if !(t.learning_rate > 0.0 && t.learning_rate.is_finite()) {
            return Err(ConfigError::invalid(
                "train.learning_rate",
                t.learning_rate,
                "must be positive",
            ));
        }
        if !(t.epsilon > 0.0 && t.epsilon.is_finite()) {
            return Err(ConfigError::invalid("train.epsilon", t.epsilon, "must be positive"));
        }
        if t.schedule == ScheduleKind::OneCycle && !(t.pct_start > 0.0 && t.pct_start < 1.0) {
            return Err(ConfigError::invalid(
                "train.pct_start",
                t.pct_start,
                "must lie between 0 and 1",
            ));
        }
        Ok(())
    }
}

impl ModelConfig {
    /// Tokens in one sequence: patches of the (padded) context.
    pub fn tokens(&self) -> usize {
        let padded = self.context + if self.end_padding { self.stride } else { 0 };
        (padded - self.patch_len) / self.stride + 1
    }

    /// The width of one attention head.
    pub fn head_dim(&self) -> usize {
        self.d_model / self.heads
    }
}
