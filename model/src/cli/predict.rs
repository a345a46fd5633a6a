//! `patchtst predict`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::settings::open_trained;
use crate::data::ts::TsFile;
use crate::predict::Predictor;
use crate::{out_of_memory, runtime};

const EXAMPLES: &str = "\
Examples:
  patchtst predict --run runs/mine --input new.ts --output predictions.csv
  patchtst predict --checkpoint best/checkpoint.safetensors --input new.ts --output predictions.csv

The input is a .ts file with the dimensions and the length that the model was trained on; it need not
hold labels (@classLabel false), and those that it holds are not looked at. The output has a line for
each case: the likeliest class and the probability of each, or the number that is predicted.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PredictArgs {
    /// The run's folder
    #[arg(long, value_name = "RUN", required_unless_present = "checkpoint")]
    pub run: Option<PathBuf>,
    /// A checkpoint, with its run's config.toml beside it
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub checkpoint: Option<PathBuf>,
    /// The cases
    #[arg(long, value_name = "TS")]
    pub input: PathBuf,
    /// Where the predictions go
    #[arg(long, value_name = "CSV")]
    pub output: PathBuf,
    /// auto, cpu, cuda or cuda:1
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

pub(super) fn run(args: &PredictArgs) -> Result<()> {
    let (config, checkpoint) =
        open_trained(args.run.as_deref(), args.checkpoint.as_deref(), args.device.as_deref())?;
    let file = TsFile::read(&args.input)?;
    let runtime = runtime::open(&config)?;
    let predictor = Predictor::new(&config, &checkpoint, &runtime.device)?;
    let predictions = out_of_memory::advise(&config, || predictor.predict(&file))?;
    predictions.write_csv(&args.output)?;
    println!("{} cases in {}", predictions.cases(), args.output.display());
    Ok(())
}
