//! The command line of `bench-suite`, on the CPU.
// A failed `unwrap` is a failed test, in helpers too.
#![allow(clippy::unwrap_used)]

mod kernels;
mod paper;
mod peers;

use std::process::{Command, Output};

fn bench_suite(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-suite"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn attention_is_measured_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("results");
    let output = bench_suite(&[
        "attention",
        "--device",
        "cpu",
        "--shapes",
        "B2H2S7D4",
        "--dtype",
        "f32",
        "--samples",
        "3",
        "--output",
        path.to_str().expect("UTF-8"),
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let json = std::fs::read_to_string(path.join("attention.json")).expect("JSON");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "forward and backward");
    for row in rows {
        assert!(row["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
        assert!(row["floor_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
        assert_eq!(row["impl"], "tilewright");
    }
    let markdown = std::fs::read_to_string(path.join("attention.md")).expect("Markdown");
    assert!(markdown.contains("| B2 H2 S7 D4 f32 | backward |"), "{markdown}");
    assert!(path.join("attention.svg").exists(), "a picture");
}

#[test]
fn values_may_have_another_length_and_tensors_another_layout() {
    let run = |shape: &str, layout: &str| {
        let arguments = ["attention", "--device", "cpu", "--dtype", "f32", "--samples", "1"];
        bench_suite(&[&arguments[..], &["--shapes", shape, "--layout", layout]].concat())
    };
    for (shape, layout, says) in [
        ("B2H2S7D6x4", "bshd", "D6x4 f32 bshd"),
        ("B2H2S7D4", "packed", "D4 f32 packed"),
        ("B2H2S7D6x4", "packed", "packed q, k and v have equal sizes"),
    ] {
        let output = run(shape, layout);
        let said = text(&output.stdout);
        assert!(said.contains(says), "{shape} {layout}: {said}{}", text(&output.stderr));
        assert_eq!(output.status.success(), !said.contains("skipped"), "{said}");
    }
}

#[test]
fn what_does_not_fit_is_skipped_with_a_reason() {
    let shape = "B9000000H16S4096D128";
    let output = bench_suite(&["attention", "--device", "cpu", "--shapes", shape]);
    assert!(!output.status.success(), "nothing was measured");
    assert!(text(&output.stdout).contains("skipped: needs"), "{}", text(&output.stdout));
}

#[test]
fn conformance_fails_where_nothing_was_checked() {
    let output = bench_suite(&["conformance", "--device", "cpu", "--filter", "nothing like it"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("no case matches"), "{}", text(&output.stderr));
    let output = bench_suite(&["conformance", "--device", "cpu", "--filter", "errors"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("2 special checks passed, 0 failed"));
}

#[test]
fn it_contains_the_other_programs() {
    for (arguments, says) in [
        (&["datasets", "list"][..], "ETTh1"),
        (&["patchtst", "show", "--preset", "tiny"], "parameters"),
        (&["autotune", "--help"], "explain"),
        (&["step-time", "--help"], "--channels"),
    ] {
        let output = bench_suite(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        let said = text(&output.stdout).to_lowercase();
        assert!(said.contains(&says.to_lowercase()), "{arguments:?}: {said}");
    }
}

#[test]
#[cfg(unix)]
fn its_name_decides_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["autotune", "datasets", "patchtst"] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_bench-suite"), &link).expect("a link");
        let output = Command::new(&link).arg("--help").output().expect("the program starts");
        assert!(text(&output.stdout).contains(&format!("Usage: {name}")), "{name}");
    }
}

#[test]
fn mistakes_are_named() {
    for (arguments, says) in [
        (&["attention", "--shapes", "B1H1"][..], "B896H16S42D8"),
        (&["attention", "--device", "tpu"], "use auto, cpu, cuda"),
        (&["attention", "--peers=tilewright"], "sdpa_cudnn"),
        (&["conformance", "--level", "some"], "quick or full"),
        (&["conformance", "--part", "5/4"], "1/4"),
    ] {
        let output = bench_suite(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}
