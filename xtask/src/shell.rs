//! Running other programs, and saying so.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Output, Stdio};

use crate::Result;

/// Runs programs in the workspace's root, or only shows them.
pub struct Runner {
    pub root: PathBuf,
    pub dry_run: bool,
}

impl Runner {
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Shows the command, runs it with this terminal, waits.
    pub fn status(&self, command: &mut Command) -> Result<ExitStatus> {
        self.show(command);
        if self.dry_run {
            return Ok(ExitStatus::default());
        }
        command.status().map_err(|error| not_started(command, &error).into())
    }

    /// As [`Runner::status`], where failure is an error.
    pub fn require(&self, command: &mut Command) -> Result<()> {
        let status = self.status(command)?;
        if status.success() {
            return Ok(());
        }
        Err(format!("`{}` failed ({status})", line(command)).into())
    }

    /// Shows the command and runs it as the last thing that this program does.
    ///
    /// On Unix this program becomes the other one, so that an interrupt reaches it alone (training
    /// saves a checkpoint then) and its exit code needs no translation.
    pub fn become_program(&self, command: &mut Command) -> Result<ExitCode> {
        self.show(command);
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            let error = command.exec();
            Err(not_started(command, &error).into())
        }
        #[cfg(not(unix))]
        {
            let status = command.status().map_err(|error| not_started(command, &error))?;
            Ok(exit_code(status))
        }
    }

    fn show(&self, command: &Command) {
        eprintln!("xtask: $ {}", line(command));
    }
}

/// The exit code to leave with after a program that ended like this.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        // As shells have it.
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    }
    match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    }
}

/// What a program prints, if it starts and succeeds; for questions whose answer may be missing.
pub fn answer(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = silent(program, arguments)?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What became of a program run without a terminal, or `None` where it cannot be started.
pub fn silent(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()
}

/// Looks for a program as a shell would.
pub fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    file.is_file()
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("cannot run `{}`: {error}", command.get_program().to_string_lossy())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    // Cargo hands down its full path, which nobody types.
    let program = command.get_program();
    let cargo = std::env::var_os("CARGO").is_some_and(|cargo| cargo == program);
    std::iter::once(if cargo { OsStr::new("cargo") } else { program })
        .chain(command.get_args())
        .map(|word| quote(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Quotes a word for a POSIX shell, where it needs it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_would_split_them() {
        assert_eq!(quote("--release"), "--release");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn a_missing_program_has_no_answer() {
        assert_eq!(answer("surely-no-such-program", &[]), None);
        assert_eq!(in_path("surely-no-such-program"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_dry_run_runs_nothing_and_a_real_one_reports_failure() {
        let root = std::env::temp_dir();
        let dry = Runner { root: root.clone(), dry_run: true };
        assert!(dry.require(&mut dry.command("false")).is_ok());
        let real = Runner { root, dry_run: false };
        let error = real.require(&mut real.command("false")).unwrap_err().to_string();
        assert!(error.contains("`false` failed"), "{error}");
        assert!(real.require(&mut real.command("surely-no-such-program")).is_err());
    }
}
