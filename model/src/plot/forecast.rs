//! Forecasts behind the end of what they were made from.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::{FAINT, FONT, GREY, INK, PALETTE, Picture, fault, legend, range, short};

/// One channel of one forecast.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    pub title: String,
    pub context: Vec<f64>,
    /// Empty where the future is not known.
    pub truth: Vec<f64>,
    pub forecast: Vec<f64>,
    /// The interval that a distribution gives each step; empty for a forecast of points.
    pub band: Vec<(f64, f64)>,
    /// A date for each step of context and forecast; empty where they have none.
    pub dates: Vec<String>,
}

/// Panels below each other.
#[derive(Clone, Debug)]
pub struct Forecast {
    pub heading: String,
    pub panels: Vec<Panel>,
}

const WIDTH: i32 = 960;
const HEAD: i32 = 72;

impl Picture for Forecast {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, HEAD as u32 + 250 * self.panels.len().max(1) as u32)
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Result<()> {
        let (head, rest) = root.split_vertically(HEAD);
        let title = (FONT, 20).into_font().color(&INK);
        head.draw(&Text::new(self.heading.clone(), (16, 12), title)).map_err(fault)?;
        legend(&head, 44, WIDTH, &self.legend())?;
        for (area, panel) in
            rest.split_evenly((self.panels.len().max(1), 1)).iter().zip(&self.panels)
        {
            draw_panel(area, panel)?;
        }
        Ok(())
    }
}

impl Forecast {
    /// One line for all panels, so that no panel hides its curves behind a box.
    fn legend(&self) -> Vec<(String, ShapeStyle)> {
        let any = |shown: fn(&Panel) -> bool| self.panels.iter().any(shown);
        let mut entries = vec![("context".to_string(), GREY.stroke_width(1))];
        if any(|panel| !panel.truth.is_empty()) {
            entries.push(("truth".into(), INK.stroke_width(1)));
        }
        entries.push(("forecast".into(), PALETTE[0].stroke_width(2)));
        if any(|panel| !panel.band.is_empty()) {
            entries.push(("its interval".into(), band().filled()));
        }
        entries
    }
}

fn band() -> RGBAColor {
    PALETTE[0].mix(0.18)
}

fn draw_panel<B: DrawingBackend>(area: &DrawingArea<B, Shift>, panel: &Panel) -> Result<()> {
    // The context is shown as far back as twice the forecast is long.
    let shown = panel.context.len().min(2 * panel.forecast.len().max(1));
    let context = &panel.context[panel.context.len() - shown..];
    let interval = panel.band.iter().flat_map(|(low, high)| [low, high]);
    let all = context.iter().chain(&panel.truth).chain(&panel.forecast).chain(interval);
    let (low, high) = range(all.copied());
    let end = panel.forecast.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, (FONT, 16).into_font().color(&INK))
        .margin(8)
        .margin_right(46)
        .x_label_area_size(42)
        .y_label_area_size(66)
        .build_cartesian_2d(-(shown as f64)..end, low..high)
        .map_err(fault)?;
    // Step 1 is the first forecast, behind the whole context.
    let date = |step: f64| {
        let index = panel.context.len() as f64 + step - 1.0;
        panel.dates.get(index.round() as usize).filter(|_| index >= 0.0).map(|date| brief(date))
    };
    let dated = !panel.dates.is_empty();
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .x_desc(if dated { "date" } else { "steps after the last known value" })
        .y_desc("value, in the series' unit")
        .x_labels(if dated { 7 } else { 9 })
        .y_labels(5)
        .x_label_formatter(&|x| match dated {
            true => date(*x).unwrap_or_default(),
            false => format!("{x:.0}"),
        })
        .y_label_formatter(&|y| short(*y))
        .label_style((FONT, 13).into_font().color(&INK))
        .axis_desc_style((FONT, 13).into_font().color(&INK))
        .draw()
        .map_err(fault)?;
    if !panel.band.is_empty() {
        let upper = panel.band.iter().enumerate().map(|(i, (_, high))| ((i + 1) as f64, *high));
        let lower = panel.band.iter().enumerate().map(|(i, (low, _))| ((i + 1) as f64, *low));
        let outline: Vec<_> = upper.chain(lower.rev()).collect();
        chart.draw_series([Polygon::new(outline, band())]).map_err(fault)?;
    }
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
        (GREY, 1, past),
        (INK, 1, if panel.truth.is_empty() { Vec::new() } else { future(&panel.truth) }),
        (PALETTE[0], 2, future(&panel.forecast)),
    ];
    for (color, width, points) in lines {
        chart.draw_series(LineSeries::new(points, color.stroke_width(width))).map_err(fault)?;
    }
    Ok(())
}

/// A date without what an axis need not say: seconds of none, a time of midnight.
fn brief(date: &str) -> String {
    let date = date.strip_suffix(":00").unwrap_or(date);
    date.strip_suffix(" 00:00").unwrap_or(date).to_string()
}
