//! `[runtime]`: where and how it runs.

use serde::{Deserialize, Serialize};

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
    /// Show a run's curves where standard output is a terminal; lines otherwise.
    pub dashboard: bool,
    /// Folder of the compiled-kernel cache; `off` for none, `auto` for the user's cache folder.
    pub cache: String,
    /// Folder that holds the runs.
    pub runs: String,
    /// The run's name; empty: data set, horizon or task, and the time.
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
