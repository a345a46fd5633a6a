//! The command line: `datasets list | inspect | fetch | make`.
//!
//! [`Cli`] is also a set of arguments that another program can take as a subcommand:
//!
//! ```
//! #[derive(clap::Subcommand)]
//! enum Command {
//!     /// Data sets: list, inspect, fetch, make
//!     Data(tilewright_datasets::cli::Cli),
//! }
//! ```

use std::io::{self, Write};

use clap::{Parser, Subcommand};

mod fetch;
mod inspect;
mod list;
mod make;
mod table;

pub use fetch::FetchArgs;
pub use inspect::InspectArgs;
pub use list::ListArgs;
pub use make::MakeArgs;

/// Benchmark time series: list, inspect, fetch, make
#[derive(Debug, Parser)]
#[command(
    name = "datasets",
    version,
    about = "Benchmark time series: list, inspect, fetch, make",
    after_help = "\
Data sets are searched in --dir, in the folder that TILEWRIGHT_DATA names, and in ./data,
directly or in sub-folders such as ETT-small/ETTh1.csv.

Examples:
  datasets list
  datasets fetch ETTh1 ETTm1
  datasets inspect ETTh1 --context 336 --horizon 96
  datasets make data/toy.csv --rows 2000 --channels 3"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the known data sets, and which of them are on this machine
    List(ListArgs),
    /// Show what is in a data set or a CSV: shape, dates, statistics, split
    Inspect(InspectArgs),
    /// Download data sets, verified by their sums; continues what was broken off
    Fetch(FetchArgs),
    /// Write a made series with known structure as a CSV
    Make(MakeArgs),
}

/// Runs a command, with its results on standard output.
///
/// # Errors
///
/// Whatever went wrong, with what was being done.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let done = run_to(cli, &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        // `datasets list | head` closes the pipe early; that is no failure.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        done => done,
    }
}

/// Runs a command, with its results on `out`; progress and warnings go to standard error.
///
/// # Errors
///
/// As [`run`].
pub fn run_to(cli: Cli, out: &mut dyn Write) -> anyhow::Result<()> {
    match cli.command {
        Command::List(args) => list::run(&args, out),
        Command::Inspect(args) => inspect::run(&args, out),
        Command::Fetch(args) => fetch::run(&args, out),
        Command::Make(args) => make::run(&args, out),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
