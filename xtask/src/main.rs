//! `cargo xtask`: set-up and everyday commands.
//!
//! This program has no dependencies besides the standard library, on purpose: `cargo xtask` builds
//! it first, and a newcomer should see help in seconds, not after the heavy build that it prepares.

mod args;
mod bundle;
mod cargo;
mod check_kernels;
mod cuda;
mod cuda_tools;
mod doctor;
mod help;
mod llvm;
mod machine;
mod parity;
mod shell;
mod workspace;

use std::process::ExitCode;

/// Errors here are read by people, never matched on: a sentence that says what to do is enough.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The exit code for a command line that makes no sense, as most Unix tools have it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let invocation = match args::parse(std::env::args().skip(1)) {
        Ok(invocation) => invocation,
        Err(message) => {
            eprintln!("xtask: {message}");
            return ExitCode::from(USAGE);
        }
    };
    match run(&invocation) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(invocation: &args::Invocation) -> Result<ExitCode> {
    use args::Command;
    if let Command::Help(topic) = &invocation.command {
        print!("{}", help::text(topic.as_deref()));
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = workspace::Workspace::find()?;
    let runner = shell::Runner { root: workspace.root.clone(), dry_run: invocation.dry_run };
    let prepare = || llvm::ensure(&workspace, &runner, &invocation.llvm);
    match &invocation.command {
        Command::Help(_) => Ok(ExitCode::SUCCESS),
        Command::Setup => prepare().map(|()| ExitCode::SUCCESS),
        Command::Train { arguments } => {
            prepare()?;
            cargo::train(&workspace, &runner, arguments)
        }
        Command::Test { filter, arguments } => {
            prepare()?;
            cargo::test(&workspace, &runner, filter.as_deref(), arguments)
        }
        Command::Examples => {
            prepare()?;
            cargo::test_examples(&workspace, &runner)
        }
        Command::Parity => {
            prepare()?;
            parity::run(&workspace, &runner)
        }
        Command::Lint => {
            // Formatting needs no build, so its complaint comes first.
            let formatted = cargo::format_check(&runner)?;
            prepare()?;
            let clean = cargo::clippy(&workspace, &runner)?;
            Ok(if formatted { clean } else { ExitCode::FAILURE })
        }
        Command::CheckKernels { arguments } => {
            prepare()?;
            check_kernels::run(&workspace, &runner, arguments)
        }
        Command::Explain { arguments } => {
            prepare()?;
            check_kernels::explain(&workspace, &runner, arguments)
        }
        Command::Doctor { strict } => Ok(doctor::run(&workspace, *strict)),
        Command::Bundle { output } => {
            prepare()?;
            bundle::run(&workspace, &runner, output.as_deref())
        }
    }
}
