//! Pictures, as SVG or PNG by the name of their file.

mod bars;
mod canvas;
mod forecast;
mod lines;
mod png;

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::train::report::{EpochRow, write_whole};
use canvas::{Canvas, Pixels};

pub use bars::{Bar, Bars};
pub use forecast::{Forecast, Panel};
pub use lines::{Curve, Lines, Scale};

const INK: RGBColor = RGBColor(27, 31, 36);
const FAINT: RGBColor = RGBColor(228, 230, 233);
const GREY: RGBColor = RGBColor(110, 118, 129);
/// Colours of curves and bars, the one that stands out first.
const PALETTE: [RGBColor; 8] = [
    RGBColor(214, 69, 65),
    RGBColor(31, 86, 140),
    RGBColor(58, 145, 104),
    RGBColor(219, 160, 58),
    RGBColor(140, 98, 168),
    RGBColor(86, 145, 200),
    RGBColor(110, 118, 129),
    RGBColor(150, 90, 60),
];
const FONT: &str = "sans-serif";

/// What can be drawn.
pub trait Picture {
    /// Width and height, in units of an SVG; a PNG has twice as many pixels.
    fn size(&self) -> (u32, u32);
    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Result<()>;
}

/// Refuses a file that [`save`] could not write, before any work is done for it.
pub fn check_name(path: &Path) -> Result<()> {
    match path.extension().and_then(OsStr::to_str) {
        Some("svg" | "png") => Ok(()),
        _ => bail!("{}: the name of a picture ends in .svg or .png", path.display()),
    }
}

/// Draws `picture` into a file, as SVG or PNG by its extension, whole or not at all.
pub fn save(picture: &impl Picture, path: &Path) -> Result<()> {
    check_name(path)?;
    let bytes = match path.extension().and_then(OsStr::to_str) {
        Some("png") => {
            let mut pixels = Pixels::new(picture.size())?;
            draw_on(Canvas(&mut pixels), picture)?;
            pixels.png()?
        }
        _ => {
            let mut text = String::new();
            draw_on(SVGBackend::with_string(&mut text, picture.size()), picture)?;
            text.into_bytes()
        }
    };
    write_whole(path, &bytes)
}

/// Draws `picture` twice, as `path` with the extensions `svg` and `png`.
pub fn save_both(picture: &impl Picture, path: &Path) -> Result<()> {
    save(picture, &path.with_extension("svg"))?;
    save(picture, &path.with_extension("png"))
}

fn draw_on<B: DrawingBackend>(backend: B, picture: &impl Picture) -> Result<()> {
    let root = backend.into_drawing_area();
    root.fill(&WHITE).map_err(fault)?;
    picture.draw(&root)?;
    root.present().map_err(fault)
}

fn fault(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw the picture: {error}")
}

/// Training and validation loss by epoch, the latter called `loss`; `None` before the first has ended.
pub fn losses(rows: &[EpochRow], loss: &str) -> Option<Lines> {
    let curve = |name: &str, pick: fn(&EpochRow) -> f64| Curve {
        name: name.into(),
        points: rows.iter().map(|row| (row.epoch as f64, pick(row))).collect(),
    };
    (!rows.is_empty()).then(|| Lines {
        title: "Loss by epoch".into(),
        x: ("epoch".into(), Scale::Linear),
        y: "loss of scaled values".into(),
        curves: vec![
            curve(&format!("validation, {loss}"), |row| row.val),
            curve("training", |row| row.train),
        ],
        marks: Vec::new(),
    })
}

/// The interval of some numbers, with a margin.
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
    let text = match value.abs() {
        0.0 => return "0".into(),
        v if !(1e-3..1e5).contains(&v) => return format!("{value:.1e}"),
        v if v >= 100.0 => return format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// Names beside samples of their colours, in rows as wide as `width`, from `top` down.
fn legend<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    top: i32,
    width: i32,
    entries: &[(String, ShapeStyle)],
) -> Result<()> {
    let (mut left, mut top) = (16, top);
    for (name, style) in entries {
        let needed = legend_width(name);
        if left > 16 && left + needed > width {
            (left, top) = (16, top + LEGEND_ROW);
        }
        let sample = match style.filled {
            true => Rectangle::new([(left, top + 3), (left + 20, top + 13)], *style).into_dyn(),
            false => PathElement::new([(left, top + 8), (left + 20, top + 8)], *style).into_dyn(),
        };
        area.draw(&sample).map_err(fault)?;
        let text = (FONT, 14).into_font().color(&INK);
        area.draw(&Text::new(name.clone(), (left + 26, top + 1), text)).map_err(fault)?;
        left += needed + 8;
    }
    Ok(())
}

const LEGEND_ROW: i32 = 20;

/// What an entry takes: its sample, and letters of a middle width.
fn legend_width(name: &str) -> i32 {
    34 + 7 * name.chars().count() as i32
}

/// How many rows [`legend`] takes.
fn legend_rows(width: i32, entries: &[(String, ShapeStyle)]) -> i32 {
    let (mut left, mut rows) = (16, 1);
    for (name, _) in entries {
        let needed = legend_width(name);
        if left > 16 && left + needed > width {
            (left, rows) = (16, rows + 1);
        }
        left += needed + 8;
    }
    rows
}
