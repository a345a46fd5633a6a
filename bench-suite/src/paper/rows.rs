//! The rows of the table, and their means over horizons.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Serialize;
use tilewright_patchtst::compare::flat;
use tilewright_patchtst::score::{Score, spreads};
use tilewright_patchtst::table::Table;
use tilewright_patchtst::train::report::Metrics;
use tilewright_patchtst::train::run_folder::RunFolder;

use super::published::{self, PATCHTST, Published};
use crate::COMMIT;

/// One data set, horizon and protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub dataset: String,
    pub horizon: usize,
    /// Without the last test batch if it is not full: the published protocol.
    pub drop_last: bool,
    pub mse_mean: f64,
    /// Sample deviation over the seeds; `None` for one seed.
    pub mse_std: Option<f64>,
    pub mae_mean: f64,
    pub mae_std: Option<f64>,
    pub seeds: usize,
    /// `PatchTST/42`.
    pub published_mse: Option<f64>,
    pub published_mae: Option<f64>,
    pub published_64_mse: Option<f64>,
    pub dlinear_mse: Option<f64>,
    /// Of the forecast that repeats the last value, on every window.
    pub last_value_mse: Option<f64>,
}

/// Over a data set's horizons, with the published means over the same ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mean {
    pub dataset: String,
    pub drop_last: bool,
    pub horizons: Vec<usize>,
    pub mse: f64,
    pub mae: f64,
    pub published_mse: Option<f64>,
    pub published_mae: Option<f64>,
    /// How many percent above the published errors; below is better.
    pub mse_difference_percent: Option<f64>,
    pub mae_difference_percent: Option<f64>,
}

/// `paper.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Paper {
    pub commit: String,
    /// The command line that made the table; how its runs were trained is in their folders.
    pub command: String,
    pub devices: Vec<String>,
    pub rows: Vec<Row>,
    pub means: Vec<Mean>,
}

impl Paper {
    pub fn of(runs: &[(RunFolder, Metrics)], command: String) -> Result<Self> {
        let published = published::table()?;
        let mut rows = Vec::new();
        for ((dataset, horizon), runs) in groups(runs)? {
            rows.extend(both(&dataset, horizon, &runs, &published));
        }
        let mut devices: Vec<String> = runs.iter().map(|(_, run)| run.device.clone()).collect();
        devices.sort();
        devices.dedup();
        Ok(Self { commit: COMMIT.to_owned(), command, devices, means: means(&rows), rows })
    }

    /// Both tables as a document.
    pub fn markdown(&self) -> String {
        let mut table = Table::new([
            "data set, horizon",
            "protocol",
            "seeds",
            "MSE",
            "PatchTST/42",
            "difference",
            "MAE",
            "PatchTST/42",
            "PatchTST/64 MSE",
            "DLinear MSE",
            "last value MSE",
        ]);
        for row in &self.rows {
            table.row([
                format!("{} {}", row.dataset, row.horizon),
                protocol(row.drop_last).to_owned(),
                row.seeds.to_string(),
                spread(row.mse_mean, row.mse_std),
                number(row.published_mse),
                percent(difference(row.mse_mean, row.published_mse)),
                spread(row.mae_mean, row.mae_std),
                number(row.published_mae),
                number(row.published_64_mse),
                number(row.dlinear_mse),
                number(row.last_value_mse),
            ]);
        }
        let mut means = Table::new([
            "data set",
            "protocol",
            "horizons",
            "MSE",
            "PatchTST/42",
            "difference",
            "MAE",
            "PatchTST/42",
            "difference",
        ]);
        for mean in &self.means {
            let horizons: Vec<String> = mean.horizons.iter().map(usize::to_string).collect();
            means.row([
                mean.dataset.clone(),
                protocol(mean.drop_last).to_owned(),
                horizons.join(", "),
                number(Some(mean.mse)),
                number(mean.published_mse),
                percent(mean.mse_difference_percent),
                number(Some(mean.mae)),
                number(mean.published_mae),
                percent(mean.mae_difference_percent),
            ]);
        }
        format!(
            "# PatchTST beside its paper\n\nOn {}, commit {}, `{}`. Errors of scaled values, mean and \
             deviation over the seeds. Published: arXiv 2211.14730, table 3, without the last \
             test batch; a difference above zero is worse than PatchTST/42.\n\n{}\n## Means over \
             horizons\n\n{}",
            self.devices.join(", "),
            self.commit,
            self.command,
            table.markdown(),
            means.markdown()
        )
    }
}

type Groups<'a> = BTreeMap<(String, usize), Vec<&'a Metrics>>;

/// Runs by data set and horizon; those of a group may differ in their seed alone.
fn groups(runs: &[(RunFolder, Metrics)]) -> Result<Groups<'_>> {
    let mut groups = Groups::new();
    let mut settings = BTreeMap::new();
    for (folder, metrics) in runs {
        let key = (published::name(&metrics.dataset).to_owned(), metrics.horizon);
        let mut own = flat(&folder.config()?)?;
        own.retain(|key, _| !key.starts_with("runtime.") && key != "train.seed");
        let path = folder.path().display();
        if metrics.test.errors().is_none() {
            bail!("{path} is no forecast, and the paper's table has no others");
        }
        let (first, of_first) =
            settings.entry(key.clone()).or_insert_with(|| (path.to_string(), own.clone()));
        if let Some(differing) = own.keys().find(|key| own.get(*key) != of_first.get(*key)) {
            bail!(
                "{path} and {first} are of {} {} but differ in {differing}; give the runs of one \
                 configuration",
                key.0,
                key.1
            );
        }
        let group = groups.entry(key).or_default();
        if group.iter().any(|other| other.seed == metrics.seed) {
            bail!("{path}: another run of this configuration has seed {} too", metrics.seed);
        }
        group.push(metrics);
    }
    Ok(groups)
}

/// The rows of both protocols, the published one first.
fn both(dataset: &str, horizon: usize, runs: &[&Metrics], published: &[Published]) -> Vec<Row> {
    let cell = |model: &str| {
        published
            .iter()
            .find(|one| one.dataset == dataset && one.horizon == horizon && one.model == model)
    };
    let row = |drop_last: bool, scores: Vec<Score>| {
        let spreads = spreads(&scores)?;
        let (mse, mae) = (spreads.get("mse")?, spreads.get("mae")?);
        Some(Row {
            dataset: dataset.to_owned(),
            horizon,
            drop_last,
            mse_mean: mse.mean,
            mse_std: mse.std,
            mae_mean: mae.mean,
            mae_std: mae.std,
            seeds: scores.len(),
            published_mse: cell(PATCHTST).map(|one| one.mse),
            published_mae: cell(PATCHTST).map(|one| one.mae),
            published_64_mse: cell("PatchTST/64").map(|one| one.mse),
            dlinear_mse: cell("DLinear").map(|one| one.mse),
            last_value_mse: runs.first()?.naive.as_ref().map(|naive| naive.last_value.mse),
        })
    };
    // A test part that fills no batch has no published protocol.
    let dropped: Option<Vec<Score>> = runs.iter().map(|run| run.test_drop_last).collect();
    let complete = runs.iter().map(|run| run.test).collect();
    dropped.and_then(|scores| row(true, scores)).into_iter().chain(row(false, complete)).collect()
}

fn means(rows: &[Row]) -> Vec<Mean> {
    let mut parts: BTreeMap<(&str, bool), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        parts.entry((&row.dataset, !row.drop_last)).or_default().push(row);
    }
    parts
        .into_values()
        .filter_map(|rows| {
            let first = rows.first()?;
            let over = |pick: fn(&Row) -> f64| {
                rows.iter().map(|row| pick(row)).sum::<f64>() / rows.len() as f64
            };
            let published = |pick: fn(&Row) -> Option<f64>| {
                let all: Option<Vec<f64>> = rows.iter().map(|row| pick(row)).collect();
                all.map(|all| all.iter().sum::<f64>() / rows.len() as f64)
            };
            let (mse, mae) = (over(|row| row.mse_mean), over(|row| row.mae_mean));
            let published_mse = published(|row| row.published_mse);
            let published_mae = published(|row| row.published_mae);
            Some(Mean {
                dataset: first.dataset.clone(),
                drop_last: first.drop_last,
                horizons: rows.iter().map(|row| row.horizon).collect(),
                mse,
                mae,
                published_mse,
                published_mae,
                mse_difference_percent: difference(mse, published_mse),
                mae_difference_percent: difference(mae, published_mae),
            })
        })
        .collect()
}

fn difference(found: f64, published: Option<f64>) -> Option<f64> {
    published.map(|published| (found / published - 1.0) * 100.0)
}

fn protocol(drop_last: bool) -> &'static str {
    if drop_last { "published" } else { "every window" }
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.3}"))
}

fn spread(mean: f64, std: Option<f64>) -> String {
    match std {
        Some(std) => format!("{mean:.4} ± {std:.4}"),
        None => format!("{mean:.4}"),
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:+.1}%"))
}
