//! `patchtst step-time`.

use anyhow::Result;
use clap::Args;

use super::settings::ConfigArgs;
use crate::{out_of_memory, step_time};

const EXAMPLES: &str = "\
Examples:
  patchtst step-time --preset ettm1 --device cuda
  patchtst step-time --preset traffic --channels 862 --steps 20 model.attention=vanilla
  patchtst step-time --preset traffic --channels 862 --steps 20 model.precision=bf16";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StepTimeArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Windows in a batch; default: the preset's
    #[arg(long)]
    pub batch: Option<usize>,
    /// Channels of each window
    #[arg(long, default_value_t = 7)]
    pub channels: usize,
    /// Steps to measure
    #[arg(long, default_value_t = 50)]
    pub steps: usize,
}

pub(super) fn run(args: &StepTimeArgs) -> Result<()> {
    let mut config = args.config.load()?;
    if let Some(batch) = args.batch {
        config.train.batch_size = batch;
    }
    config.check()?;
    let preset = args.config.preset.clone().unwrap_or_else(|| "custom".into());
    let result = out_of_memory::advise(&config, || {
        step_time::measure(&preset, &config, args.channels, args.steps.max(1))
    })?;
    println!("{}", serde_json::to_string_pretty(&result)?);
    Ok(())
}
