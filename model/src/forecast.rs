//! Forecasting past the end of a series with a trained model.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use tilewright_datasets::{Series, dates};

use crate::config::{Config, OutputKind, Task};
use crate::data::{SeriesData, few};
use crate::patchtst::PatchTst;
use crate::plot::{self, Panel};
use crate::train::checkpoint::{Checkpoint, DataFacts};
use crate::train::report::write_whole;

/// A trained model, ready for one series after another.
pub struct Forecaster {
    model: PatchTst,
    facts: DataFacts,
    context: usize,
    horizon: usize,
    device: Device,
    /// Probabilities, rising.
    quantiles: Vec<f64>,
}

/// What a column of a forecast holds for each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// The forecast itself: a point, or the mean of a distribution.
    Point,
    /// The value that is exceeded with probability one less this.
    Quantile(f64),
}

/// A column of a forecast; a channel may have several.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub channel: String,
    pub part: Part,
}

impl Column {
    /// The channel's name, for a quantile with its probability: `OT q0.9`.
    pub fn name(&self) -> String {
        match self.part {
            Part::Point => self.channel.clone(),
            Part::Quantile(probability) => format!("{} q{probability}", self.channel),
        }
    }
}

/// A forecast in the series' own units.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The series' name.
    pub name: String,
    pub columns: Vec<Column>,
    /// One for each step; empty strings where the series' frequency is not known.
    pub dates: Vec<String>,
    /// `[steps, columns]`, row-major.
    pub values: Vec<f64>,
    /// Columns of the series that the model does not know.
    pub ignored: Vec<String>,
    panels: Vec<Panel>,
}

impl Forecaster {
    /// The trained model of `checkpoint` on `device`.
    pub fn new(config: &Config, checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let task = config.model.task;
        if task != Task::Forecast {
            let other = match task.is_labelled() {
                true => "; use patchtst predict",
                false => "",
            };
            bail!("model.task = {task}: the model was not trained to forecast{other}");
        }
        // A forecast reads one window at a time.
        config.model.check_window(checkpoint.facts.inputs.len())?;
        Ok(Self {
            model: checkpoint.model(config, device)?,
            facts: checkpoint.facts.clone(),
            context: config.model.context,
            horizon: config.model.horizon,
            device: device.clone(),
            quantiles: Vec::new(),
        })
    }

    /// Forecasts these quantiles too, each a probability between 0 and 1.
    pub fn with_quantiles(mut self, mut quantiles: Vec<f64>) -> Result<Self> {
        if let Some(bad) = quantiles.iter().find(|q| !(**q > 0.0 && **q < 1.0)) {
            bail!("quantile {bad}: must lie between 0 and 1");
        }
        if !quantiles.is_empty() && self.model.config.output == OutputKind::Point {
            bail!(
                "the model forecasts points, which have no quantiles; train one with model.output = \
                 student-t, normal or negative-binomial"
            );
        }
        quantiles.sort_by(f64::total_cmp);
        quantiles.dedup();
        self.quantiles = quantiles;
        Ok(self)
    }

    /// The quantiles to forecast where none are asked for: none of points.
    pub fn usual_quantiles(&self) -> Vec<f64> {
        match self.model.config.output {
            OutputKind::Point => Vec::new(),
            _ => vec![0.1, 0.5, 0.9],
        }
    }

    /// Steps that the model forecasts at once.
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// Forecasts the `steps` rows after the last one of `series`. Steps beyond the model's horizon
    /// are forecast from forecasts: each block of a horizon is put behind what it was made from, and
    /// quantiles there are those of a block after the forecast so far.
    pub fn forecast(&self, series: &Series, steps: usize) -> Result<Forecast> {
        let facts = &self.facts;
        let (columns, ignored) = self.columns(series)?;
        let (context, channels) = (self.context, columns.len());
        if series.rows() < context {
            bail!("{} has {} rows; the model reads {context}", series.name(), series.rows());
        }
        if steps > self.horizon
            && let Some(output) = facts.outputs.first().filter(|_| facts.output.is_some())
        {
            bail!(
                "{steps} steps: the model forecasts {} steps of {output} alone, and more would need \
                 forecasts of every channel that it reads; train with data.features = M",
                self.horizon
            );
        }
        let values = series.select(&columns);
        let past = &values[values.len() - context * channels..];
        let scaled = self.roll(facts.scaler.transform(past)?, channels, steps)?;
        let scaler = match facts.output {
            Some(channel) => facts.scaler.select(&[channel]),
            None => facts.scaler.clone(),
        };
        // One table of the points, and one for each quantile.
        let tables: Vec<Vec<f64>> =
            scaled.iter().map(|table| scaler.inverse(table)).collect::<Result<_, _>>()?;
        let mut after: Vec<String> =
            series.dates_after(steps).into_iter().map(dates::format).collect();
        let known = after.len() == steps;
        after.resize(steps, String::new());
        let out = facts.outputs.len();
        let panel = |channel: usize| {
            let before = series.dates()[series.rows() - context..].iter();
            let before = before.map(|date| dates::format(*date));
            Panel {
                title: facts.outputs[channel].clone(),
                context: every(past, facts.output.unwrap_or(channel), channels),
                forecast: every(&tables[0], channel, out),
                band: band(&tables, channel, out),
                dates: if known {
                    before.chain(after.iter().cloned()).collect()
                } else {
                    Vec::new()
                },
                ..Panel::default()
            }
        };
        let parts = std::iter::once(Part::Point)
            .chain(self.quantiles.iter().map(|probability| Part::Quantile(*probability)));
        let of_channel = |channel: &String| {
            let column = |part| Column { channel: channel.clone(), part };
            parts.clone().map(column).collect::<Vec<_>>()
        };
        let cells = (0..steps).flat_map(|step| (0..out).map(move |channel| step * out + channel));
        let values = cells.flat_map(|cell| tables.iter().map(move |table| table[cell])).collect();
        Ok(Forecast {
            name: series.name().to_string(),
            columns: facts.outputs.iter().flat_map(of_channel).collect(),
            panels: (0..out).map(panel).collect(),
            dates: after,
            values,
            ignored,
        })
    }

    /// Where the series holds the model's channels, and which of its columns are none of them.
    fn columns(&self, series: &Series) -> Result<(Vec<usize>, Vec<String>)> {
        let names = series.columns();
        let inputs = &self.facts.inputs;
        let place = |input: &String| names.iter().position(|name| name == input);
        let places: Vec<usize> = inputs.iter().filter_map(place).collect();
        let ignored: Vec<String> =
            names.iter().filter(|name| !inputs.contains(name)).cloned().collect();
        if places.len() < inputs.len() {
            let missing: Vec<String> =
                inputs.iter().filter(|input| place(input).is_none()).cloned().collect();
            let unexpected = match ignored.is_empty() {
                true => String::new(),
                false => format!(", and has unexpected columns: {}", few(&ignored)),
            };
            bail!(
                "{} lacks columns that the model was trained on: {}{unexpected}",
                series.name(),
                few(&missing)
            );
        }
        Ok((places, ignored))
    }

    /// `steps` scaled rows `[steps, channels out]` behind the scaled context `x`: the points, and each
    /// quantile.
    fn roll(&self, mut x: Vec<f32>, channels: usize, steps: usize) -> Result<Vec<Vec<f32>>> {
        let out = self.facts.outputs.len();
        let mut all = vec![Vec::with_capacity(steps * out); 1 + self.quantiles.len()];
        while all[0].len() < steps * out {
            let start = x.len() - self.context * channels;
            let block = predict(
                &self.model,
                &x[start..],
                (self.context, channels),
                self.facts.output,
                &self.quantiles,
                &self.device,
            )?;
            if out == channels {
                x.extend_from_slice(&block[0]);
            }
            for (table, block) in all.iter_mut().zip(block) {
                table.extend(block);
            }
        }
        for table in &mut all {
            table.truncate(steps * out);
        }
        Ok(all)
    }
}

/// Scaled points and quantiles `[horizon, channels out]` behind one window of the shape
/// `[context, channels]`.
fn predict(
    model: &PatchTst,
    x: &[f32],
    (context, channels): (usize, usize),
    output: Option<usize>,
    quantiles: &[f64],
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    let forecast = model.forecast(window(x, context, channels, device), None).only(output);
    let point = forecast.clone().mean();
    let [_, out, steps] = point.dims();
    let mut tables = vec![in_time(point)?];
    if quantiles.is_empty() {
        return Ok(tables);
    }
    let read = forecast.read()?;
    for probability in quantiles {
        let values = read.quantile(*probability).with_context(|| {
            format!("quantile {probability}: the model's distribution has no finite parameters")
        })?;
        let at = |cell: usize| values[cell % out * steps + cell / out] as f32;
        tables.push((0..steps * out).map(at).collect());
    }
    Ok(tables)
}

/// The interval of a channel between the first and the last of the quantiles behind the points.
fn band(tables: &[Vec<f64>], channel: usize, channels: usize) -> Vec<(f64, f64)> {
    match tables.get(1..) {
        Some([low, .., high]) => {
            every(low, channel, channels).into_iter().zip(every(high, channel, channels)).collect()
        }
        _ => Vec::new(),
    }
}

/// One window `[context, channels]` as the model takes it.
fn window(x: &[f32], context: usize, channels: usize, device: &Device) -> Tensor<3> {
    let data = TensorData::new(x.to_vec(), [1, context, channels]);
    Tensor::<3>::from_data(data, device).swap_dims(1, 2)
}

/// `[1, channels, horizon]` read as `[horizon, channels]`.
fn in_time(y: Tensor<3>) -> Result<Vec<f32>> {
    Ok(y.swap_dims(1, 2).into_data().try_into_vec::<f32>()?)
}

/// A column of a row-major table.
fn every(values: &[f64], column: usize, columns: usize) -> Vec<f64> {
    values.iter().skip(column).step_by(columns.max(1)).copied().collect()
}

impl Forecast {
    /// Writes `date,<columns>`.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let names = self.columns.iter().map(Column::name);
        writer.write_record(std::iter::once("date".to_string()).chain(names))?;
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

    /// The first channels that fit on a page.
    pub fn picture(&self) -> plot::Forecast {
        plot::Forecast {
            heading: format!("{}: forecast of {} steps", self.name, self.dates.len()),
            panels: self.panels.iter().take(6).cloned().collect(),
        }
    }
}

/// The forecast of a window from the middle of the test part beside the truth, for up to three
/// channels, in the series' units.
pub fn of_test_window(
    model: &PatchTst,
    data: &SeriesData,
    device: &Device,
) -> Result<plot::Forecast> {
    let windows = &data.forecast.test;
    let (context, channels) = (windows.context(), windows.channels());
    let window = windows.len() / 2;
    let x = windows.x(window);
    let mut y = Vec::new();
    windows.extend_y(window, &mut y);
    let quantiles: &[f64] =
        if model.config.output == OutputKind::Point { &[] } else { &[0.1, 0.9] };
    let tables = predict(model, x, (context, channels), data.output, quantiles, device)?;
    let scaler = &data.forecast.scaler_out;
    let tables: Vec<Vec<f64>> =
        tables.iter().map(|table| scaler.inverse(table)).collect::<Result<_, _>>()?;
    let truth = scaler.inverse(&y)?;
    let past = data.forecast.scaler.inverse(x)?;
    let out = windows.channels_out();
    let start = windows.start(window);
    let shown = data.series.dates().get(start..start + context + windows.horizon());
    let dates: Vec<String> =
        shown.unwrap_or_default().iter().map(|date| dates::format(*date)).collect();
    let mut channels_shown = vec![0, out / 2, out.saturating_sub(1)];
    channels_shown.dedup();
    let panels = channels_shown.into_iter().map(|channel| Panel {
        title: data.forecast.outputs[channel].clone(),
        context: every(&past, data.output.unwrap_or(channel), channels),
        truth: every(&truth, channel, out),
        forecast: every(&tables[0], channel, out),
        band: band(&tables, channel, out),
        dates: dates.clone(),
    });
    let from = dates.get(context).cloned().unwrap_or_default();
    Ok(plot::Forecast {
        heading: format!("{}: a test window, forecast from {from}", data.series.name()),
        panels: panels.collect(),
    })
}
