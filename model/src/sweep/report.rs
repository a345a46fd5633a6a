//! What a sweep reports: rows with data and compute time apart, speed-ups, losses, pictures.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{ATTENTION, Cell, Dimension};
use crate::plot::{self, Bar, Bars, Curve, Lines, Scale};
use crate::score::{self, Score, key};
use crate::table::Table;
use crate::train::report::{EpochRow, Metrics, write_whole};

/// What a finished run cost and yielded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Medians over the epochs but the first, in which kernels are compiled; of one epoch, its own.
    pub seconds: f64,
    /// Of these, waiting for data.
    pub data_seconds: f64,
    /// And the rest.
    pub compute_seconds: f64,
    /// How many percent more epochs of computing a second holds than with the first attention.
    pub speedup_percent: Option<f64>,
    pub train: f64,
    /// What early stopping goes by.
    pub val: f64,
    pub test: Score,
    pub test_drop_last: Option<Score>,
    pub epochs: usize,
    pub device: String,
}

/// One combination of settings.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub settings: BTreeMap<String, String>,
    #[serde(skip)]
    values: Vec<String>,
    /// Its folder's name.
    pub run: Option<String>,
    pub outcome: Option<Outcome>,
    /// Why there is no outcome.
    pub error: Option<String>,
}

/// `sweep.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub dataset: String,
    pub dimensions: Vec<String>,
    pub rows: Vec<Row>,
    #[serde(skip)]
    categories: Vec<String>,
    #[serde(skip)]
    series: Vec<String>,
}

impl Outcome {
    /// From a run's report and its epochs.
    pub fn of(metrics: &Metrics, epochs: &[EpochRow]) -> Self {
        let warm = if epochs.len() > 1 { &epochs[1..] } else { epochs };
        let over = |pick: fn(&EpochRow) -> f64| median(warm.iter().map(pick).collect());
        let best = epochs.iter().find(|row| row.epoch == metrics.best_epoch);
        Self {
            seconds: over(|row| row.seconds),
            data_seconds: over(|row| row.data_seconds),
            compute_seconds: over(|row| row.seconds - row.data_seconds),
            speedup_percent: None,
            train: best.map_or(f64::NAN, |row| row.train),
            val: metrics.val.loss(),
            test: metrics.test,
            test_drop_last: metrics.test_drop_last,
            epochs: metrics.epochs,
            device: metrics.device.clone(),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

impl Report {
    /// A report without outcomes.
    pub fn new(dataset: &str, dimensions: &[Dimension], cells: &[Cell]) -> Self {
        let names: Vec<String> = dimensions.iter().map(|one| one.name.clone()).collect();
        let rows = cells.iter().map(|cell| Row {
            settings: names.iter().cloned().zip(cell.values.iter().cloned()).collect(),
            values: cell.values.clone(),
            run: cell.member.as_ref().ok().map(|member| member.name.clone()),
            outcome: None,
            error: cell.member.as_ref().err().cloned(),
        });
        let mut report = Self {
            dataset: dataset.into(),
            rows: rows.collect(),
            categories: Vec::new(),
            series: Vec::new(),
            dimensions: names,
        };
        for place in 0..report.rows.len() {
            let (category, series) = report.place(&report.rows[place]);
            if !report.categories.contains(&category) {
                report.categories.push(category);
            }
            if !report.series.contains(&series) {
                report.series.push(series);
            }
        }
        report
    }

    /// A row's values but the attention's, and the attention's.
    fn place(&self, row: &Row) -> (String, String) {
        let named = self.dimensions.iter().zip(&row.values);
        let (series, category): (Vec<_>, Vec<_>) = named.partition(|(name, _)| *name == ATTENTION);
        let join = |values: Vec<(&String, &String)>| {
            values.into_iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
        };
        (join(category), join(series))
    }

    /// Takes what came of a row's run, and compares it with the first attention's.
    pub fn put(&mut self, row: usize, outcome: Result<Outcome, String>) {
        match outcome {
            Ok(outcome) => (self.rows[row].outcome, self.rows[row].error) = (Some(outcome), None),
            Err(error) => self.rows[row].error = Some(error),
        }
        if !self.dimensions.iter().any(|name| name == ATTENTION) {
            return;
        }
        let places: Vec<_> = self.rows.iter().map(|row| self.place(row)).collect();
        let first = self.series.first().cloned().unwrap_or_default();
        for (here, (category, _)) in places.iter().enumerate() {
            let reference =
                places.iter().position(|place| place.0 == *category && place.1 == first);
            let seconds = |place: usize| Some(self.rows[place].outcome.as_ref()?.compute_seconds);
            let (reference, own) = (reference.and_then(seconds), seconds(here));
            if let Some(outcome) = &mut self.rows[here].outcome {
                outcome.speedup_percent =
                    reference.zip(own).map(|(reference, own)| (reference / own - 1.0) * 100.0);
            }
        }
    }

    /// A row for each combination.
    pub fn table(&self) -> Table {
        let measured = self.measured();
        let costs = ["s/epoch", "data", "compute", "speed-up", "train loss", "val loss"];
        let tests = measured.iter().enumerate().map(|(place, name)| match place {
            0 => format!("test {name}"),
            _ => (*name).to_string(),
        });
        let heading = self.dimensions.iter().cloned().chain(costs.map(String::from)).chain(tests);
        let mut table = Table::new(heading.chain(["epochs".to_string()]));
        for row in &self.rows {
            let mut cells = row.values.clone();
            match (&row.outcome, &row.error) {
                (Some(outcome), _) => {
                    let percent = |percent| format!("{percent:+.1}%");
                    cells.extend([
                        format!("{:.3}", outcome.seconds),
                        format!("{:.3}", outcome.data_seconds),
                        format!("{:.3}", outcome.compute_seconds),
                        outcome.speedup_percent.map_or("-".into(), percent),
                        format!("{:.4}", outcome.train),
                        format!("{:.4}", outcome.val),
                    ]);
                    let number = |name| outcome.test.get(name).map(|value| format!("{value:.4}"));
                    cells.extend(measured.iter().map(|name| number(name).unwrap_or("-".into())));
                    cells.push(outcome.epochs.to_string());
                }
                (None, Some(_)) => cells.push("failed".into()),
                (None, None) => cells.push("not run".into()),
            }
            table.row(cells);
        }
        table
    }

    /// Writes `sweep.json`, `sweep.csv`, `sweep.md`, and as SVG and PNG the times and the errors.
    pub fn save(&self, folder: &Path) -> Result<()> {
        write_whole(&folder.join("sweep.json"), serde_json::to_string_pretty(self)?.as_bytes())?;
        write_whole(&folder.join("sweep.csv"), &self.csv()?)?;
        write_whole(&folder.join("sweep.md"), self.table().markdown().as_bytes())?;
        if self.rows.iter().any(|row| row.outcome.is_some()) {
            plot::save_both(&self.times(), &folder.join("sweep.svg"))?;
            plot::save_both(&self.errors(), &folder.join("sweep-errors.svg"))?;
        }
        Ok(())
    }

    /// The names of what was measured on the test part, over all outcomes.
    fn measured(&self) -> Vec<&'static str> {
        let outcomes = self.rows.iter().filter_map(|row| row.outcome.as_ref());
        score::names(outcomes.map(|outcome| &outcome.test))
    }

    fn csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let measured = self.measured();
        let costs = [
            "seconds",
            "data_seconds",
            "compute_seconds",
            "speedup_percent",
            "train_loss",
            "val_loss",
        ];
        let tests = measured.iter().map(|name| format!("test_{}", key(name)));
        let results: Vec<String> = costs
            .map(String::from)
            .into_iter()
            .chain(tests)
            .chain(["epochs", "error"].map(String::from))
            .collect();
        writer.write_record(self.dimensions.iter().chain(&results))?;
        for row in &self.rows {
            let numbers = match &row.outcome {
                Some(outcome) => {
                    let text = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
                    let mut numbers = vec![
                        outcome.seconds.to_string(),
                        outcome.data_seconds.to_string(),
                        outcome.compute_seconds.to_string(),
                        text(outcome.speedup_percent),
                        outcome.train.to_string(),
                        outcome.val.to_string(),
                    ];
                    numbers.extend(measured.iter().map(|name| text(outcome.test.get(name))));
                    numbers.push(outcome.epochs.to_string());
                    numbers
                }
                None => vec![String::new(); results.len() - 1],
            };
            let error = row.error.clone().unwrap_or_default();
            writer.write_record(row.values.iter().chain(&numbers).chain([&error]))?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }

    fn devices(&self) -> String {
        let outcomes = self.rows.iter().filter_map(|row| row.outcome.as_ref());
        let mut devices: Vec<&str> = outcomes.map(|outcome| outcome.device.as_str()).collect();
        devices.sort_unstable();
        devices.dedup();
        devices.join(", ")
    }

    /// What the categories are: every dimension but the attention.
    fn axis(&self) -> String {
        let names = self.dimensions.iter().map(String::as_str).filter(|name| *name != ATTENTION);
        names.map(|name| name.replace('_', " ")).collect::<Vec<_>>().join(", ")
    }

    /// The outcome in a place of the pictures.
    fn at(&self, category: &str, series: &str) -> Option<&Outcome> {
        let row = self.rows.iter().find(|row| {
            let (own_category, own_series) = self.place(row);
            own_category == category && own_series == series
        });
        row?.outcome.as_ref()
    }

    fn series_name(&self, series: &str) -> String {
        if series.is_empty() { "all".into() } else { series.into() }
    }

    fn times(&self) -> Bars {
        let bar = |category: &String, series: &String| {
            let outcome = self.at(category, series)?;
            let percent = outcome.speedup_percent.filter(|_| self.series.len() > 1);
            Some(Bar { parts: (outcome.compute_seconds, outcome.data_seconds), percent })
        };
        let first = self.series.first().map(String::as_str).unwrap_or_default();
        Bars {
            title: format!("Time of an epoch, {} on {}", self.dataset, self.devices()),
            x: self.axis(),
            y: "seconds per epoch".into(),
            parts: ("computing".into(), "waiting for data".into()),
            percent: format!("speed-up over {first}, %"),
            categories: self.categories.clone(),
            series: self.series.iter().map(|series| self.series_name(series)).collect(),
            bars: self
                .series
                .iter()
                .map(|series| {
                    self.categories.iter().map(|category| bar(category, series)).collect()
                })
                .collect(),
        }
    }

    /// The first of what was measured on the test part over the categories: by their number if they
    /// are numbers, else by place.
    fn errors(&self) -> Lines {
        let numbers: Option<Vec<f64>> =
            self.categories.iter().map(|category| category.parse().ok()).collect();
        let increasing = |numbers: &Vec<f64>| numbers.windows(2).all(|pair| pair[0] < pair[1]);
        let numbers = numbers.filter(increasing);
        let measured = self.measured().first().copied().unwrap_or_default();
        let x = |place: usize| numbers.as_ref().map_or(place as f64 + 1.0, |all| all[place]);
        let curve = |series: &String| {
            let points = self.categories.iter().enumerate();
            Curve {
                name: self.series_name(series),
                points: points
                    .filter_map(|(place, category)| {
                        Some((x(place), self.at(category, series)?.test.get(measured)?))
                    })
                    .collect(),
            }
        };
        let axis = match numbers.is_some() {
            true => self.axis(),
            false => format!("{} ({})", self.axis(), self.categories.join("; ")),
        };
        Lines {
            title: format!("Test {measured}, {}", self.dataset),
            x: (axis, Scale::Linear),
            y: measured.into(),
            curves: self.series.iter().map(curve).collect(),
            marks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Errors;

    fn outcome(compute_seconds: f64) -> Outcome {
        let test = Score::Errors(Errors { mse: 0.5, mae: 0.4 });
        Outcome {
            seconds: compute_seconds + 1.0,
            data_seconds: 1.0,
            compute_seconds,
            speedup_percent: None,
            train: 0.4,
            val: 0.45,
            test,
            test_drop_last: None,
            epochs: 3,
            device: "cpu".into(),
        }
    }

    fn report() -> Report {
        let dimensions = [
            Dimension::new("batch_size", &["train.batch_size"], "32,64").expect("values"),
            Dimension::new(ATTENTION, &["model.attention"], "vanilla,tuned,saved").expect("values"),
        ];
        let base = crate::config::presets::by_name("tiny").expect("a preset");
        let cells = super::super::cells(&base, &dimensions, Path::new(".")).expect("cells");
        Report::new("tiny", &dimensions, &cells)
    }

    #[test]
    fn speedups_are_against_the_first_attention_of_the_same_settings() {
        let mut report = report();
        // Whatever comes first: the reference may be the last to end.
        report.put(1, Ok(outcome(2.0)));
        assert_eq!(report.rows[1].outcome.as_ref().and_then(|o| o.speedup_percent), None);
        report.put(0, Ok(outcome(3.0)));
        report.put(4, Ok(outcome(4.0)));
        report.put(3, Ok(outcome(2.0)));
        report.put(5, Err("out of memory".into()));
        let speedups: Vec<Option<f64>> = report
            .rows
            .iter()
            .map(|row| row.outcome.as_ref().and_then(|outcome| outcome.speedup_percent))
            .collect();
        assert_eq!(speedups, [Some(0.0), Some(50.0), None, Some(0.0), Some(-50.0), None]);
        let text = report.table().text();
        assert!(text.contains("+50.0%") && text.contains("failed") && text.contains("not run"));
        let times = report.times();
        assert_eq!((times.categories.len(), times.series.len()), (2, 3));
        assert_eq!(times.bars[1][1].map(|bar| bar.parts), Some((4.0, 1.0)));
        assert_eq!(report.errors().curves[0].points, [(32.0, 0.5), (64.0, 0.5)]);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}
