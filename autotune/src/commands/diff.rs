//! `autotune diff` and `autotune merge`: two tables beside each other, several as one.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use tilewright::table::Table;

use crate::columns::{Columns, Side, percent};
use crate::compare::{Comparison, Pair, Verdict};
use crate::merge::merged;

const DIFF_EXAMPLES: &str = "\
Examples:
  autotune diff old.json new.json
  autotune diff run1.json run2.json --require 90    fails where fewer than 90% agree";

/// What `diff` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = DIFF_EXAMPLES)]
pub struct DiffArgs {
    /// A table's file
    pub first: PathBuf,
    /// Another's
    pub second: PathBuf,
    /// Fail if a smaller part of the problems, in percent, gets the same plan or one within 2%
    #[arg(long, value_name = "PERCENT")]
    pub require: Option<f64>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

const MERGE_EXAMPLES: &str = "\
Examples:
  autotune merge part1.json part2.json part3.json --output my.json

A problem that several tables have is taken from the one measured with most effort, of those from the
newest.";

/// What `merge` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = MERGE_EXAMPLES)]
pub struct MergeArgs {
    /// Tables of one device and the same kernels
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The table to write
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// The outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs `merge`.
///
/// # Errors
///
/// Tables that cannot be read or do not fit together, or a file that cannot be written.
pub fn merge(args: &MergeArgs) -> Result<()> {
    let tables: Result<Vec<Table>, _> = args.files.iter().map(|path| Table::load(path)).collect();
    let table = merged(tables?)?;
    table.check(&args.output)?;
    table.save(&args.output)?;
    match args.json {
        true => println!("{}", json!({ "output": args.output, "entries": table.entries.len() })),
        false => println!("{} entries written to {}", table.entries.len(), args.output.display()),
    }
    Ok(())
}

/// Runs `diff`.
///
/// # Errors
///
/// Tables that cannot be read, or less agreement than required.
pub fn diff(args: &DiffArgs) -> Result<()> {
    let (first, second) = (Table::load(&args.first)?, Table::load(&args.second)?);
    let comparison = Comparison::of(&first, &second);
    let agreement = comparison.agreement();
    if args.json {
        let mut value = serde_json::to_value(&comparison)?;
        value["agreement"] = agreement.into();
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print!("{}", text(&first, &second, &comparison));
    }
    let reached = agreement.map_or(0.0, |agreement| 100.0 * agreement);
    if let Some(required) = args.require.filter(|required| reached < *required) {
        bail!("the tables agree on {reached:.1}% of the problems, and {required}% are required");
    }
    Ok(())
}

fn text(first: &Table, second: &Table, comparison: &Comparison) -> String {
    let mut text = String::new();
    for (what, a, b) in [
        ("devices", &first.device.name, &second.device.name),
        ("drivers", &first.device.driver, &second.device.driver),
        ("compilers", &first.device.nvrtc, &second.device.nvrtc),
        ("kernels", &first.kernels, &second.kernels),
    ] {
        if a != b {
            text += &format!("different {what}: {a} and {b}\n");
        }
    }
    let mut columns = Columns::new(&[
        ("problem", Side::Left),
        ("first", Side::Left),
        ("second", Side::Left),
        ("time", Side::Right),
        ("plans", Side::Left),
    ]);
    for Pair { problem, first, second, time_ratio, verdict } in &comparison.pairs {
        let verdict = match verdict {
            Verdict::Same => continue,
            Verdict::Tied => "within 2%".to_owned(),
            Verdict::Slower(lost) => format!("{:.1}% apart", 100.0 * lost),
            Verdict::Unknown => "never measured together".to_owned(),
        };
        let time = format!("{:+.1}%", 100.0 * (time_ratio - 1.0));
        columns.row([problem.to_string(), first.to_string(), second.to_string(), time, verdict]);
    }
    if !columns.is_empty() {
        text += &columns.to_text();
    }
    for (which, problems) in
        [("first", &comparison.only_first), ("second", &comparison.only_second)]
    {
        for problem in problems {
            text += &format!("only in the {which}: {problem}\n");
        }
    }
    let both = comparison.pairs.len();
    let agreement = percent(comparison.agreement());
    text += &format!("{both} problems in both; the same plan or one within 2%: {agreement}\n");
    text
}
