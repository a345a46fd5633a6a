//! One configuration under several seeds: what its errors are on average, and how far they scatter.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::score::{self, Score, Spread, key, spreads};
use crate::table::Table;
use crate::train::report::{Metrics, write_whole};

/// One seed's run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedRun {
    pub seed: u64,
    /// Its folder, in the group's.
    pub run: String,
    pub test: Score,
    pub test_drop_last: Option<Score>,
    pub val: Score,
    pub epochs: usize,
    pub best_epoch: usize,
    pub epoch_seconds: f64,
}

/// Spreads by the keys of what was measured: `mse`, `accuracy`.
type Spreads = BTreeMap<String, Spread>;

/// `seeds.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seeds {
    pub dataset: String,
    pub horizon: usize,
    pub attention: String,
    pub seeds: Vec<SeedRun>,
    /// Every test window or case: each number's spread over the seeds.
    pub test: Option<Spreads>,
    /// The published protocol; `None` unless every seed has it.
    pub test_drop_last: Option<Spreads>,
    pub val: Option<Spreads>,
}

impl Seeds {
    /// From the finished runs of a group, with the names of their folders; `None` for no runs.
    pub fn of(runs: &[(String, Metrics)]) -> Option<Self> {
        let (_, first) = runs.first()?;
        let spread = |pick: fn(&Metrics) -> Option<Score>| {
            let scores: Option<Vec<Score>> = runs.iter().map(|(_, run)| pick(run)).collect();
            spreads(&scores?)
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
        let names = score::names(self.seeds.iter().map(|run| &run.test));
        // Only forecasts have a published protocol.
        let published =
            if self.seeds.iter().any(|run| run.test.errors().is_some()) { 2 } else { 1 };
        let parts = &["test", "published*"][..published];
        let headings = parts.iter().flat_map(|part| {
            names.iter().enumerate().map(move |(place, name)| match place {
                0 => format!("{part} {name}"),
                _ => (*name).to_string(),
            })
        });
        let loss = self.seeds.first().map_or("loss", |run| run.val.loss_name());
        let mut table = Table::new(std::iter::once("seed".to_string()).chain(headings).chain([
            format!("val {loss}"),
            "epochs (best)".into(),
            "s/epoch".into(),
        ]));
        let number = |value: Option<f64>| value.map_or("-".to_string(), |v| format!("{v:.4}"));
        for run in &self.seeds {
            let scores = &[Some(run.test), run.test_drop_last][..published];
            let of = |score: &Option<Score>| {
                names.iter().map(|name| number(score.and_then(|score| score.get(name)))).collect()
            };
            let mut cells = vec![run.seed.to_string()];
            cells.extend(scores.iter().flat_map(|score| -> Vec<String> { of(score) }));
            cells.extend([
                number(Some(run.val.loss())),
                format!("{} ({})", run.epochs, run.best_epoch),
                format!("{:.2}", run.epoch_seconds),
            ]);
            table.row(cells);
        }
        let losses: Vec<f64> = self.seeds.iter().map(|run| run.val.loss()).collect();
        let losses = Spread::of(&losses);
        let mut line = |name: &str, pick: fn(&Spread) -> Option<f64>| {
            let of = |spreads: &Option<Spreads>, name: &str| {
                number(spreads.as_ref().and_then(|spreads| pick(spreads.get(&key(name))?)))
            };
            let mut cells = vec![name.to_string()];
            for spreads in &[&self.test, &self.test_drop_last][..published] {
                cells.extend(names.iter().map(|name| of(spreads, name)));
            }
            cells.push(number(losses.as_ref().and_then(pick)));
            table.row(cells);
        };
        line("mean", |spread| Some(spread.mean));
        line("deviation", |spread| spread.std);
        table
    }
}
