//! `datasets list`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::table::{self, Side};
use crate::catalog::{self, ENTRIES};
use crate::dates::Frequency;
use crate::split::SplitRule;
use crate::synthetic::{self, SyntheticSpec};

/// Show the known data sets, and which of them are on this machine
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  datasets list
  datasets list --dir /mnt/series")]
pub struct ListArgs {
    /// Folder to search before TILEWRIGHT_DATA and ./data
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

pub(super) fn run(args: &ListArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let places = catalog::search_path(args.dir.as_deref());
    let mut rows = vec![row(
        "name",
        ["channels", "rows", "step", "split", "present", "what"].map(str::to_string),
    )];
    for entry in &ENTRIES {
        let present = match entry.locate(&places) {
            Some(path) => path.display().to_string(),
            None => "no".to_string(),
        };
        rows.push(row(
            entry.name,
            [
                table::count(entry.channels),
                table::count(entry.rows),
                entry.step.to_string(),
                entry.rule.to_string(),
                present,
                entry.about.to_string(),
            ],
        ));
    }
    let made = SyntheticSpec::default();
    rows.push(row(
        synthetic::NAME,
        [
            table::count(made.channels),
            table::count(made.rows),
            Frequency::hours(1).to_string(),
            SplitRule::RATIO_70_10_20.to_string(),
            "built in".to_string(),
            "made: daily and weekly waves, drift and noise".to_string(),
        ],
    ));
    use Side::{Left, Right};
    table::write(out, &[Left, Right, Right, Left, Left, Left, Left], &rows)?;
    writeln!(out, "\n`datasets fetch NAME` downloads one; `datasets inspect NAME` looks into it.")?;
    Ok(())
}

fn row(name: &str, cells: [String; 6]) -> Vec<String> {
    std::iter::once(name.to_string()).chain(cells).collect()
}
