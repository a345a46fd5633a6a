//! `bench-suite`, and under their own names `patchtst`, `autotune` and `datasets`.
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let name = std::env::args_os().next();
    let name = name.as_deref().map(Path::new).and_then(Path::file_stem);
    let ended = match name.and_then(|name| name.to_str()) {
        Some("patchtst") => tilewright_patchtst::cli::run(Parser::parse()),
        Some("autotune") => tilewright_autotune::run(Parser::parse()),
        Some("datasets") => tilewright_datasets::cli::run(Parser::parse()),
        _ => tilewright_bench::run(Parser::parse()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => tilewright_patchtst::cli::report(&error),
    }
}
