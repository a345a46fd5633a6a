//! The binary, as a person calls it.

use std::path::Path;
use std::process::{Command, Output};

pub fn patchtst(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_patchtst"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary runs")
}

pub fn text(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into(), String::from_utf8_lossy(&output.stderr).into())
}

#[test]
fn train_eval_forecast() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = patchtst(folder.path(), arguments);
        let (out, err) = text(&output);
        assert!(output.status.success(), "{arguments:?}\n{out}\n{err}");
        (out, err)
    };
    let (out, err) = run(&[
        "train",
        "--preset",
        "tiny",
        "--device",
        "cpu",
        "--set",
        "model.attention=vanilla",
        "runtime.name=first",
        "runtime.cache=off",
        "train.epochs=1",
        "data.max_windows=128",
    ]);
    assert!(out.contains("published*") && out.contains("runs/first"), "{out}");
    assert!(err.contains("epoch   1/1"), "{err}");
    let (out, _) = run(&["eval", "--run", "runs/first", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let metrics: serde_json::Value = serde_json::from_slice(
        &std::fs::read(folder.path().join("runs/first/metrics.json")).unwrap(),
    )
    .unwrap();
    let (found, expected) = (&json["test"]["complete"]["mse"], &metrics["test"]["mse"]);
    assert!(
        (found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-9,
        "{found} {expected}"
    );
    run(&["forecast", "--run", "runs/first", "--output", "next.csv", "--plot", "next.svg"]);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("next.csv")).unwrap().lines().count(),
        13
    );
    // One more epoch of the finished run.
    let (_, err) = run(&["train", "--resume", "runs/first", "train.epochs=2"]);
    assert!(err.contains("epoch   2/2") && !err.contains("epoch   1/2"), "{err}");

    let refused = patchtst(folder.path(), &["train", "--preset", "tiny", "runtime.name=first"]);
    assert!(!refused.status.success());
    assert!(text(&refused).1.contains("--resume"), "{}", text(&refused).1);
}

#[test]
fn show_prints_the_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let output = patchtst(folder.path(), &["show", "--preset", "traffic", "--channels", "862"]);
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    assert!(out.contains("20688 sequences x 16 heads = 331008 problems of 42 x 42"), "{out}");
    assert!(out.contains("layer 3         queries and keys 24 wide, values 8"), "{out}");

    // The data is not opened, so what it decides stays open.
    let output = patchtst(folder.path(), &["show", "--preset", "classification"]);
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    assert!(out.contains("context = 0") && out.contains("0 is taken from data.train"), "{out}");
    let set = ["show", "--preset", "classification", "model.context=120", "model.targets=3"];
    let (out, err) = text(&patchtst(folder.path(), &set));
    assert!(out.contains("120 steps in patches of"), "{out}{err}");
}

#[test]
fn mistakes_are_answered_without_a_trace_of_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["train", "--set", "model.d_modle=8"][..], "did you mean `model.d_model`?"),
        (&["train", "--preset", "ettm3"], "did you mean"),
        (&["train", "data.dataset=nowhere"], "nowhere"),
        (&["train", "--device", "gpu"], "expected auto, cpu, cuda"),
        (&["train", "--device", "cpu:x"], "is not a number"),
        (&["train", "train.batch_size=100000"], "windows"),
        (&["eval", "--run", "nothing"], "nothing is not a run"),
        (&["train", "--config", "missing.toml"], "missing.toml"),
        (&["step-time", "--preset", "classification"], "Error: data.train is not set"),
    ] {
        let output = patchtst(folder.path(), arguments);
        let (_, err) = text(&output);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        assert!(err.contains(expected), "{arguments:?}: {err}");
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
        if err.starts_with("Error: ") {
            assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
        }
    }
}

#[test]
fn a_batch_that_cannot_be_indexed_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["step-time", "--preset", "traffic", "--channels", "862", "--batch", "2000"];
    let output = Command::new(env!("CARGO_BIN_EXE_patchtst"))
        .args(arguments)
        .args(["--device", "cpu"])
        .current_dir(folder.path())
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("the binary runs");
    let (out, err) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{out}\n{err}");
    assert!(err.starts_with("Error: train.batch_size = 2000: with 862 channels"), "{err}");
    assert!(err.trim_end().ends_with("use at most 308"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}
