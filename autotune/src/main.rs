//! `autotune`: measures attention plans and writes tuning tables.
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match tilewright_autotune::run(tilewright_autotune::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
