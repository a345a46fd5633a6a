//! Forecasting past the end of a series with a trained model.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use tilewright_datasets::{ReadOptions, Series, dates};

use crate::config::Config;
use crate::data::Data;
use crate::plot::{self, Panel};
use crate::train::checkpoint::Checkpoint;
use crate::train::report::write_whole;

/// A forecast in the series' own units.
pub struct Forecast {
    pub name: String,
    pub columns: Vec<String>,
    /// One for each row; empty strings where the series' step is not known.
    pub dates: Vec<String>,
    /// `[horizon, columns]`, row-major.
    pub values: Vec<f64>,
    panels: Vec<Panel>,
}

/// Forecasts the `horizon` rows after the last row of `input`, or of the run's own series.
pub fn forecast(
    config: &Config,
    checkpoint: &Checkpoint,
    input: Option<&Path>,
    device: &Device,
) -> Result<Forecast> {
    let series = match input {
        Some(path) => Series::read(path, &ReadOptions::default())?,
        None => Data::open(config)?.series,
    };
    let facts = &checkpoint.facts;
    let columns = facts
        .inputs
        .iter()
        .map(|name| series.column_index(name))
        .collect::<Result<Vec<_>, _>>()
        .context("the input must hold every channel that the model was trained on")?;
    let (context, channels) = (config.model.context, columns.len());
    if series.rows() < context {
        bail!("{} has {} rows; the model reads {context}", series.name(), series.rows());
    }
    let values = series.select(&columns);
    let past = &values[values.len() - context * channels..];
    let x = facts.scaler.transform(past)?;
    let model = checkpoint.model(config, device)?;
    let scaled = plot::predict(&model, &x, context, channels, facts.output, device)?;
    let scaler = match facts.output {
        Some(channel) => facts.scaler.select(&[channel]),
        None => facts.scaler.clone(),
    };
    let values = scaler.inverse(&scaled)?;
    let horizon = config.model.horizon;
    let mut after: Vec<String> =
        series.dates_after(horizon).into_iter().map(dates::format).collect();
    after.resize(horizon, String::new());
    let out = facts.outputs.len();
    let panels = (0..out)
        .map(|channel| Panel {
            title: facts.outputs[channel].clone(),
            context: past
                .iter()
                .skip(facts.output.unwrap_or(channel))
                .step_by(channels)
                .copied()
                .collect(),
            truth: Vec::new(),
            forecast: values.iter().skip(channel).step_by(out).copied().collect(),
        })
        .collect();
    Ok(Forecast {
        name: series.name().to_string(),
        columns: facts.outputs.clone(),
        dates: after,
        values,
        panels,
    })
}

impl Forecast {
    /// Writes `date,<columns>`.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .write_record(std::iter::once("date").chain(self.columns.iter().map(String::as_str)))?;
        for (date, row) in
            self.dates.iter().zip(self.values.chunks_exact(self.columns.len().max(1)))
        {
            writer.write_record(
                std::iter::once(date.clone()).chain(row.iter().map(f64::to_string)),
            )?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        write_whole(path, &bytes)
    }

    /// Draws the first channels that fit on a page.
    pub fn draw(&self, path: &Path) -> Result<()> {
        let first = &self.panels[..self.panels.len().min(6)];
        plot::forecast(path, &format!("{}: forecast", self.name), first)
    }
}
