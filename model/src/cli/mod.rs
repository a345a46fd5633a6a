//! The command line of `patchtst`, a file for each command.

mod compare;
mod eval;
mod export;
mod find_lr;
mod forecast;
mod predict;
mod seeds;
mod settings;
mod show;
mod step_time;
mod sweep;
mod train;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub use compare::CompareArgs;
pub use eval::EvalArgs;
pub use export::{ExportArgs, ImportArgs};
pub use find_lr::FindLrArgs;
pub use forecast::ForecastArgs;
pub use predict::PredictArgs;
pub use settings::ConfigArgs;
pub use show::ShowArgs;
pub use step_time::StepTimeArgs;
pub use sweep::SweepArgs;
pub use train::TrainArgs;

/// Trains and uses PatchTST, the channel-independent time-series transformer.
#[derive(Debug, Parser)]
#[command(name = "patchtst", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  patchtst train                                   a synthetic series, minutes on two CPU cores
  patchtst train --preset etth1 --device cuda      the paper's ETTh1, horizon 96
  patchtst train --preset etth1 --seeds 5          five seeds, their mean and deviation
  patchtst train --config my.toml --set data.dataset=my.csv
  patchtst train --resume runs/etth1-96-20260101-120000
  patchtst find-lr --preset weather                a learning rate to start with
  patchtst sweep --preset ettm1 --patch-size 12,24,48 --attention vanilla,tuned
  patchtst compare runs/first runs/second --plot losses.png
  patchtst eval --run runs/etth1-96-20260101-120000
  patchtst forecast --run runs/mine --input new.csv --output next.csv --plot next.png
  patchtst train --preset classification data.train=Waves_TRAIN.ts data.test=Waves_TEST.ts
  patchtst predict --run runs/mine --input new.ts --output predictions.csv
  patchtst train --preset pretrain --device cuda   learn to fill hidden patches in, then
  patchtst train --preset finetune train.weights=runs/etth1-96-20260101-120000
  patchtst export --run runs/mine --output mine    as Hugging Face's transformers reads it
  patchtst show --preset traffic
Each command's --help has more.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model; Ctrl-C saves and stops, --resume goes on exactly there
    Train(TrainArgs),
    /// Search a good learning rate in a few steps
    FindLr(FindLrArgs),
    /// Train every combination of some settings: data and compute time apart, speed-ups, errors
    Sweep(Box<SweepArgs>),
    /// Put runs side by side: where their settings differ, errors, seconds, loss curves
    Compare(CompareArgs),
    /// Measure a trained run on its test part: errors under both protocols, or a confusion matrix
    Eval(EvalArgs),
    /// Forecast past the end of a series, in its own units
    Forecast(ForecastArgs),
    /// Say the class of cases, with probabilities, or a number, as it was learned
    Predict(PredictArgs),
    /// Write a run's weights as Hugging Face's transformers reads them
    Export(ExportArgs),
    /// Make a configuration of a model of Hugging Face's transformers, to train or forecast with
    Import(ImportArgs),
    /// Print a configuration, its parameter count and its attention shapes; trains nothing
    Show(ShowArgs),
    /// Measure the time of training steps on made data; prints JSON
    StepTime(StepTimeArgs),
}

/// Tells a person why a command failed: in one line, causes and all, also where `RUST_BACKTRACE` asks
/// for backtraces, which are of panics.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("Error: {error:#}");
    ExitCode::FAILURE
}

/// Runs a command.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Train(args) => train::run(&args),
        Command::FindLr(args) => find_lr::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Forecast(args) => forecast::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Export(args) => export::export(&args),
        Command::Import(args) => export::import(&args),
        Command::Show(args) => show::run(&args),
        Command::StepTime(args) => step_time::run(&args),
    }
}
