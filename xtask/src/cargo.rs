//! The builds: one profile and one set of features for all of them.
//!
//! CubeCL, Burn and LLVM's bindings cost tens of minutes on two cores, so they must be compiled
//! once and not once per command. Cargo reuses a compiled dependency only where its profile and its
//! features are the same. Hence every command here
//! - uses the release profile, the tests too;
//! - selects `--workspace`, because with `-p` cargo unites the features of that package alone, and
//!   the rest of the tree is compiled again for the difference;
//! - sets no environment variable that a build script watches (CUDA_PATH is one).
//!
//! A dev-dependency can break this as well, if it turns on a feature of something that a heavy
//! dependency uses: those of a proc-macro crate reach the build scripts' side of the tree, which
//! `cargo build` then has in another form than `cargo test`. Keep them few.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use crate::workspace::Workspace;
use crate::{Result, cuda, shell};

const TEST: [&str; 3] = ["test", "--release", "--workspace"];
const CLIPPY: [&str; 4] = ["clippy", "--release", "--workspace", "--all-targets"];

/// `patchtst train`, built first.
pub fn train(
    workspace: &Workspace,
    runner: &shell::Runner,
    arguments: &[String],
) -> Result<ExitCode> {
    if arguments.is_empty() {
        eprintln!(
            "xtask: training PatchTST on the built-in synthetic series; \
             `cargo xtask train -- --help` lists what else can be trained"
        );
    }
    let program = build_binary(workspace, runner, "patchtst")?;
    let mut command = runner.command(program);
    command.arg("train").args(arguments);
    // The program runs where the user is, so that relative paths mean what they seem to.
    if let Ok(here) = std::env::current_dir() {
        command.current_dir(here);
    }
    cuda::Cuda::detect().complete_environment(&mut command);
    runner.become_program(&mut command)
}

/// All tests, documentation tests included: `cargo test` without a target selection runs each once.
pub fn test(
    workspace: &Workspace,
    runner: &shell::Runner,
    filter: Option<&str>,
    arguments: &[String],
) -> Result<ExitCode> {
    announce_first_build(workspace);
    runner.become_program(&mut test_command(runner, filter, arguments))
}

fn test_command(runner: &shell::Runner, filter: Option<&str>, arguments: &[String]) -> Command {
    let mut command = cargo(runner);
    command.args(TEST).args(filter);
    if !arguments.is_empty() {
        command.arg("--").args(arguments);
    }
    command
}

/// The manifest of the crate outside the workspace.
const EXAMPLES: [&str; 2] = ["--manifest-path", "examples/Cargo.toml"];

/// The tests of the crate outside the workspace, built beside the workspace's.
pub fn test_examples(workspace: &Workspace, runner: &shell::Runner) -> Result<ExitCode> {
    announce_first_build(workspace);
    let mut command = outside(workspace, runner);
    runner.become_program(command.args(["test", "--release", "--locked"]).args(EXAMPLES))
}

/// The tests that compare PatchTST with Hugging Face's, by this Python with these packages.
pub fn test_parity(
    workspace: &Workspace,
    runner: &shell::Runner,
    python: &str,
    packages: &std::path::Path,
) -> Result<ExitCode> {
    announce_first_build(workspace);
    let mut command = cargo(runner);
    command.env("TILEWRIGHT_PARITY", python).env("PYTHONPATH", packages);
    command.args(["test", "--release", "--workspace", "--test", "it", "huggingface"]);
    runner.become_program(&mut command)
}

/// Cargo for a crate outside the workspace, in the workspace's target folder.
fn outside(workspace: &Workspace, runner: &shell::Runner) -> Command {
    let mut command = cargo(runner);
    command.env("CARGO_TARGET_DIR", workspace.target());
    command
}

/// Whether all sources are formatted.
pub fn format_check(runner: &shell::Runner) -> Result<bool> {
    let check = |manifest: &[&str]| {
        let mut command = cargo(runner);
        runner.status(command.args(["fmt", "--all", "--check"]).args(manifest))
    };
    let formatted = check(&[])?.success() & check(&EXAMPLES)?.success();
    if !formatted {
        eprintln!("xtask: `cargo fmt --all` repairs the formatting");
    }
    Ok(formatted)
}

pub fn clippy(workspace: &Workspace, runner: &shell::Runner) -> Result<ExitCode> {
    announce_first_build(workspace);
    let status = runner.status(cargo(runner).args(CLIPPY).args(["--", "-D", "warnings"]))?;
    Ok(shell::exit_code(status))
}

/// Builds the release binary `name` and says where it is.
pub fn build_binary(workspace: &Workspace, runner: &shell::Runner, name: &str) -> Result<PathBuf> {
    announce_first_build(workspace);
    let mut command = cargo(runner);
    command.args(["build", "--release", "--workspace", "--bin", name]);
    // Cargo tells where the binary is, whatever target folder or triple is configured.
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    eprintln!("xtask: $ {}", shell::line(&command));
    if runner.dry_run {
        return Ok(workspace.target().join("release").join(name));
    }
    let mut child = command.spawn().map_err(|error| format!("cannot run cargo: {error}"))?;
    let mut executable = None;
    if let Some(messages) = child.stdout.take() {
        for line in BufReader::new(messages).lines().map_while(std::io::Result::ok) {
            executable = executable_in_message(&line, name).or(executable);
        }
    }
    let status = child.wait().map_err(|error| format!("lost track of cargo: {error}"))?;
    if !status.success() {
        return Err(format!(
            "building `{name}` failed; the reason stands above. If it is about LLVM, a compiler \
             or memory, `cargo xtask doctor` tells what to do"
        )
        .into());
    }
    executable.ok_or_else(|| format!("cargo built no binary named `{name}`").into())
}

fn cargo(runner: &shell::Runner) -> Command {
    // Cargo names itself, so that a toolchain chosen for this call holds for the next.
    let mut command = runner.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // `cargo xtask` tells this program where and what it is. Passed on, that would be a change of
    // environment for ring's build script, and ring stands below LLVM's downloader and with it
    // below everything heavy: all would be compiled again in the next clone, or without xtask.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

fn announce_first_build(workspace: &Workspace) {
    let built =
        std::fs::read_dir(workspace.target().join("release/.fingerprint")).is_ok_and(|entries| {
            entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with("burn-dispatch-"))
        });
    if !built {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let minutes = match cores {
            0..=2 => "20 to 45 minutes",
            3..=8 => "5 to 20 minutes",
            _ => "a few minutes",
        };
        eprintln!(
            "xtask: this is a first build of about 400 crates (Burn, CubeCL): expect {minutes} on \
             {cores} core(s). Later builds take seconds to a minute"
        );
    }
}

/// The path of the executable, if this JSON message of cargo's is about the binary `name`.
///
/// Two fields of a stable format are read, which does not justify a JSON parser among the
/// dependencies of a program that has none.
fn executable_in_message(message: &str, name: &str) -> Option<PathBuf> {
    if !message.contains(r#""reason":"compiler-artifact""#)
        || !message.contains(&format!(r#""name":"{name}""#))
    {
        return None;
    }
    let (_, rest) = message.split_once(r#""executable":""#)?;
    let mut path = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(PathBuf::from(path)),
            '\\' => path.push(characters.next()?),
            character => path.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner() -> shell::Runner {
        shell::Runner { root: std::env::temp_dir(), dry_run: true }
    }

    fn words(command: &Command) -> Vec<String> {
        command.get_args().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn tests_and_lints_select_what_the_builds_select() {
        for command in [&TEST[..], &CLIPPY[..]] {
            assert!(command.contains(&"--release") && command.contains(&"--workspace"));
        }
    }

    #[test]
    fn a_filter_stands_before_the_dashes_and_the_programs_arguments_after() {
        let command = test_command(&runner(), Some("mask"), &["--nocapture".into()]);
        assert_eq!(words(&command)[3..], ["mask", "--", "--nocapture"]);
        assert_eq!(words(&test_command(&runner(), None, &[])), TEST);
    }

    #[test]
    fn the_executable_is_read_from_cargos_message() {
        let message = |name: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["bin"],"name":"{name}"}},"executable":{executable},"fresh":true}}"#
            )
        };
        let found = |line: &str| executable_in_message(line, "patchtst");
        assert_eq!(
            found(&message("patchtst", r#""/t a/release/patchtst""#)),
            Some(PathBuf::from("/t a/release/patchtst"))
        );
        assert_eq!(
            found(&message("patchtst", r#""C:\\t\\patchtst.exe""#)),
            Some(PathBuf::from(r"C:\t\patchtst.exe"))
        );
        assert_eq!(found(&message("autotune", r#""/t/release/autotune""#)), None);
        assert_eq!(found(&message("patchtst", "null")), None);
        assert_eq!(found(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(found("a line that a build script printed"), None);
    }
}
