//! `bench-suite paper`: errors of trained runs beside the published ones.

mod published;
mod rows;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use tilewright_patchtst::train::run_folder;

use rows::Paper;

const EXAMPLES: &str = "\
Examples:
  bench-suite paper runs/                                    every run in the folder
  bench-suite paper runs/etth1-* runs/etth2-* --output bench-suite/results/nvidia-h200

Runs that differ in their seed alone are one row: train them with patchtst train --seeds 3. Each is
reported under both protocols: without the last, partial test batch, as the published tables were
made, and on every test window. Written are paper.json and paper.md.";

/// Puts trained runs beside the published table.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PaperArgs {
    /// Folders of runs, or folders that hold some
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Folder of paper.json and paper.md; without it, the tables are printed alone
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// No finished run, runs that are not comparable, files that cannot be read or written.
pub fn run(args: &PaperArgs) -> Result<()> {
    let mut runs = Vec::new();
    for folder in run_folder::find(&args.runs)? {
        match folder.finished()? {
            Some(metrics) => runs.push((folder, metrics)),
            None => eprintln!("{}: not finished, left out", folder.path().display()),
        }
    }
    if runs.is_empty() {
        bail!("no run has finished");
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let paper = Paper::of(&runs, format!("bench-suite {}", arguments.join(" ")))?;
    print!("{}", paper.markdown());
    if let Some(folder) = &args.output {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        write(&folder.join("paper.json"), &(serde_json::to_string_pretty(&paper)? + "\n"))?;
        write(&folder.join("paper.md"), &paper.markdown())?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    tilewright_patchtst::train::report::write_whole(path, text.as_bytes())
}
