//! A table as a picture: how much faster its plans are than the rule's.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tilewright::Problem;
use tilewright::table::Table;

use crate::files::write_whole;

const CELL: (i32, i32) = (64, 30);
const LEFT: i32 = 190;
const TOP: i32 = 76;
const GAP: i32 = 24;

/// Cells of one pass, element type and class of variants.
#[derive(Debug, Default, PartialEq)]
struct Panel {
    title: String,
    /// Lengths, from left to right.
    columns: Vec<String>,
    /// Heads and groups, from top to bottom.
    rows: Vec<String>,
    /// By row and column.
    speedups: BTreeMap<(usize, usize), f64>,
}

/// Draws a table to a file that ends in `.svg`.
///
/// # Errors
///
/// Another ending, a table that says nothing of the rule, or a file that cannot be written.
pub fn draw(table: &Table, path: &Path) -> Result<()> {
    let panels = panels(table);
    if panels.is_empty() {
        bail!("no entry of the table says what the rule's plan takes: measure it again");
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "svg" => {
            let mut svg = String::new();
            {
                let root = SVGBackend::with_string(&mut svg, size(&panels)).into_drawing_area();
                paint(&root, table, &panels)?;
            }
            write_whole(path, svg.as_bytes())
        }
        _ => bail!("{}: pictures are drawn as .svg", path.display()),
    }
}

fn panels(table: &Table) -> Vec<Panel> {
    let mut kinds: BTreeMap<String, Vec<(Problem, f64)>> = BTreeMap::new();
    for entry in &table.entries {
        let Some(speedup) = entry.speedup_over_rule() else { continue };
        let Problem { pass, dtype, class, save_scores, .. } = entry.problem;
        let saved = if save_scores { ", scores saved" } else { "" };
        let title = format!("{pass}, {dtype}, {class}{saved}");
        kinds.entry(title).or_default().push((entry.problem, speedup));
    }
    let panel = |(title, cells): (String, Vec<(Problem, f64)>)| {
        let mut columns: Vec<(usize, usize)> =
            cells.iter().map(|(p, _)| (p.seq_q, p.seq_k)).collect();
        let mut rows: Vec<_> = cells.iter().map(|(p, _)| row(p)).collect();
        columns.sort_unstable();
        columns.dedup();
        rows.sort_unstable();
        rows.dedup();
        let mut speedups = BTreeMap::new();
        for (problem, speedup) in cells {
            let across = columns.binary_search(&(problem.seq_q, problem.seq_k));
            if let (Ok(down), Ok(across)) = (rows.binary_search(&row(&problem)), across) {
                speedups.insert((down, across), speedup);
            }
        }
        let length =
            |(q, k): (usize, usize)| if q == k { format!("{q}") } else { format!("{q}x{k}") };
        Panel {
            title,
            columns: columns.into_iter().map(length).collect(),
            rows: rows.into_iter().map(row_name).collect(),
            speedups,
        }
    };
    kinds.into_iter().map(panel).collect()
}

/// Head dimensions, heads, key heads, batch.
type Row = (usize, usize, usize, usize, usize);

fn row(p: &Problem) -> Row {
    (p.head_dim, p.value_dim, p.heads, p.kv_heads, p.batch)
}

fn row_name((dim, value_dim, heads, kv_heads, batch): Row) -> String {
    let dims = if dim == value_dim { format!("D{dim}") } else { format!("D{dim}x{value_dim}") };
    let shared = if heads == kv_heads { String::new() } else { format!("/{kv_heads}") };
    format!("{dims} B{batch} H{heads}{shared}")
}

fn size(panels: &[Panel]) -> (u32, u32) {
    let widest = panels.iter().map(|panel| panel.columns.len()).max().unwrap_or(0) as i32;
    let rows: i32 = panels.iter().map(|panel| panel.rows.len() as i32 * CELL.1 + TOP + GAP).sum();
    let width = (LEFT + widest * CELL.0 + GAP).max(640);
    (width as u32, (TOP + rows) as u32)
}

fn paint<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    table: &Table,
    panels: &[Panel],
) -> Result<()> {
    let fault = |error: DrawingAreaErrorKind<B::ErrorType>| anyhow!("drawing failed: {error}");
    root.fill(&WHITE).map_err(fault)?;
    let text = |text: String, at: (i32, i32), size: i32, anchor: HPos, color: RGBColor| {
        let style =
            TextStyle::from(("sans-serif", size)).color(&color).pos(Pos::new(anchor, VPos::Center));
        root.draw(&Text::new(text, at, style)).map_err(fault)
    };
    let heading = format!("{}: speed-up over the rule's plans", table.device.name);
    text(heading, (GAP, GAP), 18, HPos::Left, BLACK)?;
    let below = format!("measured {}, effort {}", table.date, table.effort);
    text(below, (GAP, 2 * GAP), 13, HPos::Left, RGBColor(110, 118, 129))?;
    let mut top = TOP;
    for panel in panels {
        text(panel.title.clone(), (GAP, top + 12), 15, HPos::Left, BLACK)?;
        text("queries and keys".to_owned(), (LEFT, top + 34), 12, HPos::Left, BLACK)?;
        top += TOP;
        for (i, name) in panel.columns.iter().enumerate() {
            let middle = LEFT + i as i32 * CELL.0 + CELL.0 / 2;
            text(name.clone(), (middle, top - 12), 12, HPos::Center, BLACK)?;
        }
        for (i, name) in panel.rows.iter().enumerate() {
            let middle = top + i as i32 * CELL.1 + CELL.1 / 2;
            text(name.clone(), (LEFT - 8, middle), 12, HPos::Right, BLACK)?;
        }
        for (&(down, across), &speedup) in &panel.speedups {
            let corner = (LEFT + across as i32 * CELL.0, top + down as i32 * CELL.1);
            let opposite = (corner.0 + CELL.0 - 2, corner.1 + CELL.1 - 2);
            root.draw(&Rectangle::new([corner, opposite], color(speedup).filled()))
                .map_err(fault)?;
            let middle = ((corner.0 + opposite.0) / 2, (corner.1 + opposite.1) / 2);
            text(format!("{speedup:.2}x"), middle, 12, HPos::Center, BLACK)?;
        }
        top += panel.rows.len() as i32 * CELL.1 + GAP;
    }
    root.present().map_err(fault)
}

/// White where nothing is gained, greener up to twice as fast, red where something is lost.
fn color(speedup: f64) -> RGBColor {
    let strength = speedup.log2().clamp(-1.0, 1.0);
    let fade = |full: u8| 255 - ((255.0 - f64::from(full)) * strength.abs()) as u8;
    match strength < 0.0 {
        true => RGBColor(fade(214), fade(69), fade(65)),
        false => RGBColor(fade(46), fade(160), fade(67)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_tell_gain_from_loss() {
        assert_eq!(color(1.0), RGBColor(255, 255, 255));
        assert_eq!(color(2.0), RGBColor(46, 160, 67));
        assert_eq!(color(8.0), color(2.0));
        assert_eq!(color(0.5), RGBColor(214, 69, 65));
    }
}
