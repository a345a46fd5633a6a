//! `patchtst export` and `patchtst import`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::settings::open_run;
use crate::config::Config;
use crate::train::report::write_whole;
use crate::weights::huggingface;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  patchtst export --run runs/mine --output mine-hf
  python3 -c 'import transformers; transformers.PatchTSTForPrediction.from_pretrained(\"mine-hf\")'")]
pub struct ExportArgs {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    pub run: PathBuf,
    /// A folder for config.json and model.safetensors, as Hugging Face's transformers reads them
    #[arg(long, value_name = "FOLDER")]
    pub output: PathBuf,
}

pub(super) fn export(args: &ExportArgs) -> Result<()> {
    let (_, config, checkpoint) = open_run(&args.run, None, &[])?;
    let device = burn::tensor::Device::flex();
    let model = checkpoint.model(&config, &device)?;
    if model.heads().count() < config.model.heads * config.model.layers {
        bail!("heads were pruned, for which Hugging Face's PatchTST has no counterpart");
    }
    huggingface::save(&model, checkpoint.facts.inputs.len(), &args.output)?;
    println!("config.json and model.safetensors in {}", args.output.display());
    Ok(())
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  patchtst import --input granite-patchtst --output granite.toml
  patchtst train --config granite.toml data.dataset=my.csv     trains on from its weights
  patchtst train --preset etth1 train.weights=checkpoint.pth   the official code's weights")]
pub struct ImportArgs {
    /// A folder with config.json and model.safetensors of Hugging Face's transformers
    #[arg(long, value_name = "FOLDER")]
    pub input: PathBuf,
    /// A configuration whose model is theirs, and whose train.weights names the folder
    #[arg(long, value_name = "TOML")]
    pub output: PathBuf,
}

pub(super) fn import(args: &ImportArgs) -> Result<()> {
    let (model, channels) = huggingface::read_config(&args.input)?;
    let mut config = Config { model, ..Config::default() };
    let folder = args.input.canonicalize().with_context(|| args.input.display().to_string())?;
    config.train.weights = folder.display().to_string();
    config.check()?;
    // That the weights fit is found out here and not at the start of a training.
    let device = burn::tensor::Device::flex();
    let fresh = crate::PatchTst::new(&config.model, channels, 0, &device);
    huggingface::load(fresh, channels, &args.input)?;
    write_whole(&args.output, config.to_toml()?.as_bytes())?;
    println!("a model of {channels} channels in {}", args.output.display());
    Ok(())
}
