//! What there is to know about a series before training on it.

use std::path::PathBuf;

use serde::Serialize;

use crate::catalog::Source;
use crate::dates;
use crate::split::{Part, SplitRule};

/// A report on a series.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Its file; `None` for the synthetic series.
    pub path: Option<PathBuf>,
    /// Rows.
    pub rows: usize,
    /// Channels.
    pub channels: usize,
    /// The target column.
    pub target: String,
    /// First date.
    pub first: String,
    /// Last date.
    pub last: String,
    /// The most common step, in words.
    pub step: Option<String>,
    /// Neighbouring rows that are not one step apart.
    pub irregular_steps: usize,
    /// How it is split.
    pub rule: SplitRule,
    /// Rows that a window reads.
    pub context: usize,
    /// Rows that a window predicts.
    pub horizon: usize,
    /// The parts; empty where the series is too short, as `problem` says.
    pub parts: Vec<PartReport>,
    /// Why it cannot be split for this context and horizon.
    pub problem: Option<String>,
    /// The channels.
    pub columns: Vec<ColumnReport>,
    /// What else to know.
    pub notes: Vec<String>,
}

/// A part of the split.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// Which.
    pub part: Part,
    /// First row, with the context before its border.
    pub start: usize,
    /// Row after the last.
    pub end: usize,
    /// Date of the first row.
    pub first: String,
    /// Date of the last row.
    pub last: String,
    /// Windows in it.
    pub windows: usize,
}

/// A channel, over all rows.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the population.
    pub std: f64,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Values that were missing in the file.
    pub missing: usize,
}

/// Looks at a series as windows of `context` + `horizon` rows would see it.
#[must_use]
pub fn report(source: &Source, context: usize, horizon: usize) -> Report {
    let series = &source.series;
    let date = |row: usize| series.dates().get(row).map_or_else(String::new, |d| dates::format(*d));
    let frequency = series.frequency();
    let split = source.rule.split(series.name(), series.rows(), context, horizon);
    let (parts, problem) = match split {
        Ok(split) => {
            let parts = Part::ALL.map(|part| {
                let rows = split.rows(part);
                PartReport {
                    part,
                    start: rows.start,
                    end: rows.end,
                    first: date(rows.start),
                    last: date(rows.end - 1),
                    windows: split.windows(part),
                }
            });
            (parts.to_vec(), None)
        }
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    Report {
        name: series.name().to_string(),
        path: source.path.clone(),
        rows: series.rows(),
        channels: series.channels(),
        target: source.target.clone(),
        first: date(0),
        last: date(series.rows() - 1),
        step: frequency.map(|frequency| frequency.to_string()),
        irregular_steps: frequency.map_or(0, |frequency| frequency.irregular(series.dates())),
        rule: source.rule,
        context,
        horizon,
        parts,
        problem,
        columns: (0..series.channels()).map(|channel| column(source, channel)).collect(),
        notes: series.notes().to_vec(),
    }
}

fn column(source: &Source, channel: usize) -> ColumnReport {
    let series = &source.series;
    let count = series.rows() as f64;
    let mean = series.channel(channel).sum::<f64>() / count;
    let squares: f64 = series.channel(channel).map(|v| (v - mean) * (v - mean)).sum();
    ColumnReport {
        name: series.columns()[channel].clone(),
        mean,
        std: (squares / count).sqrt(),
        min: series.channel(channel).fold(f64::INFINITY, f64::min),
        max: series.channel(channel).fold(f64::NEG_INFINITY, f64::max),
        missing: series.missing()[channel],
    }
}
