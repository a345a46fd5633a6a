//! Where things are: the workspace, its lock file, the target folder, the user's data folder.

use std::path::{Path, PathBuf};

use crate::Result;

/// What cargo leaves in a target folder: the first where it made the folder, the second always.
const OF_CARGO: [&str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];

pub struct Workspace {
    pub root: PathBuf,
}

impl Workspace {
    /// The workspace that `cargo xtask` was called in.
    ///
    /// Asked for at run time: a path compiled in would be wrong after a move, or where two clones
    /// share a target folder.
    pub fn find() -> Result<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir()
                .map_err(|error| format!("cannot tell the current folder: {error}"))?,
        };
        let root = start
            .ancestors()
            .find(|folder| is_workspace(&folder.join("Cargo.toml")))
            .ok_or("not inside the Tilewright workspace; run this as `cargo xtask` in a clone")?;
        Ok(Self { root: root.to_owned() })
    }

    /// The version of `package` that Cargo.lock settles on.
    pub fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let text = std::fs::read_to_string(&path).map_err(|error| {
            format!("cannot read {}: {error}; `cargo generate-lockfile` writes it", path.display())
        })?;
        version_in_lock(&text, package).ok_or_else(|| {
            format!("{} names no package `{package}`; is the file complete?", path.display()).into()
        })
    }

    /// Cargo's target folder. Not asked of cargo but read from where this program lies,
    /// `<target>/<profile>/xtask`, which honours every way of configuring it.
    pub fn target(&self) -> PathBuf {
        std::env::current_exe()
            .ok()
            .and_then(|program| program.parent()?.parent().map(Path::to_owned))
            .filter(|folder| OF_CARGO.iter().any(|file| folder.join(file).exists()))
            .unwrap_or_else(|| self.root.join("target"))
    }
}

fn is_workspace(manifest: &Path) -> bool {
    std::fs::read_to_string(manifest)
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
}

/// Reads a package's version out of a lock file's text.
fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    lock.split("[[package]]").find(|entry| entry.lines().any(|line| line.trim() == name)).and_then(
        |entry| {
            let version = entry.lines().find_map(|line| line.trim().strip_prefix("version = "))?;
            Some(version.trim_matches('"').to_owned())
        },
    )
}

/// The folder for this user's data on this machine, as the crate `dirs` (which LLVM's bundler asks)
/// defines it.
pub fn data_local_dir() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    data_local_dir_from(std::env::consts::OS, variable).ok_or_else(|| {
        "cannot tell where this user's data goes: set HOME (on Windows LOCALAPPDATA)".into()
    })
}

fn data_local_dir_from(
    system: &str,
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).filter(|path| path.has_root());
    match system {
        "windows" => absolute("LOCALAPPDATA"),
        "macos" => Some(absolute("HOME")?.join("Library/Application Support")),
        _ => absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share"))),
    }
}

/// A temporary folder for one test, removed at its end.
#[cfg(test)]
pub struct Scratch(pub PathBuf);

#[cfg(test)]
impl Scratch {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

#[cfg(test)]
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "tracel-llvm"
version = "1.0.0"
dependencies = [
 "tracel-llvm-bundler",
]

[[package]]
name = "tracel-llvm-bundler"
version = "23.1.0-4"
source = "registry"
"#;

    #[test]
    fn a_locked_version_is_that_of_the_package_and_not_of_its_neighbour() {
        assert_eq!(version_in_lock(LOCK, "tracel-llvm-bundler").as_deref(), Some("23.1.0-4"));
        assert_eq!(version_in_lock(LOCK, "tracel-llvm").as_deref(), Some("1.0.0"));
        assert_eq!(version_in_lock(LOCK, "tracel"), None);
        assert_eq!(version_in_lock("", "tracel-llvm"), None);
    }

    #[test]
    fn this_workspace_is_found_and_locks_the_bundler() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.root.join("xtask/Cargo.toml").exists());
        let version = workspace.locked_version("tracel-llvm-bundler").unwrap();
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
        assert!(workspace.locked_version("no-such-package").is_err());
    }

    #[test]
    fn the_data_folder_follows_each_systems_custom() {
        let of = |system: &str, set: &[(&str, &str)]| {
            let find = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
            };
            data_local_dir_from(system, find).map(|path| path.display().to_string())
        };
        let home = ("HOME", "/home/me");
        assert_eq!(of("linux", &[home]).as_deref(), Some("/home/me/.local/share"));
        assert_eq!(of("linux", &[home, ("XDG_DATA_HOME", "/data")]).as_deref(), Some("/data"));
        // The specification has a relative path ignored.
        assert_eq!(
            of("linux", &[home, ("XDG_DATA_HOME", "data")]).as_deref(),
            Some("/home/me/.local/share")
        );
        assert!(of("macos", &[home]).is_some_and(|path| path.contains("Application Support")));
        assert_eq!(of("linux", &[]), None);
    }
}
