//! `[data]`: what the model is trained on.

use serde::{Deserialize, Serialize};

use super::{ConfigError, at_least_one};

/// What the model is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `synthetic`, the name of a benchmark (`etth1`, `weather`, ...), or the path of a CSV file; not
    /// used by classification and regression.
    pub dataset: String,
    /// Classification and regression: a `.ts` file of labelled cases to learn from.
    pub train: String,
    /// And one to be measured on.
    pub test: String,
    /// The share of the training cases that is validated on instead: of each class alike, drawn by
    /// `train.seed`.
    pub validation: f64,
    /// Folder of the benchmark files; empty: `$TILEWRIGHT_DATA`, else the user's data folder.
    pub root: String,
    /// `M`: all channels in and out; `S`: the target alone; `MS`: all in, the target out.
    pub features: String,
    /// The target's column for `S` and `MS`; empty: the last.
    pub target: String,
    /// Scale each channel to mean 0 and deviation 1 by its training rows.
    pub scale: bool,
    /// Train on the first so many windows only, or on so many cases, drawn by `train.seed`; 0: all.
    /// For quick looks.
    pub max_windows: usize,
    /// Threads that prepare batches ahead of the model; 0 prepares them in the training thread.
    pub workers: usize,
    /// Batches that each of them holds ready.
    pub prefetch: usize,
}

/// More threads than this are a slip of the keyboard.
const MOST_WORKERS: usize = 256;

impl DataConfig {
    /// Refuses what cannot be loaded.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(self.validation > 0.0 && self.validation < 1.0) {
            let reason = "must lie between 0 and 1";
            return Err(ConfigError::invalid("data.validation", self.validation, reason));
        }
        if self.workers > MOST_WORKERS {
            let reason = format!("must not exceed {MOST_WORKERS}");
            return Err(ConfigError::invalid("data.workers", self.workers, reason));
        }
        at_least_one(&[("data.prefetch", self.prefetch)])
    }
}
