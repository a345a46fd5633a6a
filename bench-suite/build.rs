//! Tells the program which commit it was built from, for its results.
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=TILEWRIGHT_COMMIT");
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/logs/HEAD");
    let commit = std::env::var("TILEWRIGHT_COMMIT").ok().or_else(from_git);
    // Without git, as in an unpacked archive, results say so.
    let commit = commit.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TILEWRIGHT_BUILD_COMMIT={commit}");
}

fn from_git() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}+changes") })
}
