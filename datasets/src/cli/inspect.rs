//! `datasets inspect`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::table::{self, Side};
use crate::catalog;
use crate::inspect::{self, ColumnReport, Report};
use crate::series::{DatePolicy, MissingPolicy, ReadOptions};

/// Show what is in a data set or a CSV: shape, dates, statistics, split
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datasets inspect ETTh1
  datasets inspect weather --context 512 --horizon 720
  datasets inspect my.csv --missing interpolate
  datasets inspect synthetic --json")]
pub struct InspectArgs {
    /// Name of a data set, or path of a CSV whose first column is a date
    #[arg(value_name = "NAME|FILE")]
    pub source: String,
    /// Folder to search before TILEWRIGHT_DATA and ./data
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Rows that a window reads
    #[arg(long, default_value_t = 336)]
    pub context: usize,
    /// Rows that a window predicts
    #[arg(long, default_value_t = 96)]
    pub horizon: usize,
    /// What to do with missing values
    #[arg(long, value_enum, default_value_t = MissingPolicy::Error)]
    pub missing: MissingPolicy,
    /// Show every channel, not only the first and the last few
    #[arg(long)]
    pub all: bool,
    /// Write the report as JSON, with every channel
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &InspectArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let options = ReadOptions { missing: args.missing, dates: DatePolicy::Strict };
    let source = catalog::open(&args.source, args.dir.as_deref(), &options)
        .with_context(|| format!("cannot inspect {}", args.source))?;
    let report = inspect::report(&source, args.context, args.horizon);
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
        return Ok(());
    }
    show(&report, args.all, out)
}

fn show(report: &Report, all: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let place = match &report.path {
        Some(path) => path.display().to_string(),
        None => "built in".to_string(),
    };
    writeln!(out, "{} ({place})", report.name)?;
    writeln!(
        out,
        "  {} rows of {} channels; target {}",
        table::count(report.rows),
        table::count(report.channels),
        report.target
    )?;
    let step = report.step.as_deref().unwrap_or("no step");
    let irregular = match report.irregular_steps {
        0 => String::new(),
        count => format!(", but for {} of them", table::count(count)),
    };
    writeln!(out, "  {} to {}, {step} apart{irregular}", report.first, report.last)?;
    for note in &report.notes {
        writeln!(out, "  note: {note}")?;
    }
    writeln!(
        out,
        "\nsplit {}; windows of context {} and horizon {}",
        report.rule, report.context, report.horizon
    )?;
    if let Some(problem) = &report.problem {
        writeln!(out, "  not possible: {problem}")?;
    } else {
        show_parts(report, out)?;
    }
    writeln!(out)?;
    show_columns(&report.columns, all, out)
}

fn show_parts(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    let header = ["  part", "rows", "from", "to", "windows"].map(str::to_string);
    let mut rows = vec![header.to_vec()];
    for part in &report.parts {
        rows.push(vec![
            format!("  {}", part.part),
            format!("{}..{}", part.start, part.end),
            part.first.clone(),
            part.last.clone(),
            table::count(part.windows),
        ]);
    }
    use Side::{Left, Right};
    table::write(out, &[Left, Right, Left, Left, Right], &rows)?;
    Ok(())
}

fn show_columns(columns: &[ColumnReport], all: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    const HEAD: usize = 20;
    const TAIL: usize = 4;
    let header = ["channel", "mean", "std", "min", "max", "missing"].map(str::to_string);
    let mut rows = vec![header.to_vec()];
    let hidden = if all { 0 } else { columns.len().saturating_sub(HEAD + TAIL) };
    for (index, column) in columns.iter().enumerate() {
        if hidden > 0 && index == HEAD {
            rows.push(vec![format!("... {hidden} more (--all shows them)")]);
        }
        if hidden > 0 && (HEAD..HEAD + hidden).contains(&index) {
            continue;
        }
        rows.push(vec![
            column.name.clone(),
            table::value(column.mean),
            table::value(column.std),
            table::value(column.min),
            table::value(column.max),
            table::count(column.missing),
        ]);
    }
    use Side::{Left, Right};
    table::write(out, &[Left, Right, Right, Right, Right, Right], &rows)?;
    Ok(())
}
