//! `patchtst forecast`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::settings::open_run;
use crate::{forecast, runtime};

#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    pub run: PathBuf,
    /// A CSV whose first column is a date; without it, the run's own series
    #[arg(long, value_name = "CSV")]
    pub input: Option<PathBuf>,
    /// Where the forecast goes
    #[arg(long, value_name = "CSV")]
    pub output: PathBuf,
    /// Draws the forecast behind the end of its context
    #[arg(long, value_name = "SVG")]
    pub plot: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:1
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

pub(super) fn run(args: &ForecastArgs) -> Result<()> {
    let (_, config, checkpoint) = open_run(&args.run, args.device.as_deref(), &[])?;
    let runtime = runtime::open(&config.runtime)?;
    let forecast =
        forecast::forecast(&config, &checkpoint, args.input.as_deref(), &runtime.device)?;
    forecast.write_csv(&args.output)?;
    println!(
        "{} rows of {} channels in {}",
        config.model.horizon,
        forecast.columns.len(),
        args.output.display()
    );
    if let Some(plot) = &args.plot {
        forecast.draw(plot)?;
        println!("plot in {}", plot.display());
    }
    Ok(())
}
