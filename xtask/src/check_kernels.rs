//! `cargo xtask check-kernels`: registers and spills of every shipped kernel, without a GPU.

use std::process::ExitCode;

use crate::workspace::Workspace;
use crate::{Result, cargo, cuda_tools, shell};

/// The program that does it.
const BINARY: &str = "bench-suite";

/// Brings the compilers, builds the program and becomes it.
pub fn run(
    workspace: &Workspace,
    runner: &shell::Runner,
    arguments: &[String],
) -> Result<ExitCode> {
    let toolkit = cuda_tools::ensure(workspace, runner)?;
    let program = cargo::build_binary(workspace, runner, BINARY)?;
    let mut command = runner.command(program);
    // By an option and not by CUDA_PATH, which build scripts watch.
    command.arg("check-kernels").arg("--cuda").arg(toolkit);
    command.arg("--cache").arg(workspace.target().join("cuda-tools-cache")).args(arguments);
    // It runs where the user is, so that relative paths mean what they seem to.
    if let Ok(here) = std::env::current_dir() {
        command.current_dir(here);
    }
    runner.become_program(&mut command)
}
