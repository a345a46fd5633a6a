//! Pictures of forecasts and of training, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use burn::tensor::{Device, Tensor, TensorData};
use plotters::prelude::*;

use crate::data::{Data, predicted};
use crate::patchtst::PatchTst;
use crate::train::report::{EpochRow, write_whole};

const CONTEXT: RGBColor = RGBColor(110, 118, 129);
const TRUTH: RGBColor = RGBColor(27, 31, 36);
const FORECAST: RGBColor = RGBColor(214, 69, 65);

/// One channel of one forecast.
pub struct Panel {
    pub title: String,
    pub context: Vec<f64>,
    /// Empty where the future is not known.
    pub truth: Vec<f64>,
    pub forecast: Vec<f64>,
}

/// Panels below each other.
pub fn forecast(path: &Path, heading: &str, panels: &[Panel]) -> Result<()> {
    let height = 80 + 210 * panels.len().max(1) as u32;
    draw(path, (960, height), |root| {
        let root = root.titled(heading, ("sans-serif", 20)).map_err(fault)?;
        let (legend, root) = root.split_vertically(24);
        draw_legend(&legend, panels.iter().any(|panel| !panel.truth.is_empty()))?;
        for (area, panel) in root.split_evenly((panels.len().max(1), 1)).iter().zip(panels) {
            draw_panel(area, panel)?;
        }
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// One line for all panels, so that no panel hides its curves behind a box.
fn draw_legend(area: &Area<'_>, with_truth: bool) -> Result<()> {
    let entries = [
        ("context", CONTEXT, 1, true),
        ("truth", TRUTH, 1, with_truth),
        ("forecast", FORECAST, 2, true),
    ];
    let mut left = 64;
    for (name, color, width, shown) in entries {
        if shown {
            area.draw(&PathElement::new([(left, 12), (left + 24, 12)], color.stroke_width(width)))
                .map_err(fault)?;
            area.draw(&Text::new(name, (left + 30, 5), ("sans-serif", 14))).map_err(fault)?;
            left += 120;
        }
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Result<()> {
    // The context is shown as far back as twice the forecast is long.
    let shown = panel.context.len().min(2 * panel.forecast.len().max(1));
    let context = &panel.context[panel.context.len() - shown..];
    let all = context.iter().chain(&panel.truth).chain(&panel.forecast);
    let (low, high) = range(all.copied());
    let end = panel.forecast.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(26)
        .y_label_area_size(56)
        .build_cartesian_2d(-(shown as f64)..end, low..high)
        .map_err(fault)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(228, 230, 233))
        .x_labels(9)
        .y_labels(5)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| short(*y))
        .label_style(("sans-serif", 12))
        .draw()
        .map_err(fault)?;
    // Step 0 is the last known value; both futures begin there, so that no gap shows.
    let last = context.last().copied();
    let past = context
        .iter()
        .enumerate()
        .map(|(i, y)| ((i + 1) as f64 - shown as f64, *y))
        .collect::<Vec<_>>();
    let future = |values: &[f64]| {
        let values = values.iter().enumerate().map(|(i, y)| ((i + 1) as f64, *y));
        last.map(|y| (0.0, y)).into_iter().chain(values).collect::<Vec<_>>()
    };
    let lines = [
        (CONTEXT, 1, past),
        (TRUTH, 1, if panel.truth.is_empty() { Vec::new() } else { future(&panel.truth) }),
        (FORECAST, 2, future(&panel.forecast)),
    ];
    for (color, width, points) in lines {
        chart.draw_series(LineSeries::new(points, color.stroke_width(width))).map_err(fault)?;
    }
    Ok(())
}

/// Training and validation loss by epoch.
pub fn losses(path: &Path, rows: &[EpochRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (low, high) = range(rows.iter().flat_map(|row| [row.train, row.val]));
    let first = rows[0].epoch as f64;
    let last = rows[rows.len() - 1].epoch as f64;
    draw(path, (720, 360), |root| {
        let mut chart = ChartBuilder::on(root)
            .caption("Mean squared error by epoch", ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(first..last.max(first + 1.0), low..high)
            .map_err(fault)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(228, 230, 233))
            .x_desc("epoch")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| short(*y))
            .draw()
            .map_err(fault)?;
        type Pick = fn(&EpochRow) -> f64;
        let series: [(&str, RGBColor, Pick); 2] =
            [("training", CONTEXT, |row| row.train), ("validation", FORECAST, |row| row.val)];
        for (name, color, pick) in series {
            chart
                .draw_series(LineSeries::new(
                    rows.iter().map(|row| (row.epoch as f64, pick(row))),
                    color.stroke_width(2),
                ))
                .map_err(fault)?
                .label(name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .draw()
            .map_err(fault)?;
        Ok(())
    })
}

/// A window from the middle of the test part, for up to three channels, in the series' units.
pub fn test_forecast(path: &Path, model: &PatchTst, data: &Data, device: &Device) -> Result<()> {
    let windows = &data.forecast.test;
    let (context, channels) = (windows.context(), windows.channels());
    let window = windows.len() / 2;
    let x = windows.x(window);
    let mut y = Vec::new();
    windows.extend_y(window, &mut y);
    let forecast = predict(model, x, context, channels, data.output, device)?;
    let scaler = &data.forecast.scaler_out;
    let (forecast, truth) = (scaler.inverse(&forecast)?, scaler.inverse(&y)?);
    let past = data.forecast.scaler.inverse(x)?;
    let out = windows.channels_out();
    let panels: Vec<Panel> = pick(out)
        .map(|channel| Panel {
            title: data.forecast.outputs[channel].clone(),
            context: past
                .iter()
                .skip(data.output.unwrap_or(channel))
                .step_by(channels)
                .copied()
                .collect(),
            truth: truth.iter().skip(channel).step_by(out).copied().collect(),
            forecast: forecast.iter().skip(channel).step_by(out).copied().collect(),
        })
        .collect();
    let date = data.series.dates().get(windows.start(window) + context);
    let date = date.map(|date| tilewright_datasets::dates::format(*date)).unwrap_or_default();
    self::forecast(
        path,
        &format!("{}: a test window, forecast from {date}", data.series.name()),
        &panels,
    )
}

/// First, middle and last of `count` channels.
fn pick(count: usize) -> impl Iterator<Item = usize> {
    let mut chosen = vec![0, count / 2, count.saturating_sub(1)];
    chosen.dedup();
    chosen.into_iter()
}

/// The model's forecast of one window `[context, channels]`: `[horizon, channels out]`, scaled.
pub fn predict(
    model: &PatchTst,
    x: &[f32],
    context: usize,
    channels: usize,
    output: Option<usize>,
    device: &Device,
) -> Result<Vec<f32>> {
    let x = Tensor::<3>::from_data(TensorData::new(x.to_vec(), [1, context, channels]), device);
    let y = predicted(model.forward(x.swap_dims(1, 2), None), output);
    Ok(y.swap_dims(1, 2).into_data().try_into_vec::<f32>()?)
}

fn draw(path: &Path, size: (u32, u32), work: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<()> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(fault)?;
        work(&root)?;
        root.present().map_err(fault)?;
    }
    write_whole(path, text.as_bytes())
}

fn fault<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("cannot draw the plot: {error}")
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = ((high - low) * 0.06).max(high.abs() * 1e-6).max(1e-9);
    (low - margin, high + margin)
}

/// A number as short as an axis needs it.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e5 => format!("{value:.1e}"),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
