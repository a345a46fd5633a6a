//! `bench-suite paper` on run folders made for it.

use std::path::Path;

use serde_json::{Value, json};
use tilewright_patchtst::config::presets;
use tilewright_patchtst::train::run_folder::RunFolder;

use crate::{bench_suite, text};

/// A finished run: its configuration, and metrics of which only the errors matter.
fn run(runs: &Path, name: &str, preset: &str, horizon: usize, seed: u64, mse: f64) {
    let mut config = presets::by_name(preset).unwrap();
    config.model.horizon = horizon;
    config.train.seed = seed;
    config.runtime.runs = runs.display().to_string();
    config.runtime.name = name.into();
    let folder = RunFolder::create(&config).unwrap();
    let errors = |mse: f64| json!({ "mse": mse, "mae": mse + 0.02 });
    let metrics = json!({
        "dataset": preset,
        "horizon": horizon,
        "test": errors(mse + 0.004),
        "test_drop_last": errors(mse),
        "val": errors(0.5),
        "naive": { "last_value": errors(1.3), "seasonal": null },
        "epoch_seconds": 0.1,
        "data_seconds": 0.01,
        "compute_seconds": 0.09,
        "epochs": 10,
        "best_epoch": 9,
        "stopped_early": false,
        "steps": 100,
        "time_to_first_step_seconds": 1.0,
        "device": "cpu",
        "attention": "tuned",
        "parameters": 1000,
        "windows": { "train": 1, "val": 1, "test": 1 },
        "seed": seed,
        "version": "0",
    });
    std::fs::write(folder.metrics(), metrics.to_string()).unwrap();
}

fn paper(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let runs = folder.display().to_string();
    let output = bench_suite(&[&["paper", &runs][..], arguments].concat());
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn close(value: &Value, expected: f64) {
    let found = value.as_f64().unwrap_or(f64::NAN);
    assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
}

#[test]
fn runs_stand_beside_the_published_table() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path();
    // Seeds in a folder under the group's, as `train --seeds` leaves them.
    run(&runs.join("etth1-96"), "seed-1", "etth1", 96, 1, 0.370);
    run(&runs.join("etth1-96"), "seed-2", "etth1", 96, 2, 0.374);
    run(&runs.join("etth1-96"), "seed-3", "etth1", 96, 3, 0.378);
    run(runs, "etth1-192", "etth1", 192, 1, 0.424);
    run(runs, "exchange", "exchange_rate", 96, 1, 0.09);
    let mut unfinished = presets::by_name("etth2").unwrap();
    unfinished.runtime.runs = runs.display().to_string();
    unfinished.runtime.name = "begun".into();
    RunFolder::create(&unfinished).unwrap();

    let results = folder.path().join("results");
    let (ok, out, err) = paper(runs, &["--output", results.to_str().unwrap()]);
    assert!(ok, "{err}");
    assert!(err.contains("begun: not finished"), "{err}");
    let written: Value =
        serde_json::from_slice(&std::fs::read(results.join("paper.json")).unwrap()).unwrap();
    let rows = written["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6, "three problems, two protocols");
    let first = &rows[0];
    assert_eq!((&first["dataset"], &first["horizon"]), (&json!("ETTh1"), &json!(96)));
    assert_eq!((&first["drop_last"], &first["seeds"]), (&json!(true), &json!(3)));
    close(&first["mse_mean"], 0.374);
    close(&first["mse_std"], 0.004);
    close(&first["mae_mean"], 0.394);
    close(&first["published_mse"], 0.375);
    close(&first["dlinear_mse"], 0.375);
    close(&first["last_value_mse"], 1.3);
    close(&rows[1]["mse_mean"], 0.378);
    assert_eq!(rows[1]["drop_last"], false);
    assert!(rows[2]["mse_std"].is_null(), "one seed has no deviation");
    assert_eq!(
        (&rows[4]["dataset"], &rows[4]["published_mse"]),
        (&json!("exchange_rate"), &json!(null))
    );

    let mean = &written["means"][0];
    assert_eq!((&mean["dataset"], &mean["horizons"]), (&json!("ETTh1"), &json!([96, 192])));
    close(&mean["mse"], (0.374 + 0.424) / 2.0);
    close(&mean["published_mse"], (0.375 + 0.414) / 2.0);
    close(&mean["mse_difference_percent"], ((0.374 + 0.424) / (0.375 + 0.414) - 1.0) * 100.0);
    assert!(
        out.contains("| ETTh1 96 | published | 3 | 0.3740 ± 0.0040 | 0.375 | -0.3% |"),
        "{out}"
    );
    assert_eq!(std::fs::read_to_string(results.join("paper.md")).unwrap(), out);
}

#[test]
fn runs_that_cannot_be_one_row_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (ok, _, err) = paper(folder.path(), &[]);
    assert!(!ok && err.contains("is no run and holds none"), "{err}");
    run(folder.path(), "a", "etth1", 96, 1, 0.37);
    run(folder.path(), "b", "etth1", 96, 1, 0.38);
    let (ok, _, err) = paper(folder.path(), &[]);
    assert!(!ok && err.contains("has seed 1 too"), "{err}");

    let other = tempfile::tempdir().unwrap();
    run(other.path(), "a", "etth1", 96, 1, 0.37);
    run(other.path(), "b", "etth1", 96, 2, 0.38);
    let config = other.path().join("b/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("layers = 3", "layers = 2")).unwrap();
    let (ok, _, err) = paper(other.path(), &[]);
    assert!(!ok && err.contains("differ in model.layers"), "{err}");

    let classes = tempfile::tempdir().unwrap();
    run(classes.path(), "c", "etth1", 96, 1, 0.37);
    let file = classes.path().join("c/metrics.json");
    let mut metrics: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    metrics["test"] = json!({ "accuracy": 0.9, "macro_f1": 0.8, "cross_entropy": 0.3 });
    std::fs::write(&file, metrics.to_string()).unwrap();
    let (ok, _, err) = paper(classes.path(), &[]);
    assert!(!ok && err.contains("c is no forecast"), "{err}");
}
