//! The command line: `autotune run | show | explain | diff | merge | verify | export | regret | kernel`.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::diff::{DiffArgs, MergeArgs};
use crate::commands::explain::ExplainArgs;
use crate::commands::kernel::KernelArgs;
use crate::commands::lookup_time::LookupTimeArgs;
use crate::commands::regret::RegretArgs;
use crate::commands::run::RunArgs;
use crate::commands::show::{ExportArgs, ShowArgs};
use crate::commands::verify::VerifyArgs;
use crate::commands::{diff, explain, kernel, lookup_time, regret, run as running, show, verify};

const EXAMPLES: &str = "\
Examples:
  autotune run --output my.json                        PatchTST's problems on the first GPU, else the CPU
  autotune run --preset vit --effort quick --budget 10m --output my.json
  autotune show my.json --plot speedup.svg             what is in a table, and a picture of it
  autotune explain --table my.json --seq 42 --head-dim 8 --heads 16 --batch 896
  autotune verify my.json                              does the table still hold?
  autotune diff old.json new.json
  autotune kernel fused_softmax                        tunings of a kernel under #[kernel]
  TILEWRIGHT_TABLE=my.json patchtst train              use a table

Each command has examples of its own: autotune run --help";

/// Measures which attention plan is best on a device, and writes its tuning table.
#[derive(Debug, Parser)]
#[command(name = "autotune", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure plans and write a table
    Run(RunArgs),
    /// Print a table, or draw it
    Show(ShowArgs),
    /// Say which plan a problem gets, where it comes from, and what speaks for it
    Explain(ExplainArgs),
    /// Say where two tables differ
    Diff(DiffArgs),
    /// Make one table of several
    Merge(MergeArgs),
    /// Measure part of a table again; fails if it no longer holds
    Verify(VerifyArgs),
    /// Write a table as Markdown
    Export(ExportArgs),
    /// Measure what the table's answers cost on problems that nobody tuned
    Regret(RegretArgs),
    /// Measure what asking the tables costs a call
    LookupTime(LookupTimeArgs),
    /// Measure the tunings of a whole kernel written under `#[kernel]`
    Kernel(KernelArgs),
}

/// Runs the command line.
///
/// # Errors
///
/// Whatever the command reports.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(args) => running::run(&args),
        Command::Show(args) => show::show(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Merge(args) => diff::merge(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Export(args) => show::export(&args),
        Command::Regret(args) => regret::run(&args),
        Command::LookupTime(args) => lookup_time::run(&args),
        Command::Kernel(args) => kernel::run(&args),
    }
}
