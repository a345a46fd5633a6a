//! The command line: `bench-suite attention | conformance | explain | kernels | paper | step-time`, and the other programs.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::attention::{self, AttentionArgs};
use crate::check_kernels::{self, CheckKernelsArgs};
use crate::conformance::{self, ConformanceArgs};
use crate::explain::{self, ExplainArgs};
use crate::kernels::{self, KernelsArgs};
use crate::paper::{self, PaperArgs};

const EXAMPLES: &str = "\
Examples:
  bench-suite conformance                          does this device compute attention right?
  bench-suite attention                            every shape
  bench-suite attention --peers --output results/  beside PyTorch's, in one run
  bench-suite attention --shapes B896H16S42D8 --dtype bf16 --plans all --output results/
  bench-suite explain softcap --param cap=30 --seq 42 --head-dim 8
  bench-suite kernels --output results/            kernels under #[kernel], every tuning
  bench-suite paper runs/ --output results/        trained runs beside the published table
  bench-suite step-time --preset ettm1 --channels 7
  bench-suite autotune run --output table.json     as the program of that name
Linked or copied under the name patchtst, autotune or datasets, it is that program.";

/// Measures Tilewright, and carries all of its programs in one file.
#[derive(Debug, Parser)]
#[command(name = "bench-suite", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Device time of attention, forward and backward, beside what memory bandwidth allows
    Attention(AttentionArgs),
    /// Compile the kernels of every shipped plan without a GPU; fails where one spills
    CheckKernels(CheckKernelsArgs),
    /// Compare every variant, layout, element type and plan with the f64 reference
    Conformance(ConformanceArgs),
    /// A variant's function, its derivative, plan, mask and kernels, without a GPU
    Explain(ExplainArgs),
    /// Device time of whole kernels under `#[kernel]`, beside what memory bandwidth allows
    Kernels(KernelsArgs),
    /// Errors of trained runs beside the published ones
    Paper(PaperArgs),
    /// Time of PatchTST's training step
    StepTime(tilewright_patchtst::cli::StepTimeArgs),
    /// The program `patchtst`
    Patchtst(tilewright_patchtst::cli::Cli),
    /// The program `autotune`
    Autotune(Box<tilewright_autotune::Cli>),
    /// The program `datasets`
    Datasets(tilewright_datasets::cli::Cli),
}

/// Runs the command line.
///
/// # Errors
///
/// Whatever the command reports.
pub fn run(cli: Cli) -> Result<()> {
    use tilewright_patchtst::cli as patchtst;
    match cli.command {
        Command::Attention(args) => attention::run(&args),
        Command::CheckKernels(args) => check_kernels::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Kernels(args) => kernels::run(&args),
        Command::Paper(args) => paper::run(&args),
        Command::StepTime(args) => {
            patchtst::run(patchtst::Cli { command: patchtst::Command::StepTime(args) })
        }
        Command::Patchtst(cli) => patchtst::run(cli),
        Command::Autotune(cli) => tilewright_autotune::run(*cli),
        Command::Datasets(cli) => tilewright_datasets::cli::run(cli),
    }
}
