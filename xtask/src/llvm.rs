//! LLVM for CubeCL.
//!
//! CubeCL 0.11 links the LLVM that the build script of `tracel-llvm-bundler` downloads from GitHub
//! into the user's data folder. Where GitHub cannot be reached that build stops. The bundler asks
//! only two things of the folder, a sentinel file and `bin/llvm-config`, so a small script that
//! hands its questions to an installed LLVM stands in for the download.

mod debian;
mod network;
mod search;

use std::path::{Path, PathBuf};

use crate::args::LlvmChoice;
use crate::workspace::{Workspace, data_local_dir};
use crate::{Result, shell};

/// The package whose version names the folder.
const BUNDLER: &str = "tracel-llvm-bundler";
/// With this file there, the bundler downloads nothing.
const SENTINEL: &str = ".tracel-llvm-installed";
/// The major version of LLVM that was tried as a stand-in, besides the bundle's own.
const TRIED_MAJOR: u32 = 22;

/// What the bundler's folder holds.
#[derive(Debug, PartialEq)]
pub enum State {
    /// No sentinel: the bundler would download.
    Missing,
    /// The real thing.
    Download,
    /// Our script, and whether what it points at still works.
    StandIn(std::result::Result<(), String>),
    /// A sentinel without an `llvm-config`: neither the bundler nor this program would repair it.
    Damaged,
}

/// The bundler's folder and the version that it is for.
pub struct Bundle {
    pub folder: PathBuf,
    pub version: String,
}

impl Bundle {
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let version = workspace.locked_version(BUNDLER)?;
        Ok(Self::under(&data_local_dir()?, version))
    }

    fn under(data: &Path, version: String) -> Self {
        Self { folder: data.join("tracel").join(format!("tracel-llvm-{version}")), version }
    }

    /// The major versions of LLVM that may stand in, in order of preference.
    pub fn majors(&self) -> Vec<u32> {
        let own = self.version.split('.').next().and_then(|major| major.parse().ok());
        std::iter::once(TRIED_MAJOR).chain(own.filter(|own| *own != TRIED_MAJOR)).collect()
    }

    fn llvm_config(&self) -> PathBuf {
        self.folder.join("bin/llvm-config")
    }

    pub fn state(&self) -> State {
        if !self.folder.join(SENTINEL).exists() {
            return State::Missing;
        }
        let program = self.llvm_config();
        match std::fs::read(&program) {
            Ok(text) if is_script(&text) => State::StandIn(search::check(&program, &self.majors())),
            Ok(_) => State::Download,
            // The bundle for Windows carries its suffix, and a stand-in is never made there.
            Err(_) if program.with_extension("exe").exists() => State::Download,
            Err(_) => State::Damaged,
        }
    }

    /// Writes the stand-in: the script first and the sentinel last, so that whoever sees the
    /// sentinel sees a whole stand-in.
    fn write_stand_in(&self, target: &Path) -> Result<()> {
        let program = self.llvm_config();
        if std::fs::read(&program).is_ok_and(|text| !is_script(&text)) {
            return Err(format!(
                "{} holds a part of a download; delete that folder, then run this again",
                self.folder.display()
            )
            .into());
        }
        let failed = |what: &Path, error: std::io::Error| {
            format!("cannot write {}: {error}", what.display())
        };
        let bin = self.folder.join("bin");
        std::fs::create_dir_all(&bin).map_err(|error| failed(&bin, error))?;
        let draft = bin.join(format!(".llvm-config.{}", std::process::id()));
        std::fs::write(&draft, stand_in(target)).map_err(|error| failed(&draft, error))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let executable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&draft, executable).map_err(|error| failed(&draft, error))?;
        }
        std::fs::rename(&draft, &program).map_err(|error| failed(&program, error))?;
        let sentinel = self.folder.join(SENTINEL);
        std::fs::write(&sentinel, "").map_err(|error| failed(&sentinel, error).into())
    }

    /// Takes a stand-in away, so that the bundler downloads. Leaves everything else alone.
    fn remove_stand_in(&self) -> Result<()> {
        for file in [self.folder.join(SENTINEL), self.llvm_config()] {
            std::fs::remove_file(&file)
                .map_err(|error| format!("cannot remove {}: {error}", file.display()))?;
        }
        Ok(())
    }
}

/// Makes sure that the build finds an LLVM, or can download one.
pub fn ensure(workspace: &Workspace, runner: &shell::Runner, choice: &LlvmChoice) -> Result<()> {
    let bundle = Bundle::of(workspace)?;
    let place = bundle.folder.display();
    match (bundle.state(), choice) {
        (State::Download, _) => return Ok(()),
        (State::StandIn(Ok(())), LlvmChoice::Auto | LlvmChoice::System) => return Ok(()),
        (State::StandIn(_), LlvmChoice::Download) => {
            eprintln!("xtask: removing the stand-in for LLVM in {place}; the build downloads it");
            return if runner.dry_run { Ok(()) } else { bundle.remove_stand_in() };
        }
        (State::Missing, LlvmChoice::Download) => return Ok(()),
        (State::Damaged, _) => {
            return Err(format!(
                "{place} claims to hold LLVM but has no bin/llvm-config; delete that folder, then \
                 run this again"
            )
            .into());
        }
        (State::StandIn(Err(reason)), _) => {
            eprintln!("xtask: the stand-in for LLVM in {place} no longer works: {reason}");
        }
        (State::StandIn(Ok(())), LlvmChoice::Config(_)) => {}
        (State::Missing, LlvmChoice::Auto) => match network::download_reachable() {
            Ok(()) => {
                eprintln!("xtask: LLVM {} is missing; the build downloads it", bundle.version);
                return Ok(());
            }
            Err(reason) => eprintln!(
                "xtask: LLVM {} is missing and cannot be downloaded ({reason}); using an installed \
                 LLVM instead",
                bundle.version
            ),
        },
        (State::Missing, _) => {}
    }

    let Some(target) = provide(&bundle, runner, choice)? else { return Ok(()) };
    eprintln!("xtask: {} stands in for the LLVM bundle, by {place}", target.display());
    if runner.dry_run {
        return Ok(());
    }
    bundle.write_stand_in(&target)?;
    match bundle.state() {
        State::StandIn(Ok(())) => Ok(()),
        State::StandIn(Err(reason)) => Err(format!("the stand-in does not work: {reason}").into()),
        state => Err(format!("{place} changed under our hands ({state:?}); try again").into()),
    }
}

/// Finds an `llvm-config` that can stand in, installing one if need be. `None` only in a dry run.
fn provide(
    bundle: &Bundle,
    runner: &shell::Runner,
    choice: &LlvmChoice,
) -> Result<Option<PathBuf>> {
    let majors = bundle.majors();
    if let LlvmChoice::Config(path) = choice {
        let path = std::path::absolute(path)
            .map_err(|error| format!("--llvm-config {}: {error}", path.display()))?;
        search::check(&path, &majors)
            .map_err(|reason| format!("--llvm-config {}: {reason}", path.display()))?;
        return Ok(Some(path));
    }
    match search::find(&majors) {
        Ok(found) => return Ok(Some(found)),
        Err(rejected) => rejected.iter().for_each(|reason| eprintln!("xtask: not used: {reason}")),
    }
    debian::install(runner, TRIED_MAJOR)?;
    if runner.dry_run {
        return Ok(None);
    }
    search::find(&majors).map(Some).map_err(|rejected| {
        format!("the packages are installed, yet no LLVM is usable: {}", rejected.join("; ")).into()
    })
}

fn is_script(text: &[u8]) -> bool {
    text.starts_with(b"#!")
}

/// The script that answers for `target`.
///
/// The bundler turns each system library into `-l<file stem>`, which suits `-lz3` but not the full
/// path that Debian's llvm-config gives for it: `/usr/lib/.../libz3.so` would become `-llibz3`.
fn stand_in(target: &Path) -> String {
    let target = shell::quote(&target.to_string_lossy());
    format!(
        "#!/bin/sh\n\
         # Written by `cargo xtask`: an installed LLVM stands in for the downloaded bundle. To\n\
         # have the download instead, run `cargo xtask setup --llvm download`.\n\
         answer=$({target} \"$@\") || exit $?\n\
         printf '%s\\n' \"$answer\" |\n    \
         sed -E 's#/[^ ]*/lib([^ /]+)\\.(so|dylib|tbd)[0-9.]*#-l\\1#g'\n"
    )
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
