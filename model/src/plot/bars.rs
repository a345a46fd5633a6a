//! Stacked bars side by side, with a second chart of percentages below.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{FAINT, FONT, INK, LEGEND_ROW, PALETTE, Picture, fault, legend, legend_rows, short};

/// What one bar shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// The part in full colour, and the one above it in a lighter one.
    pub parts: (f64, f64),
    /// What stands in the chart below.
    pub percent: Option<f64>,
}

/// Bars of several series for each category.
#[derive(Clone, Debug)]
pub struct Bars {
    pub title: String,
    /// What the categories are.
    pub x: String,
    /// The unit of the bars, and what their two parts are.
    pub y: String,
    pub parts: (String, String),
    /// What the percentages are.
    pub percent: String,
    pub categories: Vec<String>,
    pub series: Vec<String>,
    /// `bars[series][category]`; `None` where there is none.
    pub bars: Vec<Vec<Option<Bar>>>,
}

const HEAD: i32 = 44;
/// The part of a category's place that its bars fill.
const FILLED: f64 = 0.8;

impl Bars {
    fn width(&self) -> i32 {
        let bars = self.categories.len() * (self.series.len() + 1);
        (110 + 34 * bars as i32).clamp(760, 2200)
    }

    fn legend(&self) -> Vec<(String, ShapeStyle)> {
        let mut entries = Vec::new();
        for (name, color) in self.series.iter().zip(PALETTE.iter().cycle()) {
            let (full, light) = &self.parts;
            entries.push((format!("{name}: {full}"), color.filled()));
            entries.push((light.clone(), color.mix(0.4).filled()));
        }
        entries
    }

    fn all(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().flatten().flatten()
    }

    fn with_percent(&self) -> bool {
        self.all().any(|bar| bar.percent.is_some())
    }

    /// The left and right side of a bar.
    fn sides(&self, category: usize, series: usize) -> (f64, f64) {
        let width = FILLED / self.series.len().max(1) as f64;
        let left = category as f64 + (1.0 - FILLED) / 2.0 + width * series as f64;
        (left + 0.04 * width, left + 0.96 * width)
    }

    fn chart<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        label: &str,
        (low, high): (f64, f64),
        rectangles: impl Iterator<Item = ([(f64, f64); 2], ShapeStyle)>,
    ) -> Result<()> {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(52)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..self.categories.len().max(1) as f64, low..high)
            .map_err(fault)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .y_labels(6)
            .x_desc(&self.x)
            .y_desc(label)
            .y_label_formatter(&|y| short(*y))
            .label_style((FONT, 14).into_font().color(&INK))
            .axis_desc_style((FONT, 15).into_font().color(&INK))
            .draw()
            .map_err(fault)?;
        for (corners, style) in rectangles {
            chart.draw_series([Rectangle::new(corners, style)]).map_err(fault)?;
        }
        let plot = chart.plotting_area();
        for (place, name) in self.categories.iter().enumerate() {
            let style = (FONT, 14).into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
            let at = (place as f64 + 0.5, low);
            let label = EmptyElement::at(at) + Text::new(name.clone(), (0, 8), style);
            plot.draw(&label).map_err(fault)?;
        }
        Ok(())
    }
}

impl Picture for Bars {
    fn size(&self) -> (u32, u32) {
        let charts = if self.with_percent() { 2 } else { 1 };
        let legend = LEGEND_ROW * legend_rows(self.width(), &self.legend());
        (self.width() as u32, (HEAD + legend + 340 * charts) as u32)
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Result<()> {
        let entries = self.legend();
        let head = HEAD + LEGEND_ROW * legend_rows(self.width(), &entries);
        let (top, rest) = root.split_vertically(head);
        let title = (FONT, 20).into_font().color(&INK);
        top.draw(&Text::new(self.title.clone(), (16, 12), title)).map_err(fault)?;
        legend(&top, 42, self.width(), &entries)?;
        let areas = rest.split_evenly((if self.with_percent() { 2 } else { 1 }, 1));

        let cells = || {
            self.bars.iter().enumerate().flat_map(|(series, bars)| {
                let color = PALETTE[series % PALETTE.len()];
                bars.iter().enumerate().filter_map(move |(category, bar)| {
                    Some((self.sides(category, series), color, (*bar)?))
                })
            })
        };
        let highest = self.all().map(|bar| bar.parts.0 + bar.parts.1).fold(0.0, f64::max);
        let stacked = cells().flat_map(|((left, right), color, bar)| {
            let (full, light) = bar.parts;
            [
                ([(left, 0.0), (right, full)], color.filled()),
                ([(left, full), (right, full + light)], color.mix(0.4).filled()),
            ]
        });
        self.chart(&areas[0], &self.y, (0.0, (highest * 1.08).max(1e-9)), stacked)?;
        let Some(below) = areas.get(1) else { return Ok(()) };
        let percents = || self.all().filter_map(|bar| bar.percent);
        let (least, most) = (percents().fold(0.0, f64::min), percents().fold(0.0, f64::max));
        let margin = ((most - least) * 0.1).max(1.0);
        let range = (if least < 0.0 { least - margin } else { 0.0 }, most + margin);
        let rectangles = cells().filter_map(|((left, right), color, bar)| {
            Some(([(left, 0.0), (right, bar.percent?)], color.filled()))
        });
        self.chart(below, &self.percent, range, rectangles)
    }
}
