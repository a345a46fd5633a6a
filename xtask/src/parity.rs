//! Parity with Hugging Face's PatchTST: its packages, installed once, and the tests that need them.

use std::path::Path;
use std::process::ExitCode;

use crate::workspace::Workspace;
use crate::{Result, cargo, shell};

/// What `model/tests/reference/huggingface.py` was written for.
const PACKAGES: [&str; 3] = ["transformers==4.57.1", "torch==2.9.1", "safetensors==0.8.0"];
/// Says that all of them are there.
const STAMP: &str = "packages.txt";

pub fn run(workspace: &Workspace, runner: &shell::Runner) -> Result<ExitCode> {
    let python = ["python3", "python"]
        .into_iter()
        .find(|python| shell::answer(python, &["-m", "pip", "--version"]).is_some())
        .ok_or("Python's pip is needed: Debian, Ubuntu: apt-get install python3-pip")?;
    let folder = workspace.target().join("parity");
    if !is_current(&folder) {
        install(runner, python, &folder)?;
    }
    cargo::test_parity(workspace, runner, python, &folder)
}

fn is_current(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|text| text == PACKAGES.join("\n"))
}

fn install(runner: &shell::Runner, python: &str, folder: &Path) -> Result<()> {
    let mut command = runner.command(python);
    command.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    command.args(["--upgrade", "--target"]).arg(folder).args(PACKAGES);
    eprintln!("xtask: fetching PyTorch and transformers from PyPI, about 7 GB on disk, once");
    runner.require(&mut command)?;
    if runner.dry_run {
        return Ok(());
    }
    std::fs::write(folder.join(STAMP), PACKAGES.join("\n"))
        .map_err(|error| format!("cannot write in {}: {error}", folder.display()).into())
}
