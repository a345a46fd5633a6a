//! `patchtst compare`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::compare::Comparison;
use crate::plot;
use crate::train::run_folder;

const EXAMPLES: &str = "\
Examples:
  patchtst compare runs/tuned runs/vanilla
  patchtst compare runs/sweep-etth1-patch_size --plot losses.png     every run in the folder
  patchtst compare runs/a runs/b runs/c --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Folders of runs; a folder that holds runs stands for all of them
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Draws the validation losses of all runs: a file ending in .svg or .png
    #[arg(long, value_name = "PICTURE")]
    pub plot: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &CompareArgs) -> Result<()> {
    if let Some(plot) = &args.plot {
        plot::check_name(plot)?;
    }
    let comparison = Comparison::of(&run_folder::find(&args.runs)?)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        print!("{}", comparison.table().text());
        if comparison.has_published() {
            println!("* without the last test batch, as the published tables were made");
        }
    }
    if let Some(plot) = &args.plot {
        plot::save(&comparison.picture(), plot)?;
        eprintln!("plot in {}", plot.display());
    }
    Ok(())
}
