//! From a configuration to windows of a series, and from windows to tensors.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};
use tilewright_datasets::{
    Batch, Features, ForecastData, ForecastSpec, Frequency, ReadOptions, Series, Source, Windows,
    catalog,
};

use crate::config::Config;

/// A series made ready for a model.
pub struct SeriesData {
    pub series: Series,
    pub forecast: ForecastData,
    /// The output channel's place among the input channels, where only one is predicted (`MS`).
    pub output: Option<usize>,
    /// Steps in the season that the seasonal-naive forecast repeats.
    pub period: usize,
}

impl SeriesData {
    /// Opens what `[data]` names, split and scaled for `[model]`'s windows.
    pub fn open(config: &Config) -> Result<Self> {
        let data = &config.data;
        let root = (!data.root.is_empty()).then(|| Path::new(&data.root));
        let source = catalog::open(&data.dataset, root, &ReadOptions::default())
            .with_context(|| format!("data.dataset = {}", data.dataset))?;
        Self::of(source, config)
    }

    fn of(source: Source, config: &Config) -> Result<Self> {
        let features: Features = config.data.features.parse().context("data.features")?;
        let target = match config.data.target.as_str() {
            "" => source.target.clone(),
            named => named.to_string(),
        };
        let spec = ForecastSpec {
            context: config.model.context,
            horizon: config.model.horizon,
            features,
            target: Some(target),
            rule: source.rule,
            scale: config.data.scale,
        };
        let mut forecast = ForecastData::new(&source.series, &spec)?;
        if config.data.max_windows > 0 {
            forecast.train = forecast.train.take(config.data.max_windows);
        }
        let output = match features {
            Features::Ms => {
                forecast.inputs.iter().position(|name| Some(name) == forecast.outputs.first())
            }
            _ => None,
        };
        let period = source.series.frequency().map_or(1, season);
        Ok(Self { series: source.series, forecast, output, period })
    }
}

/// The natural season of a step: a day of shorter steps, a week of days, a year of weeks or months.
fn season(step: Frequency) -> usize {
    const DAY: i64 = 86_400_000;
    let steps = match step {
        Frequency::Fixed(length) if length <= 0 => 1,
        Frequency::Fixed(length) if length < DAY => DAY / length,
        Frequency::Fixed(length) if length < 7 * DAY => 7 * DAY / length,
        Frequency::Fixed(length) if length < 28 * DAY => 364 * DAY / length,
        Frequency::Fixed(_) => 12,
        Frequency::Months { months, .. } => 12 / i64::from(months.max(1)),
    };
    usize::try_from(steps.max(1)).unwrap_or(1)
}

/// A batch on the device, channels first: `x` `[batch, channels, context]`, `y` `[batch, channels
/// out, horizon]`. A batch that is not full is filled up with its first window, so that shapes, and
/// with them kernels, never change.
pub fn to_device(
    batch: &Batch,
    size: usize,
    windows: &Windows,
    device: &Device,
) -> (Tensor<3>, Tensor<3>) {
    let tensor = |values: &[f32], time: usize, channels: usize| {
        let mut values = values.to_vec();
        let one = time * channels;
        for _ in batch.len..size {
            values.extend_from_within(..one);
        }
        let size = size.max(batch.len);
        Tensor::<3>::from_data(TensorData::new(values, [size, time, channels]), device)
            .swap_dims(1, 2)
    };
    (
        tensor(&batch.x, windows.context(), windows.channels()),
        tensor(&batch.y, windows.horizon(), windows.channels_out()),
    )
}

/// The part of a forecast that is compared with `y`: all channels, or the one that is predicted.
pub fn predicted(forecast: Tensor<3>, output: Option<usize>) -> Tensor<3> {
    match output {
        Some(channel) => forecast.narrow(1, channel, 1),
        None => forecast,
    }
}
