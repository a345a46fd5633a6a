//! `cargo xtask check-kernels` and `explain`: registers and spills without a GPU.

use std::process::ExitCode;

use crate::workspace::Workspace;
use crate::{Result, cargo, cuda_tools, shell};

/// The program that does it.
const BINARY: &str = "bench-suite";

/// Of every shipped kernel.
pub fn run(
    workspace: &Workspace,
    runner: &shell::Runner,
    arguments: &[String],
) -> Result<ExitCode> {
    become_program(workspace, runner, "check-kernels", arguments)
}

/// Of the kernels of one call.
pub fn explain(
    workspace: &Workspace,
    runner: &shell::Runner,
    arguments: &[String],
) -> Result<ExitCode> {
    let list = ["list".to_owned()];
    let arguments = if arguments.is_empty() { &list } else { arguments };
    become_program(workspace, runner, "explain", arguments)
}

/// Brings the compilers, builds the program and becomes it.
fn become_program(
    workspace: &Workspace,
    runner: &shell::Runner,
    name: &str,
    arguments: &[String],
) -> Result<ExitCode> {
    let toolkit = cuda_tools::ensure(workspace, runner)?;
    let program = cargo::build_binary(workspace, runner, BINARY)?;
    let mut command = runner.command(program);
    // By an option and not by CUDA_PATH, which build scripts watch.
    command.arg(name).arg("--cuda").arg(toolkit);
    command.arg("--cache").arg(workspace.target().join("cuda-tools-cache")).args(arguments);
    // It runs where the user is, so that relative paths mean what they seem to.
    if let Ok(here) = std::env::current_dir() {
        command.current_dir(here);
    }
    runner.become_program(&mut command)
}
