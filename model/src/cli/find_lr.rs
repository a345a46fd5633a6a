//! `patchtst find-lr`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::settings::ConfigArgs;
use crate::data::Data;
use crate::train::lr_finder::Search;
use crate::{out_of_memory, plot, runtime};

const EXAMPLES: &str = "\
Examples:
  patchtst find-lr --preset etth1
  patchtst find-lr --preset weather --device cuda --steps 200 --output lr-weather
  patchtst find-lr --config my.toml --json

Trains a fresh model for a few steps while the rate grows, and suggests the rate in the middle of the
longest fall of the loss. Writes find-lr.csv, find-lr.svg and find-lr.png. The run itself is then
started with patchtst train ... train.learning_rate=RATE.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct FindLrArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The lowest rate
    #[arg(long, default_value_t = 1e-7)]
    pub from: f64,
    /// The highest rate; a loss that runs away ends the search before
    #[arg(long, default_value_t = 10.0)]
    pub to: f64,
    /// Steps to train
    #[arg(long, default_value_t = 100)]
    pub steps: usize,
    /// Folder of the files; default: a folder beside the runs
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &FindLrArgs) -> Result<()> {
    let config = args.config.load()?;
    let data = Data::open(&config)?;
    let runtime = runtime::open(&config)?;
    let search = Search { from: args.from, to: args.to, steps: args.steps };
    let bar = ProgressBar::new(args.steps as u64);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let found = out_of_memory::advise(&config, || {
        search.run(&config, &data, &runtime, |step, reading| {
            bar.set_position(step as u64 + 1);
            bar.set_message(format!("rate {:.1e} loss {:.4}", reading.learning_rate, reading.loss));
        })
    });
    bar.finish_and_clear();
    let found = found?;
    let folder = args.output.clone().unwrap_or_else(|| {
        let name = format!("find-lr-{}-{}", data.name(), config.purpose());
        Path::new(&config.runtime.runs).join(name)
    });
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    found.write_csv(&folder.join("find-lr.csv"))?;
    let title = format!("Learning rates, {} on {}", data.name(), runtime.name);
    plot::save_both(&found.picture(title), &folder.join("find-lr.svg"))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    println!("suggested  train.learning_rate={:.2e} (middle of the longest fall)", found.valley);
    println!("steepest   {:.2e}", found.steepest);
    match (found.diverged, found.readings.last()) {
        (true, Some(last)) => println!("ran away   at {:.2e}", last.learning_rate),
        _ => println!("did not run away up to {:.2e}", args.to),
    }
    println!("files      {}", folder.join("find-lr.{csv,svg,png}").display());
    Ok(())
}
