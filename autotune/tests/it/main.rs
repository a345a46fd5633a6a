//! The command line of `autotune`, on the CPU.
// A failed `unwrap` is a failed test, in helpers too.
#![allow(clippy::unwrap_used)]

mod kernels;

use std::path::Path;
use std::process::{Command, Output};

use tilewright::table::Table;

fn autotune(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_autotune"))
        .args(arguments)
        .env_remove("TILEWRIGHT_TABLE")
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn failure(arguments: &[&str]) -> String {
    let output = autotune(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded: {}", text(&output.stdout));
    text(&output.stderr)
}

#[test]
fn a_table_is_measured_shown_extended_and_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("table.json");
    let path = file.to_str().expect("UTF-8");
    let tiny = ["--device", "cpu", "--preset", "tiny", "--rounds", "2", "--output", path];
    let run = |more: &[&str]| {
        let output = autotune(&[&["run"], &tiny[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        Table::load(Path::new(path)).expect("a table")
    };
    let first = run(&["--pass", "forward"]);
    assert_eq!(first.entries.len(), 1);
    assert!(first.is_current() && first.command.starts_with("autotune run --device cpu"));
    let entry = first.entries[0];
    assert!(entry.nanoseconds > 0.0 && entry.candidates > 2, "{entry:?}");
    assert!(entry.runner_up.is_some_and(|r| r.nanoseconds >= entry.nanoseconds), "{entry:?}");

    let both = run(&["--add"]);
    assert_eq!(both.entries.len(), 2);
    assert!(both.entries.contains(&entry), "what was measured is kept");

    let shown = text(&autotune(&["show", path]).stdout);
    assert!(shown.contains("2 entries") && shown.contains(&entry.plan.to_string()), "{shown}");

    let explain = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_autotune"))
            .args([&["explain", "--device", "cpu", "--preset", "tiny"], more].concat())
            .env("TILEWRIGHT_TABLE", path)
            .output()
            .expect("the program starts");
        text(&output.stdout)
    };
    let explained = explain(&[]);
    assert!(explained.contains(&entry.plan.to_string()) && explained.contains("(measured)"));
    assert!(explain(&["--seq", "9"]).contains("measured for"));
    assert!(explain(&["--seq", "4000", "--dtype", "f16"]).contains("the rule"));
}

#[test]
fn mistakes_are_named() {
    assert!(failure(&["run", "--device", "gpu", "--output", "x"]).contains("use auto, cpu, cuda"));
    let near = failure(&["run", "--device", "cpu", "--variant", "softmx", "--output", "x"]);
    assert!(near.contains("softmax"), "{near}");
    assert!(failure(&["run", "--dtype", "f8", "--output", "x"]).contains("f32, f16 or bf16"));
    assert!(failure(&["run"]).contains("--output"));
    assert!(failure(&["show", "/no/such/table.json"]).contains("/no/such/table.json"));
}
