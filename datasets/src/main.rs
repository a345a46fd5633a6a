//! `datasets`: list, inspect, fetch and make benchmark time series.
use std::process::ExitCode;

use clap::Parser;
use tilewright_datasets::cli;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In one line, causes and all; returned from here, it would be printed over several.
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
