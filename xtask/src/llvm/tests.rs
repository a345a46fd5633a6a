use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::workspace::Scratch;

fn bundle(scratch: &Scratch) -> Bundle {
    Bundle::under(&scratch.0, "23.1.0-4".into())
}

/// A program that answers as an `llvm-config` does.
fn fake(scratch: &Scratch, version: &str) -> PathBuf {
    let include = scratch.0.join("include");
    std::fs::create_dir_all(include.join("llvm-c")).unwrap();
    std::fs::write(include.join("llvm-c/Core.h"), "").unwrap();
    let program = scratch.0.join("it's an llvm-config");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in\n\
         *--version*) echo {version};;\n\
         *--includedir*) echo '{}';;\n\
         *--system-libs*) echo '-lm /usr/lib/some-arch/libz3.so -lz /opt/x/libzstd.so.1';;\n\
         *--libs*) echo '-lLLVMCore -lLLVMSupport';;\n\
         *) echo \"unknown $*\" >&2; exit 3;;\nesac\n",
        include.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn the_folder_is_named_for_the_version() {
    let bundle = Bundle::under(Path::new("/data"), "23.1.0-4".into());
    assert_eq!(bundle.folder, Path::new("/data/tracel/tracel-llvm-23.1.0-4"));
    assert_eq!(bundle.majors(), [22, 23]);
    assert_eq!(Bundle::under(Path::new("/"), "22.1.0-1".into()).majors(), [22]);
}

#[test]
fn states_are_told_apart() {
    let scratch = Scratch::new("states");
    let bundle = bundle(&scratch);
    assert_eq!(bundle.state(), State::Missing);

    std::fs::create_dir_all(bundle.folder.join("bin")).unwrap();
    std::fs::write(bundle.llvm_config(), b"\x7fELF").unwrap();
    assert_eq!(bundle.state(), State::Missing, "without its sentinel a download is unfinished");

    std::fs::write(bundle.folder.join(SENTINEL), "").unwrap();
    assert_eq!(bundle.state(), State::Download);

    std::fs::remove_file(bundle.llvm_config()).unwrap();
    assert_eq!(bundle.state(), State::Damaged);
}

#[test]
fn a_stand_in_is_whole_and_follows_its_target() {
    let scratch = Scratch::new("stand-in");
    let bundle = bundle(&scratch);
    let target = fake(&scratch, "22.1.8");
    bundle.write_stand_in(&target).unwrap();
    assert!(bundle.folder.join(SENTINEL).exists());
    assert!(matches!(bundle.state(), State::StandIn(_)));

    let leftovers = std::fs::read_dir(bundle.folder.join("bin")).unwrap().count();
    assert_eq!(leftovers, 1, "no draft stays behind");

    std::fs::remove_file(&target).unwrap();
    let State::StandIn(Err(reason)) = bundle.state() else { panic!("still said to work") };
    assert!(!reason.is_empty());

    // What broke can be repaired in place.
    bundle.write_stand_in(&fake(&scratch, "22.1.8")).unwrap();
    bundle.remove_stand_in().unwrap();
    assert_eq!(bundle.state(), State::Missing);
}

#[test]
fn the_script_rewrites_paths_of_libraries_and_keeps_exit_codes() {
    let scratch = Scratch::new("script");
    let bundle = bundle(&scratch);
    bundle.write_stand_in(&fake(&scratch, "22.1.8")).unwrap();
    let program = bundle.llvm_config();
    assert_eq!(
        shell::answer(&program, &["--link-static", "--system-libs"]).as_deref(),
        Some("-lm -lz3 -lz -lzstd")
    );
    assert_eq!(
        shell::answer(&program, &["--link-static", "--libs"]).as_deref(),
        Some("-lLLVMCore -lLLVMSupport")
    );
    let refused = shell::silent(&program, &["--nonsense"]).unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--nonsense"));
}

#[test]
fn a_download_is_never_written_over() {
    let scratch = Scratch::new("download");
    let bundle = bundle(&scratch);
    std::fs::create_dir_all(bundle.folder.join("bin")).unwrap();
    std::fs::write(bundle.llvm_config(), b"\x7fELF").unwrap();
    let error = bundle.write_stand_in(Path::new("/usr/bin/true")).unwrap_err().to_string();
    assert!(error.contains("delete that folder"), "{error}");
    assert_eq!(std::fs::read(bundle.llvm_config()).unwrap(), b"\x7fELF");
    assert!(!bundle.folder.join(SENTINEL).exists());
}

#[test]
fn an_llvm_of_another_major_is_refused() {
    let scratch = Scratch::new("major");
    let error = search::check(&fake(&scratch, "14.0.6"), &[22, 23]).unwrap_err();
    assert!(error.contains("14.0.6") && error.contains("22"), "{error}");
}
