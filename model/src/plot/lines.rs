//! Curves over one axis.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::{FAINT, FONT, GREY, INK, LEGEND_ROW, PALETTE, Picture, fault, legend, legend_rows};
use super::{range, short};

/// A curve and its name.
#[derive(Clone, Debug)]
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// How numbers lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Linear,
    /// Powers of ten are equally far apart; what is not positive is left out.
    Logarithmic,
}

/// Curves in one chart.
#[derive(Clone, Debug)]
pub struct Lines {
    pub title: String,
    /// The axis' label, with its unit, and how numbers lie on it.
    pub x: (String, Scale),
    pub y: String,
    pub curves: Vec<Curve>,
    /// Places on the x axis that are pointed out, with what stands beside them.
    pub marks: Vec<(f64, String)>,
}

const WIDTH: i32 = 860;

impl Lines {
    /// Where `x` lies on an axis that plotters draws evenly.
    fn place(&self, x: f64) -> Option<f64> {
        match self.x.1 {
            Scale::Linear => Some(x),
            Scale::Logarithmic => (x > 0.0).then(|| x.log10()),
        }
        .filter(|x| x.is_finite())
    }

    fn placed(&self, curve: &Curve) -> Vec<(f64, f64)> {
        let points = curve.points.iter().filter(|(_, y)| y.is_finite());
        points.filter_map(|(x, y)| Some((self.place(*x)?, *y))).collect()
    }

    fn legend(&self) -> Vec<(String, ShapeStyle)> {
        let colors = PALETTE.iter().cycle();
        let curves = self.curves.iter().zip(colors);
        curves.map(|(curve, color)| (curve.name.clone(), color.stroke_width(2))).collect()
    }
}

impl Picture for Lines {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (440 + LEGEND_ROW * legend_rows(WIDTH, &self.legend())) as u32)
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Result<()> {
        let entries = self.legend();
        let head = 44 + LEGEND_ROW * legend_rows(WIDTH, &entries);
        let (top, area) = root.split_vertically(head);
        let title = (FONT, 20).into_font().color(&INK);
        top.draw(&Text::new(self.title.clone(), (16, 12), title)).map_err(fault)?;
        legend(&top, 42, WIDTH, &entries)?;

        let curves: Vec<_> = self.curves.iter().map(|curve| self.placed(curve)).collect();
        let xs = || curves.iter().flatten().map(|(x, _)| *x);
        let (left, right) = xs()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (left, right) = if left < right { (left, right) } else { (left - 0.5, left + 0.5) };
        let (left, right) = if left.is_finite() { (left, right) } else { (0.0, 1.0) };
        let (low, high) = range(curves.iter().flatten().map(|(_, y)| *y));
        let ticks = match self.x.1 {
            Scale::Linear => ticks(left, right),
            Scale::Logarithmic => powers(left, right),
        };
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_right(28)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(Axis { left, right, ticks }, low..high)
            .map_err(fault)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .x_desc(&self.x.0)
            .y_desc(&self.y)
            .x_label_formatter(&|x| match self.x.1 {
                Scale::Linear => short(*x),
                Scale::Logarithmic => format!("1e{x:.0}"),
            })
            .y_label_formatter(&|y| short(*y))
            .label_style((FONT, 14).into_font().color(&INK))
            .axis_desc_style((FONT, 15).into_font().color(&INK))
            .draw()
            .map_err(fault)?;
        for (place, (at, text)) in self.marks.iter().enumerate() {
            let Some(x) = self.place(*at) else { continue };
            chart
                .draw_series(LineSeries::new([(x, low), (x, high)], GREY.stroke_width(1)))
                .map_err(fault)?;
            let style = (FONT, 14).into_font().color(&INK);
            let label = EmptyElement::at((x, high))
                + Text::new(text.clone(), (6, 4 + 18 * place as i32), style);
            chart.plotting_area().draw(&label).map_err(fault)?;
        }
        for (points, (_, style)) in curves.into_iter().zip(entries) {
            match points[..] {
                // A line of one point would not show.
                [point] => chart.draw_series([Circle::new(point, 3, style.filled())]),
                _ => chart.draw_series(LineSeries::new(points, style)),
            }
            .map_err(fault)?;
        }
        Ok(())
    }
}

/// An interval with chosen places for lines and labels.
struct Axis {
    left: f64,
    right: f64,
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.left) / (self.right - self.left);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.left..self.right
    }
}

/// Round numbers in an interval, ten at most.
fn ticks(left: f64, right: f64) -> Vec<f64> {
    let width = right - left;
    let unit = 10_f64.powf((width / 10.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * unit);
    let step = step.into_iter().find(|step| width / step <= 10.0).unwrap_or(width);
    let first = (left / step).ceil() as i64;
    (first..).map(|n| n as f64 * step).take_while(|x| *x <= right).collect()
}

/// The exponents of the powers of ten in an interval of exponents.
fn powers(left: f64, right: f64) -> Vec<f64> {
    ((left.ceil() as i64)..=(right.floor() as i64)).map(|n| n as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(ticks(1.0, 8.0), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(
            ticks(1.0, 100.0),
            [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]
        );
        assert_eq!(ticks(0.0, 0.5).len(), 11);
        assert_eq!(powers(-6.5, -3.0), [-6.0, -5.0, -4.0, -3.0]);
    }
}
