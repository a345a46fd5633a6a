//! One configuration under several seeds: what its errors are on average, and how far they scatter.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::evaluate::Errors;
use crate::table::Table;
use crate::train::report::{Metrics, write_whole};

/// Mean and sample deviation (divided by `n - 1`) of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub mean: f64,
    /// `None` for a single number.
    pub std: Option<f64>,
}

impl Spread {
    /// `None` for no numbers.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        (!values.is_empty()).then_some(Self { mean, std })
    }
}

/// Both errors over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorSpread {
    pub mse: Spread,
    pub mae: Spread,
}

impl ErrorSpread {
    /// `None` for no errors.
    pub fn of(errors: &[Errors]) -> Option<Self> {
        let over =
            |pick: fn(&Errors) -> f64| Spread::of(&errors.iter().map(pick).collect::<Vec<_>>());
        Some(Self { mse: over(|errors| errors.mse)?, mae: over(|errors| errors.mae)? })
    }
}

/// One seed's run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedRun {
    pub seed: u64,
    /// Its folder, in the group's.
    pub run: String,
    pub test: Errors,
    pub test_drop_last: Option<Errors>,
    pub val: Errors,
    pub epochs: usize,
    pub best_epoch: usize,
    pub epoch_seconds: f64,
}

/// `seeds.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seeds {
    pub dataset: String,
    pub horizon: usize,
    pub attention: String,
    pub seeds: Vec<SeedRun>,
    /// Every test window.
    pub test: Option<ErrorSpread>,
    /// The published protocol; `None` unless every seed has it.
    pub test_drop_last: Option<ErrorSpread>,
    pub val: Option<ErrorSpread>,
}

impl Seeds {
    /// From the finished runs of a group, with the names of their folders; `None` for no runs.
    pub fn of(runs: &[(String, Metrics)]) -> Option<Self> {
        let (_, first) = runs.first()?;
        let spread = |pick: fn(&Metrics) -> Option<Errors>| {
            let errors: Option<Vec<Errors>> = runs.iter().map(|(_, run)| pick(run)).collect();
            ErrorSpread::of(&errors?)
        };
        Some(Self {
            dataset: first.dataset.clone(),
            horizon: first.horizon,
            attention: first.attention.clone(),
            seeds: runs
                .iter()
                .map(|(name, run)| SeedRun {
                    seed: run.seed,
                    run: name.clone(),
                    test: run.test,
                    test_drop_last: run.test_drop_last,
                    val: run.val,
                    epochs: run.epochs,
                    best_epoch: run.best_epoch,
                    epoch_seconds: run.epoch_seconds,
                })
                .collect(),
            test: spread(|run| Some(run.test)),
            test_drop_last: spread(|run| run.test_drop_last),
            val: spread(|run| Some(run.val)),
        })
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        write_whole(path, serde_json::to_string_pretty(self)?.as_bytes())
    }

    /// A row for each seed, then mean and deviation.
    pub fn table(&self) -> Table {
        let mut table = Table::new([
            "seed",
            "test MSE",
            "MAE",
            "published* MSE",
            "MAE",
            "val MSE",
            "epochs (best)",
            "s/epoch",
        ]);
        let number = |value: Option<f64>| value.map_or("-".to_string(), |v| format!("{v:.4}"));
        for run in &self.seeds {
            let published = run.test_drop_last;
            table.row([
                run.seed.to_string(),
                number(Some(run.test.mse)),
                number(Some(run.test.mae)),
                number(published.map(|errors| errors.mse)),
                number(published.map(|errors| errors.mae)),
                number(Some(run.val.mse)),
                format!("{} ({})", run.epochs, run.best_epoch),
                format!("{:.2}", run.epoch_seconds),
            ]);
        }
        let mut line = |name: &str, pick: fn(Spread) -> Option<f64>| {
            let mut cells = vec![name.to_string()];
            for spread in [self.test, self.test_drop_last] {
                cells.push(number(spread.and_then(|errors| pick(errors.mse))));
                cells.push(number(spread.and_then(|errors| pick(errors.mae))));
            }
            cells.push(number(self.val.and_then(|errors| pick(errors.mse))));
            table.row(cells);
        };
        line("mean", |spread| Some(spread.mean));
        line("deviation", |spread| spread.std);
        table
    }
}
