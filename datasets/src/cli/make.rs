//! `datasets make`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::table;
use crate::synthetic::{self, SyntheticSpec};

/// Write a made series with known structure as a CSV
#[derive(Args, Debug)]
#[command(after_help = "\
The series has daily and weekly waves of its own size and phase in each channel, a slow drift and
autoregressive noise; the same seed gives the same file.

Examples:
  datasets make data/toy.csv
  datasets make data/wide.csv --rows 20000 --channels 321 --seed 7")]
pub struct MakeArgs {
    /// The file to write; an existing one is replaced when the new one is whole
    pub file: PathBuf,
    /// Rows, an hour apart
    #[arg(long, default_value_t = SyntheticSpec::default().rows)]
    pub rows: usize,
    /// Channels
    #[arg(long, default_value_t = SyntheticSpec::default().channels)]
    pub channels: usize,
    /// Seed of all that is random
    #[arg(long, default_value_t = SyntheticSpec::default().seed)]
    pub seed: u64,
}

pub(super) fn run(args: &MakeArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let spec = SyntheticSpec { rows: args.rows, channels: args.channels, seed: args.seed };
    let series = synthetic::series(&spec).context("cannot make the series")?;
    series.write(&args.file).with_context(|| format!("cannot make {}", args.file.display()))?;
    writeln!(
        out,
        "{}: {} rows of {} channels",
        args.file.display(),
        table::count(series.rows()),
        table::count(series.channels())
    )?;
    Ok(())
}
