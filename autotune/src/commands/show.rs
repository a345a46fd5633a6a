//! `autotune show` and `autotune export`: a table in a form to read.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tilewright::table::{Entry, Table};

use crate::columns::{Columns, Side, micros, percent};
use crate::files::write_whole;
use crate::heat_map;

const SHOW_EXAMPLES: &str = "\
Examples:
  autotune show autotune/tables/cpu.json
  autotune show my.json --plot speedup.svg     a picture: how much faster than the rule's plans
  autotune show my.json --json | jq '.entries[].speedup_over_rule'";

/// What `show` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// A table's file
    pub file: PathBuf,
    /// Draw the speed-up over the rule's plans as a heat map, to a file that ends in .svg
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  autotune export my.json                 to standard output
  autotune export my.json --output my.md";

/// What `export` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXPORT_EXAMPLES)]
pub struct ExportArgs {
    /// A table's file
    pub file: PathBuf,
    /// Where to; without it, standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Runs `show`.
///
/// # Errors
///
/// A table that cannot be read, or a picture that cannot be drawn.
pub fn show(args: &ShowArgs) -> Result<()> {
    let table = Table::load(&args.file)?;
    if let Some(path) = &args.plot {
        heat_map::draw(&table, path)?;
    }
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&json(&table)?)?),
        false => print!("{}", text(&table)),
    }
    if let Some(path) = args.plot.as_ref().filter(|_| !args.json) {
        println!("drawn to {}", path.display());
    }
    Ok(())
}

/// Runs `export`.
///
/// # Errors
///
/// A table that cannot be read, or a file that cannot be written.
pub fn export(args: &ExportArgs) -> Result<()> {
    let text = markdown(&Table::load(&args.file)?);
    match &args.output {
        Some(path) => write_whole(path, text.as_bytes()),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// The table with what follows from it.
fn json(table: &Table) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(table)?;
    value["current"] = table.is_current().into();
    if let Some(entries) = value["entries"].as_array_mut() {
        for (value, entry) in entries.iter_mut().zip(&table.entries) {
            value["speedup_over_rule"] = entry.speedup_over_rule().into();
        }
    }
    Ok(value)
}

/// What the head says, line by line.
fn head(table: &Table) -> Vec<(&'static str, String)> {
    let device = &table.device;
    let state = match table.is_current() {
        true => "those of this build",
        false => "not those of this build: its plans still run, but count as estimates",
    };
    let gib = device.memory as f64 / (1u64 << 30) as f64;
    let mut lines = vec![("device", device.name.clone())];
    if device.compute_capability != tilewright::table::UNKNOWN {
        lines.push((
            "",
            format!(
                "compute capability {}, {} multiprocessors, {gib:.0} GiB, driver {}, NVRTC {}",
                device.compute_capability, device.multiprocessors, device.driver, device.nvrtc
            ),
        ));
    } else {
        lines.push(("", format!("{} units, {} lanes, {gib:.0} GiB", device.units, device.lanes)));
    }
    lines.push((
        "measured",
        format!("{}, effort {}, version {}", table.date, table.effort, table.library),
    ));
    if let Some(drift) = table.drift {
        lines.push(("drift", format!("a reference kernel changed by up to {:.1}%", 100.0 * drift)));
    }
    lines.push(("kernels", format!("{} ({state})", table.kernels)));
    lines.push(("command", table.command.clone()));
    lines
}

/// Head and entries of a table, as text for a terminal.
pub fn text(table: &Table) -> String {
    let mut text = String::new();
    for (name, line) in head(table) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:8}  {line}");
    }
    let _ = write!(text, "\n{}{} entries\n", entries(table).to_text(), table.entries.len());
    text
}

/// A table as a document.
pub fn markdown(table: &Table) -> String {
    let mut text = format!("# Tuning table of {}\n\n", table.device.name);
    for (name, line) in head(table).into_iter().skip(1) {
        let _ = match name {
            "" => writeln!(text, "- {line}"),
            _ => writeln!(text, "- {name}: {line}"),
        };
    }
    let _ = write!(text, "\n{}", entries(table).to_markdown());
    text
}

fn entries(table: &Table) -> Columns {
    let mut columns = Columns::new(&[
        ("problem", Side::Left),
        ("plan", Side::Left),
        ("us", Side::Right),
        ("+-", Side::Right),
        ("of roofline", Side::Right),
        ("over rule", Side::Right),
        ("runner-up", Side::Right),
        ("tried", Side::Right),
        ("pruned", Side::Right),
    ]);
    for entry in &table.entries {
        let Entry { nanoseconds, interval: [low, high], .. } = *entry;
        let next = entry.runners_up.first();
        let speedup = entry.speedup_over_rule();
        columns.row([
            entry.problem.to_string(),
            entry.plan.to_string(),
            micros(nanoseconds),
            percent(Some((high - low) / 2.0 / nanoseconds)),
            percent(entry.roofline_fraction),
            speedup.map_or("-".to_owned(), |speedup| format!("{speedup:.2}x")),
            next.map_or("-".to_owned(), |next| {
                format!("{:+.1}%", 100.0 * (next.nanoseconds / nanoseconds - 1.0))
            }),
            entry.tried.to_string(),
            entry.pruned.to_string(),
        ]);
    }
    columns
}
