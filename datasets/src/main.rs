//! `datasets`: list, inspect, fetch and make benchmark time series.
use clap::Parser;

fn main() -> anyhow::Result<()> {
    tilewright_datasets::cli::run(tilewright_datasets::cli::Cli::parse())
}
