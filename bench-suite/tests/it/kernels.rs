//! `bench-suite kernels`, on the CPU.

use crate::{bench_suite, text};

#[test]
fn kernels_are_measured_beside_the_floor_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("results");
    let arguments =
        ["kernels", "--device", "cpu", "--kernel", "linear_attention", "--dtype", "f32"];
    let few = ["--tunings", "default", "--samples", "1", "--output"];
    let output = bench_suite(&[&arguments[..], &few, &[path.to_str().expect("UTF-8")]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let json = std::fs::read_to_string(path.join("kernels.json")).expect("JSON");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "both examples");
    for row in rows {
        assert_eq!(row["measured"], 1, "{row}");
        assert!(row["floor_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
        assert!(row["best"]["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
        assert_eq!(row["best"]["tuning"], row["default"]["tuning"]);
        assert!(row["best"]["error"].as_f64().is_some_and(|error| error < 1e-5), "{row}");
    }
    let markdown = std::fs::read_to_string(path.join("kernels.md")).expect("Markdown");
    assert!(markdown.contains("| linear_attention | b="), "{markdown}");
    assert!(text(&output.stdout).contains("| linear_attention | b="));
}

#[test]
fn an_unknown_kernel_is_named() {
    let output = bench_suite(&["kernels", "--kernel", "softmaxed"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("no kernel is called `softmaxed`"));
}
