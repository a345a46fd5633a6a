//! Runs side by side: where their settings differ, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use toml::{Table as Toml, Value};

use crate::config::Config;
use crate::plot::{Curve, Lines, Scale};
use crate::score::{self, Score};
use crate::table::Table;
use crate::train::report::{self, EpochRow, Metrics};
use crate::train::run_folder::RunFolder;

/// One run of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// What it is called here: its folder's name, or its path where two have one name.
    pub name: String,
    pub path: PathBuf,
    /// Its settings where they differ from another run's.
    pub settings: BTreeMap<String, String>,
    /// `None` until it has ended.
    pub metrics: Option<Metrics>,
    pub epochs: Vec<EpochRow>,
}

/// Runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    pub runs: Vec<Run>,
}

impl Comparison {
    pub fn of(folders: &[RunFolder]) -> Result<Self> {
        let settings: Vec<_> =
            folders.iter().map(|folder| flat(&folder.config()?)).collect::<Result<_>>()?;
        let differing = differing(&settings);
        let runs = folders.iter().zip(settings).map(|(folder, mut settings)| {
            settings.retain(|key, _| differing.contains(key));
            Ok(Run {
                name: name(folder, folders),
                path: folder.path().to_path_buf(),
                settings,
                metrics: folder.finished()?,
                epochs: report::read_losses(&folder.losses())?,
            })
        });
        Ok(Self { runs: runs.collect::<Result<_>>()? })
    }

    /// A column for each run, a row for each setting that differs and for each result.
    pub fn table(&self) -> Table {
        let mut table = Table::new(
            std::iter::once(String::new()).chain(self.runs.iter().map(|run| run.name.clone())),
        );
        let keys: BTreeSet<&String> =
            self.runs.iter().flat_map(|run| run.settings.keys()).collect();
        for key in keys {
            let cell = |run: &Run| run.settings.get(key).cloned().unwrap_or_else(missing);
            table.row(std::iter::once(key.clone()).chain(self.runs.iter().map(cell)));
        }
        let mut line = |name: &str, cell: &dyn Fn(&Metrics) -> Option<String>| {
            let cells = self.runs.iter().map(|run| run.metrics.as_ref().and_then(cell));
            let cells = cells.map(|cell| cell.unwrap_or_else(missing));
            table.row(std::iter::once(name.to_string()).chain(cells));
        };
        for name in self.measured(|run| Some(run.test)) {
            line(&format!("test {name}"), &|run| run.test.get(name).map(number));
        }
        for name in self.measured(|run| run.test_drop_last) {
            let cell = |run: &Metrics| run.test_drop_last?.get(name).map(number);
            line(&format!("published* {name}"), &cell);
        }
        // What runs are stopped early by; runs of several tasks have several.
        let scores = self.runs.iter().filter_map(|run| Some(run.metrics.as_ref()?.val));
        let losses: BTreeSet<&str> = scores.map(|score| score.loss_name()).collect();
        for name in losses {
            let cell = |run: &Metrics| (run.val.loss_name() == name).then(|| run.val.loss());
            line(&format!("validation {name}"), &|run| cell(run).map(number));
        }
        line("epochs (best)", &|run| Some(format!("{} ({})", run.epochs, run.best_epoch)));
        line("seconds per epoch", &|run| Some(format!("{:.2}", run.epoch_seconds)));
        line("  waiting for data", &|run| Some(format!("{:.2}", run.data_seconds)));
        line("parameters", &|run| Some(run.parameters.to_string()));
        line("device", &|run| Some(run.device.clone()));
        table
    }

    /// The names of what was measured, over all runs.
    fn measured(&self, pick: fn(&Metrics) -> Option<Score>) -> Vec<&'static str> {
        let scores: Vec<Score> =
            self.runs.iter().filter_map(|run| run.metrics.as_ref()).filter_map(pick).collect();
        score::names(scores.iter())
    }

    /// Whether a run has errors under the published protocol.
    pub fn has_published(&self) -> bool {
        self.runs.iter().flat_map(|run| &run.metrics).any(|run| run.test_drop_last.is_some())
    }

    /// The validation losses of all runs.
    pub fn picture(&self) -> Lines {
        let curve = |run: &Run| Curve {
            name: run.name.clone(),
            points: run.epochs.iter().map(|row| (row.epoch as f64, row.val)).collect(),
        };
        Lines {
            title: "Validation loss by epoch".into(),
            x: ("epoch".into(), Scale::Linear),
            y: "loss of scaled values".into(),
            curves: self.runs.iter().map(curve).collect(),
            marks: Vec::new(),
        }
    }
}

fn missing() -> String {
    "-".into()
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn name(folder: &RunFolder, among: &[RunFolder]) -> String {
    let stem = |folder: &RunFolder| folder.path().file_name().map(|name| name.to_os_string());
    let own = stem(folder);
    let same = among.iter().filter(|other| stem(other) == own).count();
    match own {
        Some(own) if same == 1 => own.to_string_lossy().into_owned(),
        _ => folder.path().display().to_string(),
    }
}

/// The keys whose values are not the same everywhere. Where runs are kept is no setting.
fn differing(all: &[BTreeMap<String, String>]) -> BTreeSet<String> {
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    keys.into_iter()
        .filter(|key| !matches!(key.as_str(), "runtime.runs" | "runtime.name" | "runtime.cache"))
        .filter(|key| all.iter().any(|one| one.get(*key) != all[0].get(*key)))
        .cloned()
        .collect()
}

/// Every key of a configuration, with its section, and its value as text.
pub fn flat(config: &Config) -> Result<BTreeMap<String, String>> {
    fn walk(prefix: &str, table: &Toml, out: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                Value::Table(inner) => walk(&path, inner, out),
                Value::String(text) => {
                    out.insert(path, text.clone());
                }
                other => {
                    out.insert(path, other.to_string());
                }
            }
        }
    }
    let table = Toml::try_from(config).context("cannot write the configuration")?;
    let mut out = BTreeMap::new();
    walk("", &table, &mut out);
    Ok(out)
}
