//! `cargo xtask doctor`: what is here, what is missing, what to do about it.

use std::process::ExitCode;

use crate::cuda::{Cuda, Library, Loader};
use crate::llvm::{Bundle, State};
use crate::workspace::Workspace;
use crate::{machine, shell};

/// A release build with its tests and lints takes less than this, in GiB.
const DISK: f64 = 12.0;
/// The largest crates take about this much memory for each compiler process, in GiB.
const MEMORY_PER_JOB: f64 = 2.0;

#[derive(Clone, Copy, PartialEq)]
enum Level {
    /// Fine.
    Good,
    /// Worth knowing; building and training on the CPU work without it.
    Note,
    /// Building or running fails without it.
    Missing,
}

struct Finding {
    what: &'static str,
    level: Level,
    found: String,
    /// What to do about it; empty where there is nothing to do.
    remedy: String,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, level: Level::Good, found: found.into(), remedy: String::new() }
    }

    fn note(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, level: Level::Note, found: found.into(), remedy: remedy.into() }
    }

    fn missing(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, level: Level::Missing, found: found.into(), remedy: remedy.into() }
    }
}

pub fn run(workspace: &Workspace, strict: bool) -> ExitCode {
    let cuda = Cuda::detect();
    let loader = Loader::of_this_machine();
    let mut build = vec![rust(workspace), llvm(workspace)];
    build.extend(compilers());
    build.extend(libraries(&loader));
    build.extend(room(workspace));
    build.extend(archivers());
    let gpu = graphics(&cuda);

    let any_missing = build.iter().any(|finding| finding.level == Level::Missing);
    print!("{}", report("Building, and running on the CPU", &build));
    print!("{}", report("Running on an NVIDIA GPU", &gpu));
    println!("{}", verdict(&cuda, any_missing));
    if strict && any_missing { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn report(title: &str, findings: &[Finding]) -> String {
    let mut text = format!("{title}\n");
    for Finding { what, level, found, remedy } in findings {
        let mark = match level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Missing => "MISSING",
        };
        text.push_str(&format!("  {mark:<8}{what:<14}{found}\n"));
        for line in remedy.lines() {
            text.push_str(&format!("{:24}-> {line}\n", ""));
        }
    }
    text.push('\n');
    text
}

fn verdict(cuda: &Cuda, build_is_broken: bool) -> String {
    let device = match (cuda.obstacle(), cuda.gpus.first()) {
        (None, Some(gpu)) if cuda.gpus.len() > 1 => {
            format!("the GPU (the first of {}: {gpu})", cuda.gpus.len())
        }
        (None, Some(gpu)) => format!("the GPU ({gpu})"),
        (obstacle, _) => format!("the CPU, because {}", obstacle.unwrap_or("no GPU was found")),
    };
    let condition = if build_is_broken { "Once what is MISSING is there, a" } else { "A" };
    format!("{condition} training run would use {device}.")
}

fn rust(workspace: &Workspace) -> Finding {
    let needed = std::fs::read_to_string(workspace.root.join("Cargo.toml"))
        .ok()
        .and_then(|manifest| needed_rust(&manifest));
    let update = "rustup update stable, or install Rust through rustup";
    match (shell::answer("rustc", &["--version"]), needed) {
        (None, _) => Finding::missing("Rust", "no rustc", update),
        (Some(version), Some(needed)) if rust_version(&version) < Some(needed) => {
            let found = format!("{version}, but {}.{} is needed", needed.0, needed.1);
            Finding::missing("Rust", found, update)
        }
        (Some(version), _) => Finding::good("Rust", version),
    }
}

/// The workspace's `rust-version`.
fn needed_rust(manifest: &str) -> Option<(u32, u32)> {
    let value = manifest.lines().find_map(|line| line.trim().strip_prefix("rust-version"))?;
    major_minor(value.trim_start_matches([' ', '=', '"']))
}

fn rust_version(answer: &str) -> Option<(u32, u32)> {
    major_minor(answer.split_whitespace().nth(1)?)
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn llvm(workspace: &Workspace) -> Finding {
    let bundle = match Bundle::of(workspace) {
        Ok(bundle) => bundle,
        Err(error) => return Finding::missing("LLVM", error.to_string(), "repair the lock file"),
    };
    let place = bundle.folder.display();
    match bundle.state() {
        State::Download => Finding::good("LLVM", format!("downloaded bundle {}", bundle.version)),
        State::StandIn(Ok(())) => {
            Finding::good("LLVM", format!("installed LLVM, standing in by {place}"))
        }
        State::StandIn(Err(reason)) => {
            Finding::missing("LLVM", format!("a broken stand-in: {reason}"), "cargo xtask setup")
        }
        State::Damaged => Finding::missing(
            "LLVM",
            format!("{place} has no bin/llvm-config"),
            "delete that folder, then: cargo xtask setup",
        ),
        State::Missing => Finding::note(
            "LLVM",
            format!("not there yet ({})", bundle.version),
            "cargo xtask setup; train, test, lint and bundle do it by themselves",
        ),
    }
}

fn compilers() -> Vec<Finding> {
    let install = "Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install";
    [("C compiler", "CC", "cc"), ("C++ compiler", "CXX", "c++")]
        .map(|(what, variable, default)| {
            let program = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
            match shell::answer(&program, &["--version"]) {
                Some(text) => Finding::good(what, text.lines().next().unwrap_or_default()),
                None => Finding::missing(what, format!("no `{program}`"), install),
            }
        })
        .into()
}

/// What the built programs load. macOS brings them with the system, and its loader has no cache
/// to ask.
fn libraries(loader: &Loader) -> Vec<Finding> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    [
        ("zlib", "libz.so.1", "zlib1g"),
        ("zstd", "libzstd.so.1", "libzstd1"),
        ("C++ library", "libstdc++.so.6", "libstdc++6"),
    ]
    .map(|(what, file, package)| match loader.find(&[file], &[]) {
        Some(library) => Finding::good(what, library.file.display().to_string()),
        None => Finding::missing(
            what,
            format!("no {file}"),
            format!("Debian, Ubuntu: apt-get install {package}"),
        ),
    })
    .into()
}

fn room(workspace: &Workspace) -> Vec<Finding> {
    let cores = machine::cores();
    let mut findings = vec![Finding::good("Cores", cores.to_string())];
    findings.extend(machine::available_memory().map(|gib| memory(gib, cores)));
    let target = workspace.target();
    findings.extend(machine::free_disk(&target).map(|gib| {
        let found = format!("{gib:.0} GiB free at {}", target.display());
        if gib >= DISK || target.join("release").exists() {
            return Finding::good("Disk", found);
        }
        let remedy = format!(
            "a full build takes up to {DISK:.0} GiB; make room, or point CARGO_TARGET_DIR at \
             another disk"
        );
        Finding::note("Disk", found, remedy)
    }));
    findings
}

fn memory(gib: f64, cores: usize) -> Finding {
    let found = format!("{gib:.1} GiB available");
    // Rounded down, as a job more than fits is what gets a compiler killed.
    let jobs = ((gib / MEMORY_PER_JOB) as usize).max(1);
    if jobs >= cores {
        return Finding::good("Memory", found);
    }
    let remedy = format!(
        "compilers may be killed for lack of memory; build fewer crates at a time: \
         export CARGO_BUILD_JOBS={jobs}"
    );
    Finding::note("Memory", found, remedy)
}

fn archivers() -> Vec<Finding> {
    let missing: Vec<_> =
        ["tar", "xz"].into_iter().filter(|p| shell::in_path(p).is_none()).collect();
    if missing.is_empty() {
        return vec![Finding::good("Archiving", "tar and xz, for `cargo xtask bundle`")];
    }
    let remedy = "Debian, Ubuntu: apt-get install tar xz-utils; macOS: brew install xz";
    vec![Finding::note("Archiving", format!("no {}", missing.join(", ")), remedy)]
}

fn graphics(cuda: &Cuda) -> Vec<Finding> {
    let driver = match &cuda.driver {
        Some(library) => Finding::good("Driver", library.file.display().to_string()),
        None => Finding::note(
            "Driver",
            "no libcuda.so.1",
            "install NVIDIA's driver; in a container, start it with the GPU (docker: --gpus all)",
        ),
    };
    let mut findings = vec![driver];
    if cuda.gpus.is_empty() {
        findings.push(Finding::note("GPU", "none seen", ""));
    }
    findings.extend(cuda.gpus.iter().map(|gpu| Finding::good("GPU", gpu)));
    if cuda.hidden {
        let found = "CUDA_VISIBLE_DEVICES hides every GPU";
        findings.push(Finding::note("Visibility", found, "unset CUDA_VISIBLE_DEVICES"));
    }
    let completes = "`cargo xtask train` sets it by itself; elsewhere:";
    findings.push(match &cuda.nvrtc {
        Some(Library { file, loadable: true }) => {
            Finding::good("NVRTC", file.display().to_string())
        }
        Some(Library { file, loadable: false }) => {
            let folder = file.parent().unwrap_or(file).display();
            let found = format!("{}, where the loader does not look", file.display());
            let remedy = format!(
                "{completes} export LD_LIBRARY_PATH={folder}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
            );
            Finding::note("NVRTC", found, remedy)
        }
        None => Finding::note(
            "NVRTC",
            "no libnvrtc.so",
            "install the CUDA toolkit, or: pip install nvidia-cuda-nvrtc-cu12",
        ),
    });
    findings.push(match &cuda.home {
        Some((home, true)) => {
            Finding::good("CUDA headers", home.join("include").display().to_string())
        }
        Some((home, false)) => Finding::note(
            "CUDA headers",
            format!("{}, which is not CUDA_PATH", home.join("include").display()),
            format!("{completes} export CUDA_PATH={}", home.display()),
        ),
        None => Finding::note(
            "CUDA headers",
            "no cuda_fp16.h in $CUDA_PATH/include",
            "install the CUDA toolkit, or: pip install nvidia-cuda-runtime-cu12",
        ),
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuda(gpus: &[&str]) -> Cuda {
        let library = || Some(Library { file: "/lib/x.so".into(), loadable: true });
        Cuda {
            driver: library(),
            gpus: gpus.iter().map(|gpu| (*gpu).to_owned()).collect(),
            nvrtc: library(),
            home: Some(("/cuda".into(), true)),
            hidden: false,
        }
    }

    #[test]
    fn the_verdict_names_the_device_and_the_reason() {
        assert!(verdict(&cuda(&["H200"]), false).ends_with("would use the GPU (H200)."));
        assert!(verdict(&cuda(&["H200", "H200"]), false).contains("first of 2"));
        let none = verdict(&cuda(&[]), true);
        assert!(none.starts_with("Once") && none.contains("the CPU, because"), "{none}");
    }

    #[test]
    fn versions_of_rust_are_compared_as_numbers() {
        assert_eq!(rust_version("rustc 1.95.0 (abc 2026-04-14)"), Some((1, 95)));
        assert_eq!(rust_version("rustc 1.100.0-nightly"), Some((1, 100)));
        assert_eq!(needed_rust("[workspace.package]\nrust-version = \"1.95\"\n"), Some((1, 95)));
        assert!(rust_version("rustc 1.100.0") > Some((1, 95)));
        assert!(rust_version("gibberish") < Some((1, 95)));
    }

    #[test]
    fn little_memory_asks_for_fewer_jobs() {
        assert!(memory(64.0, 8).level == Level::Good);
        let scarce = memory(5.0, 8);
        assert!(scarce.level == Level::Note && scarce.remedy.contains("CARGO_BUILD_JOBS=2"));
        assert!(memory(0.5, 8).remedy.contains("CARGO_BUILD_JOBS=1"));
    }

    #[test]
    fn every_shortcoming_comes_with_a_remedy() {
        let bare = Cuda { driver: None, nvrtc: None, home: None, ..cuda(&["H200"]) };
        let findings = graphics(&bare);
        assert_eq!(findings.iter().filter(|f| f.level != Level::Good).count(), 3);
        assert!(findings.iter().filter(|f| f.level != Level::Good).all(|f| !f.remedy.is_empty()));
        let text = report("Title", &findings);
        assert!(text.starts_with("Title\n  note    Driver"), "{text}");
    }
}
