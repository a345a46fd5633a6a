//! The parts of CUDA that compile a kernel, without a driver, a GPU or root: NVRTC, ptxas, headers.
//!
//! NVIDIA publishes them on PyPI as wheels, which are archives with nothing to run in them. They
//! lie in the target folder, where nothing else looks for CUDA.

use std::path::{Path, PathBuf};

use crate::workspace::Workspace;
use crate::{Result, shell};

/// One release of CUDA: the compilers, and the headers that CubeCL's text includes. sm_100a needs
/// 12.8; this is the release that the peers in `bench-suite/results` were measured with.
const WHEELS: [&str; 5] = [
    "nvidia-cuda-nvrtc==13.0.88",
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cccl==13.0.85",
];
/// Where the wheels put a toolkit together.
const HOME: &str = "nvidia/cu13";
/// Says what the folder was made from.
const STAMP: &str = "wheels.txt";
/// What makes a toolkit whole for our purposes; one of each row.
const PARTS: [&[&str]; 3] = [
    &["bin/ptxas", "bin/ptxas.exe"],
    &["include/cuda_fp16.h"],
    &[
        "lib64/libnvrtc.so",
        "lib/libnvrtc.so",
        "lib/libnvrtc.so.13",
        "targets/x86_64-linux/lib/libnvrtc.so",
        "targets/sbsa-linux/lib/libnvrtc.so",
        "bin/nvrtc64_130_0.dll",
    ],
];

/// The folder of a toolkit: `CUDA_PATH` if that is one, else the wheels, fetched once.
pub fn ensure(workspace: &Workspace, runner: &shell::Runner) -> Result<PathBuf> {
    let own = std::env::var_os("CUDA_PATH")
        .map(PathBuf::from)
        .filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = own {
        match missing(&path) {
            None => return Ok(path),
            Some(part) => eprintln!(
                "xtask: CUDA_PATH ({}) has no {part}, so NVIDIA's wheels are used",
                path.display()
            ),
        }
    }
    let folder = workspace.target().join("cuda-tools");
    if !is_current(&folder) {
        fetch(runner, &folder)?;
    }
    Ok(folder.join(HOME))
}

/// The first part of a toolkit that is not there.
fn missing(toolkit: &Path) -> Option<&'static str> {
    PARTS
        .iter()
        .find(|names| !names.iter().any(|name| toolkit.join(name).exists()))
        .map(|names| names[0])
}

fn is_current(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|text| text == WHEELS.join("\n"))
        && missing(&folder.join(HOME)).is_none()
}

/// Fetches the wheels beside `folder` and moves them there when they are whole.
fn fetch(runner: &shell::Runner, folder: &Path) -> Result<()> {
    let python = ["python3", "python"]
        .into_iter()
        .find(|python| shell::answer(python, &["-m", "pip", "--version"]).is_some())
        .ok_or(
            "NVRTC and ptxas come as wheels, for which Python's pip is needed: Debian, Ubuntu: \
             apt-get install python3-pip; or set CUDA_PATH to a CUDA toolkit",
        )?;
    let draft = folder.with_extension(format!("draft-{}", std::process::id()));
    let mut command = runner.command(python);
    command.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    command.args(["--no-deps", "--only-binary", ":all:", "--target"]).arg(&draft).args(WHEELS);
    eprintln!("xtask: fetching NVRTC, ptxas and CUDA's headers from PyPI, 150 MB, once");
    let fetched = runner.require(&mut command).map_err(|error| {
        format!(
            "{error}; if PyPI cannot be reached, set CUDA_PATH to a CUDA toolkit (12.8 or newer)"
        )
    });
    if runner.dry_run {
        return Ok(());
    }
    let installed = fetched.map_err(Into::into).and_then(|()| settle(&draft, folder));
    if installed.is_err() {
        // Half a download is of no use to anybody, and another error is already on its way.
        let _ = std::fs::remove_dir_all(&draft);
    }
    installed
}

/// Checks a draft, stamps it and makes it the folder.
fn settle(draft: &Path, folder: &Path) -> Result<()> {
    if let Some(part) = missing(&draft.join(HOME)) {
        return Err(format!(
            "the wheels have no {HOME}/{part} for this machine; set CUDA_PATH to a CUDA toolkit"
        )
        .into());
    }
    let failed =
        |path: &Path, error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let stamp = draft.join(STAMP);
    std::fs::write(&stamp, WHEELS.join("\n")).map_err(|error| failed(&stamp, error))?;
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    std::fs::rename(draft, folder).map_err(|error| failed(folder, error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Scratch;

    fn touch(file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }

    fn fill(toolkit: &Path) {
        for names in PARTS {
            touch(&toolkit.join(names[0]));
        }
    }

    #[test]
    fn the_missing_part_of_a_toolkit_is_named() {
        let scratch = Scratch::new("toolkit");
        assert_eq!(missing(&scratch.0), Some("bin/ptxas"));
        touch(&scratch.0.join("bin/ptxas"));
        assert_eq!(missing(&scratch.0), Some("include/cuda_fp16.h"));
        fill(&scratch.0);
        assert_eq!(missing(&scratch.0), None);
    }

    #[test]
    fn a_draft_becomes_the_folder_only_when_it_is_whole() {
        let scratch = Scratch::new("draft");
        let (draft, folder) = (scratch.0.join("draft"), scratch.0.join("cuda-tools"));
        touch(&draft.join("something"));
        assert!(settle(&draft, &folder).is_err_and(|error| error.to_string().contains("ptxas")));
        assert!(!is_current(&folder));
        fill(&draft.join(HOME));
        settle(&draft, &folder).unwrap();
        assert!(is_current(&folder) && !draft.exists());
    }

    #[test]
    fn other_versions_are_fetched_again() {
        let scratch = Scratch::new("versions");
        fill(&scratch.0.join(HOME));
        std::fs::write(scratch.0.join(STAMP), WHEELS.join("\n")).unwrap();
        assert!(is_current(&scratch.0));
        std::fs::write(scratch.0.join(STAMP), "nvidia-cuda-nvrtc==12.9.86").unwrap();
        assert!(!is_current(&scratch.0));
    }

    #[test]
    fn the_wheels_are_of_one_release() {
        for wheel in WHEELS {
            let (name, version) = wheel.split_once("==").unwrap();
            assert!(name.starts_with("nvidia-cuda-") && version.starts_with("13.0."), "{wheel}");
        }
    }
}
