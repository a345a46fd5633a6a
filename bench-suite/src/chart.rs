//! Times as a picture: bars for each shape, one panel for each pass and element type.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::implementation::Implementation;
use crate::results::{Contest, Results};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plot<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, LogCoord<f64>>>;

const INK: RGBColor = RGBColor(27, 31, 36);
const FAINT: RGBColor = RGBColor(228, 230, 233);
const FONT: &str = "sans-serif";
const HEAD: i32 = 96;
const PANEL: i32 = 320;
/// What a panel's axis takes at its left.
const LEFT: i32 = 76;
/// The part of a shape's place that its bars fill.
const FILLED: f64 = 0.84;

/// This library in a colour that stands out, the others in pairs of related ones.
fn color(implementation: Implementation) -> RGBColor {
    match implementation {
        Implementation::Tilewright => RGBColor(214, 69, 65),
        Implementation::Vanilla => RGBColor(173, 181, 189),
        Implementation::VanillaCompiled => RGBColor(110, 118, 129),
        Implementation::SdpaFlash => RGBColor(31, 86, 140),
        Implementation::SdpaEfficient => RGBColor(86, 145, 200),
        Implementation::SdpaCudnn => RGBColor(158, 199, 232),
        Implementation::Flex => RGBColor(58, 145, 104),
        Implementation::Triton => RGBColor(219, 160, 58),
        Implementation::Cubek => RGBColor(140, 98, 168),
    }
}

/// The problems of one panel.
struct Panel<'a> {
    title: String,
    contests: Vec<Contest<'a>>,
}

/// Draws results as SVG.
///
/// # Errors
///
/// The picture cannot be drawn.
pub fn draw(results: &Results) -> Result<String> {
    let panels = panels(results);
    let shapes = panels.iter().map(|panel| panel.contests.len()).max().unwrap_or(0);
    let implementations = results.implementations();
    let bars = (shapes * (implementations.len() + 1)) as i32;
    let width = (LEFT + 24 + 20 * bars).clamp(960, 2400);
    let height = HEAD + PANEL * panels.len() as i32;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (width as u32, height as u32));
        let root = root.into_drawing_area();
        root.fill(&WHITE).map_err(fault)?;
        let (head, rest) = root.split_vertically(HEAD);
        draw_head(&head, results, &implementations)?;
        for (area, panel) in rest.split_evenly((panels.len().max(1), 1)).iter().zip(&panels) {
            draw_panel(area, panel, &implementations)?;
        }
        root.present().map_err(fault)?;
    }
    Ok(text)
}

fn fault(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the picture cannot be drawn: {error}")
}

fn panels(results: &Results) -> Vec<Panel<'_>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for contest in results.contests() {
        let title = format!("{}, {}", contest.rows[0].pass, contest.rows[0].kind());
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.contests.push(contest),
            None => panels.push(Panel { title, contests: vec![contest] }),
        }
    }
    panels
}

fn draw_head(area: &Area<'_>, results: &Results, shown: &[Implementation]) -> Result<()> {
    let style = |size: i32| (FONT, size).into_font().color(&INK);
    let title = format!("Attention on {}: milliseconds of a call", results.device);
    area.draw(&Text::new(title, (16, 14), style(21))).map_err(fault)?;
    let mut under = "logarithmic, lower is better; black line: what memory bandwidth alone \
                     would take"
        .to_owned();
    if shown.len() > 1 {
        under += "; above our bar: times faster than the best peer";
    }
    area.draw(&Text::new(under, (16, 42), style(13))).map_err(fault)?;
    let mut left = 16;
    for one in shown {
        let square = Rectangle::new([(left, 68), (left + 12, 80)], color(*one).filled());
        area.draw(&square).map_err(fault)?;
        area.draw(&Text::new(one.title(), (left + 17, 67), style(13))).map_err(fault)?;
        left += 34 + 7 * one.title().len() as i32;
    }
    Ok(())
}

/// Writes at a place in a chart, moved down by pixels.
fn write(plot: &Plot<'_>, at: (f64, f64), down: i32, text: String, vertical: VPos) -> Result<()> {
    let style = (FONT, 13).into_font().color(&INK).pos(Pos::new(HPos::Center, vertical));
    plot.draw(&(EmptyElement::at(at) + Text::new(text, (0, down), style))).map_err(fault)
}

fn draw_panel(area: &Area<'_>, panel: &Panel<'_>, shown: &[Implementation]) -> Result<()> {
    let (low, high) = range(panel);
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, (FONT, 16).into_font().color(&INK))
        .margin(10)
        .x_label_area_size(44)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..panel.contests.len() as f64, (low..high).log_scale())
        .map_err(fault)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .y_labels(6)
        .y_desc("ms")
        .y_label_formatter(&|ms| short(*ms))
        .label_style((FONT, 12).into_font().color(&INK))
        .draw()
        .map_err(fault)?;
    let plot = chart.plotting_area();
    let timed = |contest: &Contest<'_>| {
        let rows = shown.iter().filter_map(|&one| contest.of(one));
        rows.filter_map(|row| Some((row.implementation, row.ms?))).collect::<Vec<_>>()
    };
    let most = panel.contests.iter().map(|contest| timed(contest).len()).max().unwrap_or(0);
    // One bar alone would be as wide as the panel.
    let bar = (FILLED / most.max(1) as f64).min(0.3);
    for (place, contest) in panel.contests.iter().enumerate() {
        let middle = place as f64 + 0.5;
        // Who refused leaves no gap.
        let bars = timed(contest);
        let mut left = middle - bar * bars.len() as f64 / 2.0;
        for (implementation, ms) in bars {
            let shape = [(left + 0.04 * bar, low), (left + 0.96 * bar, ms)];
            let filled = color(implementation).filled();
            plot.draw(&Rectangle::new(shape, filled)).map_err(fault)?;
            let ours = implementation == Implementation::Tilewright;
            if let Some(times) = contest.speedup().filter(|_| ours) {
                let text = format!("{}x", short(times));
                write(plot, (left + 0.5 * bar, ms), -3, text, VPos::Bottom)?;
            }
            left += bar;
        }
        let first = contest.rows[0];
        if let Some(floor) = first.floor_ms {
            let reach = FILLED / 2.0;
            let line = [(middle - reach, floor), (middle + reach, floor)];
            plot.draw(&PathElement::new(line, INK.stroke_width(2))).map_err(fault)?;
        }
        let name = first.shape();
        let (above, below) = match name.find(" S") {
            Some(at) => (name[..at].to_owned(), name[at + 1..].to_owned()),
            None => (name, String::new()),
        };
        for (line, text) in [above, below].into_iter().enumerate() {
            let down = 6 + 16 * line as i32;
            write(plot, (middle, low), down, text, VPos::Top)?;
        }
    }
    Ok(())
}

/// From below the floors to above the longest time, with room for a label.
fn range(panel: &Panel<'_>) -> (f64, f64) {
    let rows = || panel.contests.iter().flat_map(|contest| &contest.rows);
    let times = rows().filter_map(|row| row.ms);
    let floors = rows().filter_map(|row| row.floor_ms);
    let (low, high) = times
        .chain(floors)
        .filter(|ms| *ms > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), ms| (low.min(ms), high.max(ms)));
    if high == 0.0 {
        // Nothing was measured.
        return (0.1, 10.0);
    }
    (low / 1.6, high * 2.2)
}

/// Two significant digits.
fn short(x: f64) -> String {
    let digits = (1 - x.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{x:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::examples::{alone, results};

    #[test]
    fn everyone_and_every_panel_is_in_the_picture() {
        let svg = draw(&results()).expect("a picture");
        for one in Implementation::ALL {
            assert!(svg.contains(one.title()), "{one}");
        }
        for text in ["forward, f32", "backward, f32", "3x", "S42 D8", "a device"] {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn there_is_a_picture_of_one_and_of_nothing() {
        let mut results = alone();
        assert!(!draw(&results).expect("a picture").contains("best peer"));
        results.rows.iter_mut().for_each(|row| row.ms = None);
        draw(&results).expect("a picture without bars");
        results.rows.clear();
        draw(&results).expect("a picture without panels");
    }

    #[test]
    fn numbers_are_short() {
        for (x, text) in [(0.0123, "0.012"), (1.0, "1"), (2.345, "2.3"), (10.0, "10"), (0.1, "0.1")]
        {
            assert_eq!(short(x), text);
        }
    }
}
