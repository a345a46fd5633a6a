//! What a run reports: losses by epoch and one file of metrics.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::config::Precision;
use crate::evaluate::Naive;
use crate::score::Score;

/// One epoch in `losses.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// From 1.
    pub epoch: usize,
    pub train: f64,
    pub val: f64,
    /// Only if `train.test_each_epoch`.
    pub test: Option<f64>,
    /// At the epoch's last step.
    pub learning_rate: f64,
    /// Training, without validation.
    pub seconds: f64,
    /// Of these, waiting for data.
    pub data_seconds: f64,
}

/// `metrics.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metrics {
    pub dataset: String,
    /// Steps forecast; 0 where labelled cases are learned.
    pub horizon: usize,
    /// Every test window, or case.
    pub test: Score,
    /// Without the last test batch if it is not full: the protocol of the published tables.
    pub test_drop_last: Option<Score>,
    pub val: Score,
    /// Forecasts that cost nothing, on every test window; absent where nothing is forecast.
    pub naive: Option<Naive>,
    /// What the same answer for every test case scores, where labelled cases are learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_for_all: Option<Score>,
    /// Means over the epochs: all of it, waiting for data, the rest.
    pub epoch_seconds: f64,
    pub data_seconds: f64,
    pub compute_seconds: f64,
    pub epochs: usize,
    pub best_epoch: usize,
    pub stopped_early: bool,
    pub steps: u64,
    /// From opening the device to the end of the first step, kernels compiled.
    pub time_to_first_step_seconds: f64,
    pub device: String,
    pub attention: String,
    /// Runs from before there was a choice were f32.
    #[serde(default)]
    pub precision: Precision,
    pub parameters: usize,
    pub windows: WindowCounts,
    pub seed: u64,
    pub version: String,
}

/// Windows, or labelled cases, in each part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowCounts {
    pub train: usize,
    pub val: usize,
    pub test: usize,
}

impl Metrics {
    /// Means of the epochs' seconds: all, data, compute.
    pub fn seconds(rows: &[EpochRow]) -> (f64, f64, f64) {
        let count = rows.len().max(1) as f64;
        let all = rows.iter().map(|row| row.seconds).sum::<f64>() / count;
        let data = rows.iter().map(|row| row.data_seconds).sum::<f64>() / count;
        (all, data, all - data)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        write_whole(path, serde_json::to_string_pretty(self)?.as_bytes())
    }
}

/// Writes `losses.csv` anew from all rows, so that a resumed run leaves the same file.
pub fn write_losses(path: &Path, rows: &[EpochRow]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    write_whole(path, &bytes)
}

/// Reads `losses.csv`; no rows where there is none, as in a run whose first epoch has not ended.
pub fn read_losses(path: &Path) -> Result<Vec<EpochRow>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bad = || format!("{} is not a run's losses", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(bad)?;
    reader.deserialize().collect::<Result<_, _>>().with_context(bad)
}

/// The file is the old one or all of the new one.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = crate::tensors::readable_temp(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
