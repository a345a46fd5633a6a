//! `cargo xtask bundle`: one archive for a machine without a Rust toolchain.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::workspace::Workspace;
use crate::{Result, cargo, shell};

/// The binary that everything is in: Burn, CubeCL and LLVM make up nearly all of each program, so
/// four programs would be four times the size.
const BINARY: &str = "bench-suite";
/// What the binary answers to besides its own name.
const ALIASES: [&str; 3] = ["patchtst", "autotune", "datasets"];
/// Where `autotune` keeps its tables in the source tree.
const TABLES: &str = "autotune/tables";
/// More than this is no longer easily carried, in MiB.
const COMFORTABLE: f64 = 40.0;

const README: &str = include_str!("bundle/README.txt");
const RUN: &str = include_str!("bundle/run.sh");

pub fn run(
    workspace: &Workspace,
    runner: &shell::Runner,
    output: Option<&Path>,
) -> Result<ExitCode> {
    for program in ["tar", "xz"] {
        if shell::in_path(program).is_none() {
            return Err(format!(
                "`{program}` is needed to make the archive; Debian, Ubuntu: apt-get install tar \
                 xz-utils; macOS: brew install xz"
            )
            .into());
        }
    }
    let name = format!(
        "tilewright-{}-{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
    let archive = match output {
        Some(path) => std::path::absolute(path)
            .map_err(|error| format!("--output {}: {error}", path.display()))?,
        None => workspace.target().join(format!("{name}.tar.xz")),
    };
    // The release profile strips, so the binary is carried as it was built.
    let binary = cargo::build_binary(workspace, runner, BINARY)?;
    let staging = workspace.target().join("bundle");
    let folder = staging.join(&name);
    let tables = if runner.dry_run { 0 } else { stage(workspace, &binary, &folder)? };
    pack(runner, &staging, &name, &archive)?;
    if runner.dry_run {
        return Ok(ExitCode::SUCCESS);
    }

    let mib = |path: &Path| -> Result<f64> {
        let length = path
            .metadata()
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?
            .len();
        Ok(length as f64 / 1024.0 / 1024.0)
    };
    let size = mib(&archive)?;
    println!("{}", archive.display());
    println!("{size:.1} MiB ({BINARY}: {:.1} MiB), {tables} tuning table(s)", mib(&binary)?);
    if size > COMFORTABLE {
        eprintln!(
            "xtask: that is more than the {COMFORTABLE:.0} MiB meant to be easily carried; look \
             for a dependency or feature that came in by accident (cargo tree -e features)"
        );
    }
    println!("On the other machine: tar -xJf {name}.tar.xz && {name}/run patchtst train");
    Ok(ExitCode::SUCCESS)
}

/// Lays out the folder to be packed; says how many tuning tables it holds.
fn stage(workspace: &Workspace, binary: &Path, folder: &Path) -> Result<usize> {
    let context =
        |path: &Path, error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| context(folder, error))?;
    }
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).map_err(|error| context(&bin, error))?;
    copy(binary, &bin.join(BINARY))?;
    for alias in ALIASES {
        let link = bin.join(alias);
        #[cfg(unix)]
        std::os::unix::fs::symlink(BINARY, &link).map_err(|error| context(&link, error))?;
        #[cfg(not(unix))]
        copy(binary, &link)?;
    }
    let tables = tables(&workspace.root.join(TABLES))?;
    let destination = folder.join("tables");
    std::fs::create_dir_all(&destination).map_err(|error| context(&destination, error))?;
    for table in &tables {
        if let Some(name) = table.file_name() {
            copy(table, &destination.join(name))?;
        }
    }
    let readme = folder.join("README.txt");
    std::fs::write(&readme, readme_text(binary)).map_err(|error| context(&readme, error))?;
    let run = folder.join("run");
    std::fs::write(&run, RUN).map_err(|error| context(&run, error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&run, executable).map_err(|error| context(&run, error))?;
    }
    Ok(tables.len())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(|_| ()).map_err(|error| {
        format!("cannot copy {} to {}: {error}", from.display(), to.display()).into()
    })
}

/// The tables, sorted by name; none where `autotune` has not written any yet.
fn tables(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder)
        .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let mut tables: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    tables.sort();
    Ok(tables)
}

/// The README, with what this very binary asks of the machine that it is carried to.
fn readme_text(binary: &Path) -> String {
    let libc = shell::answer("ldd", &["--version"])
        .and_then(|text| Some(text.lines().next()?.split_whitespace().last()?.to_owned()))
        .map_or_else(|| "the C library".to_owned(), |version| format!("glibc {version} or newer"));
    let needed = binary
        .to_str()
        .and_then(|path| shell::answer("readelf", &["-d", path]))
        .map(|text| needed_libraries(&text))
        .filter(|needed| !needed.is_empty())
        .unwrap_or_else(|| {
            vec!["libstdc++.so.6".into(), "libz.so.1".into(), "libzstd.so.1".into()]
        });
    README
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{libc}", &libc)
        .replace("{libraries}", &needed.join(", "))
}

/// The shared libraries that an executable names, read from what `readelf -d` prints.
fn needed_libraries(readelf: &str) -> Vec<String> {
    readelf
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned()))
        .collect()
}

/// `tar`, then `xz`: two plain steps that every tar understands.
fn pack(runner: &shell::Runner, staging: &Path, name: &str, archive: &Path) -> Result<()> {
    let plain = staging.join(format!("{name}.tar"));
    runner.require(
        // Numbers, so that the archive does not carry the packer's name.
        runner
            .command("tar")
            .arg("--numeric-owner")
            .arg("-cf")
            .arg(&plain)
            .arg("-C")
            .arg(staging)
            .arg(name),
    )?;
    runner.require(runner.command("xz").args(["-9", "-T0", "--force"]).arg(&plain))?;
    if runner.dry_run {
        return Ok(());
    }
    let packed = staging.join(format!("{name}.tar.xz"));
    // A copy, as the output may be on another disk; then the folder goes, being large.
    copy(&packed, archive)?;
    std::fs::remove_dir_all(staging)
        .map_err(|error| format!("cannot clear {}: {error}", staging.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Scratch;

    #[test]
    fn libraries_are_read_from_readelf() {
        let text = " 0x01 (NEEDED)   Shared library: [libz.so.1]\n\
                    \x20 0x01 (NEEDED)   Shared library: [libc.so.6]\n\
                    \x20 0x0e (SONAME)   Library soname: [x]\n";
        assert_eq!(needed_libraries(text), ["libz.so.1", "libc.so.6"]);
    }

    #[test]
    fn the_readme_has_no_blank_left() {
        let text = readme_text(Path::new("/no/such/binary"));
        assert!(!text.contains('{') && text.contains("libzstd.so.1"), "{text}");
        for name in ALIASES {
            assert!(text.contains(name) && RUN.contains(name), "{name} is not mentioned");
        }
    }

    /// Packs a shell script in place of the binary and runs it on the other side.
    #[cfg(unix)]
    #[test]
    fn an_archive_unpacks_and_runs_under_every_name() {
        if shell::in_path("tar").is_none() || shell::in_path("xz").is_none() {
            eprintln!("skipped: no tar or no xz");
            return;
        }
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new("bundle");
        let source = scratch.0.join("source");
        std::fs::create_dir_all(source.join(TABLES)).unwrap();
        std::fs::write(source.join(TABLES).join("h200.json"), "{}").unwrap();
        std::fs::write(source.join(TABLES).join("notes.txt"), "").unwrap();
        let binary = scratch.0.join("built");
        std::fs::write(&binary, "#!/bin/sh\necho \"$(basename \"$0\") $*\"\n").unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();

        let workspace = Workspace { root: source };
        let staging = scratch.0.join("staging");
        assert_eq!(stage(&workspace, &binary, &staging.join("tw")).unwrap(), 1);
        let runner = shell::Runner { root: scratch.0.clone(), dry_run: false };
        let archive = scratch.0.join("out.tar.xz");
        pack(&runner, &staging, "tw", &archive).unwrap();
        assert!(!staging.exists());

        runner.require(runner.command("tar").arg("-xJf").arg(&archive)).unwrap();
        let run = scratch.0.join("tw/run");
        assert!(scratch.0.join("tw/tables/h200.json").exists());
        assert!(!scratch.0.join("tw/tables/notes.txt").exists());
        for name in ALIASES.iter().chain([&BINARY]) {
            let said = shell::answer(&run, &[name, "a b"]).unwrap();
            assert!(said.starts_with(&format!("{name} a b")), "{said}");
        }
        assert_eq!(shell::silent(&run, &[]).unwrap().status.code(), Some(2));
        assert_eq!(shell::silent(&run, &["nonsense"]).unwrap().status.code(), Some(2));
    }
}
