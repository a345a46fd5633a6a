//! LLVM from the packages of Debian and Ubuntu.

use std::process::Command;

use crate::{Result, shell};

/// What CubeCL's build asks for beyond LLVM itself: the libraries that LLVM's static ones need.
const COMPANIONS: [&str; 4] = ["libz3-dev", "libzstd-dev", "libxml2-dev", "zlib1g-dev"];

/// Installs LLVM `major`, or says why not and what else can be done.
pub fn install(runner: &shell::Runner, major: u32) -> Result<()> {
    let mut packages = packages(major);
    if shell::in_path("c++").is_none() {
        packages.push("g++".into());
    }
    if shell::in_path("apt-get").is_none() {
        return Err(other_ways(major, "this system has no apt-get").into());
    }
    let main = packages[0].clone();
    let before = privilege().ok_or_else(|| {
        format!(
            "LLVM {major} has to be installed, which needs root, and `sudo` asks for a password. \
             Run this, then the same command again:\n  sudo apt-get install {}",
            packages.join(" ")
        )
    })?;

    let mut updated = false;
    if !has_candidate(&main) {
        eprintln!("xtask: no package {main} is known here; updating apt's lists of packages");
        runner.require(&mut apt_get(runner, &before, &["update"]))?;
        updated = true;
        if !runner.dry_run && !has_candidate(&main) {
            return Err(other_ways(major, &format!("apt offers no {main}")).into());
        }
    }
    eprintln!("xtask: installing these packages: {}", packages.join(" "));
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages.iter().map(String::as_str));
    let first = runner.require(&mut apt_get(runner, &before, &arguments));
    if first.is_err() && !updated {
        // Lists that are some days old name files that the mirror no longer has.
        eprintln!("xtask: updating apt's lists of packages, then trying once more");
        runner.require(&mut apt_get(runner, &before, &["update"]))?;
        return runner.require(&mut apt_get(runner, &before, &arguments));
    }
    first
}

fn packages(major: u32) -> Vec<String> {
    let mut all = vec![format!("llvm-{major}-dev"), format!("libpolly-{major}-dev")];
    all.extend(COMPANIONS.map(str::to_owned));
    all
}

fn apt_get(runner: &shell::Runner, before: &[&str], arguments: &[&str]) -> Command {
    // `env` carries the variable through sudo, which clears what it does not know.
    let words: Vec<&str> = before
        .iter()
        .copied()
        .chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .chain(arguments.iter().copied())
        .collect();
    let mut command = runner.command(words[0]);
    command.args(&words[1..]).stdin(std::process::Stdio::null());
    command
}

/// What must stand before a command that needs root; `None` where it would ask a question.
fn privilege() -> Option<Vec<&'static str>> {
    if shell::answer("id", &["-u"]).as_deref() == Some("0") {
        return Some(Vec::new());
    }
    shell::answer("sudo", &["-n", "true"]).map(|_| vec!["sudo", "-n"])
}

fn has_candidate(package: &str) -> bool {
    shell::answer("apt-cache", &["policy", package]).is_some_and(|text| candidate(&text).is_some())
}

/// The version that apt would install, read from what `apt-cache policy` prints.
fn candidate(policy: &str) -> Option<&str> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?.trim();
    (version != "(none)").then_some(version)
}

fn other_ways(major: u32, why: &str) -> String {
    format!(
        "the build needs LLVM, but {why}. One of these helps:\n  \
         - let this machine reach github.com once: the build then downloads LLVM by itself;\n  \
         - copy the folder `tracel` from the user's data folder (~/.local/share on Linux) of a \
           machine where the build works;\n  \
         - install LLVM {major} with its static libraries and headers (LLVM's own apt repository, \
           Homebrew's llvm@{major}, or a build of your own), then run \
           `cargo xtask setup --llvm-config <ITS llvm-config>`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_read_from_apts_answer() {
        let known = "llvm-22-dev:\n  Installed: (none)\n  Candidate: 1:22.1.8-1~deb12u1\n";
        assert_eq!(candidate(known), Some("1:22.1.8-1~deb12u1"));
        assert_eq!(candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"), None);
        assert_eq!(candidate(""), None);
    }

    #[test]
    fn the_packages_carry_the_major() {
        let all = packages(22);
        assert_eq!(all[..2], ["llvm-22-dev", "libpolly-22-dev"]);
        assert!(all.contains(&"libz3-dev".to_owned()));
    }

    #[test]
    fn apt_is_called_without_questions() {
        let runner = shell::Runner { root: std::env::temp_dir(), dry_run: true };
        let line = shell::line(&apt_get(&runner, &["sudo", "-n"], &["update"]));
        assert_eq!(line, "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update");
        let line = shell::line(&apt_get(&runner, &[], &["update"]));
        assert!(line.starts_with("env DEBIAN_FRONTEND=noninteractive apt-get"));
    }

    #[test]
    fn without_packages_every_way_out_is_named() {
        let text = other_ways(22, "apt offers no llvm-22-dev");
        for way in ["github.com", "tracel", "--llvm-config", "llvm@22"] {
            assert!(text.contains(way), "{way} is missing from: {text}");
        }
    }
}
