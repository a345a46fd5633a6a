//! Finding an installed LLVM that can stand in for the bundle.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell;

/// The first usable `llvm-config`, or why each that was found is not.
pub fn find(majors: &[u32]) -> Result<PathBuf, Vec<String>> {
    let mut rejected = Vec::new();
    for candidate in candidates(majors) {
        match check(&candidate, majors) {
            Ok(()) => return Ok(candidate),
            Err(reason) => rejected.push(format!("{}: {reason}", candidate.display())),
        }
    }
    Err(rejected)
}

/// Every `llvm-config` in the places where systems put them.
fn candidates(majors: &[u32]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for major in majors {
        found.extend(shell::in_path(&format!("llvm-config-{major}")));
        found.extend(
            [
                format!("/usr/lib/llvm-{major}"),
                format!("/usr/lib64/llvm{major}"),
                format!("/usr/lib/llvm{major}"),
                format!("/opt/homebrew/opt/llvm@{major}"),
                format!("/usr/local/opt/llvm@{major}"),
                format!("/home/linuxbrew/.linuxbrew/opt/llvm@{major}"),
            ]
            .iter()
            .map(|prefix| Path::new(prefix).join("bin/llvm-config")),
        );
    }
    found.extend(shell::in_path("llvm-config"));
    found.extend(
        ["/opt/homebrew", "/usr/local"].map(|p| Path::new(p).join("opt/llvm/bin/llvm-config")),
    );
    found.retain(|path| path.exists());
    let mut seen = Vec::new();
    found.retain(|path| {
        // /usr/bin/llvm-config-22 is a link to /usr/lib/llvm-22/bin/llvm-config.
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let new = !seen.contains(&real);
        seen.push(real);
        new
    });
    found
}

/// Whether CubeCL would build against this LLVM; if not, why not.
pub fn check(llvm_config: &Path, majors: &[u32]) -> Result<(), String> {
    let ask = |question: &str| {
        let output = shell::silent(llvm_config, &["--link-static", question])
            .ok_or_else(|| "it cannot be run".to_owned())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if !output.status.success() {
            let error = text(&output.stderr);
            return Err(format!("{question} fails: {}", error.lines().next().unwrap_or("")));
        }
        Ok(text(&output.stdout))
    };
    let version = ask("--version")?;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if !major.is_some_and(|major| majors.contains(&major)) {
        let wanted: Vec<_> = majors.iter().map(u32::to_string).collect();
        return Err(format!("it is LLVM {version}, not {}", wanted.join(" or ")));
    }
    // Fails where a static library is missing, which packages like to leave out.
    if ask("--libs")?.is_empty() {
        return Err("it names no static libraries".into());
    }
    let header = Path::new(&ask("--includedir")?).join("llvm-c/Core.h");
    if !header.exists() {
        return Err(format!("its headers are missing: no {}", header.display()));
    }
    links(&ask("--system-libs")?)
}

/// Whether the linker finds the libraries that LLVM itself needs.
fn links(libraries: &str) -> Result<(), String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = std::env::temp_dir().join(format!("xtask-link-test-{}.so", next_number()));
    let outcome = Command::new(&compiler)
        .args(["-shared", "-o"])
        .arg(&output)
        .args(["-x", "c", "/dev/null", "-x", "none"])
        .args(libraries.split_whitespace())
        .stdin(Stdio::null())
        .output();
    let _ = std::fs::remove_file(&output);
    match outcome {
        Err(_) => Err(format!("there is no C compiler `{}`", compiler.to_string_lossy())),
        Ok(outcome) if outcome.status.success() => Ok(()),
        Ok(outcome) => {
            let complaints = String::from_utf8_lossy(&outcome.stderr).into_owned();
            let missing: Vec<&str> = complaints
                .lines()
                .filter(|line| line.contains("cannot find") || line.contains("not found"))
                .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("-l")))
                .map(|word| word.trim_end_matches(':'))
                .collect();
            Err(if missing.is_empty() {
                format!("linking against `{libraries}` fails: {}", complaints.trim())
            } else {
                format!("the linker does not find {}", missing.join(", "))
            })
        }
    }
}

/// Names that no other process and no other thread of this one uses.
fn next_number() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_link_test_names_what_is_missing() {
        assert_eq!(links("-lm"), Ok(()));
        let error = links("-lm -lsurely_no_such_library").unwrap_err();
        assert!(error.contains("surely_no_such_library"), "{error}");
    }

    #[test]
    fn a_program_that_cannot_run_is_no_llvm_config() {
        let error = check(Path::new("/no/such/llvm-config"), &[22]).unwrap_err();
        assert_eq!(error, "it cannot be run");
    }

    #[test]
    fn candidates_exist_and_are_distinct() {
        let found = candidates(&[22, 23]);
        assert!(found.iter().all(|path| path.exists()));
        let real: std::collections::BTreeSet<_> =
            found.iter().filter_map(|path| path.canonicalize().ok()).collect();
        assert_eq!(real.len(), found.len());
    }
}
