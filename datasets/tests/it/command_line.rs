//! The program, run as users run it.

use std::path::Path;
use std::process::{Command, Output};

use tilewright_datasets::catalog::DIR_VARIABLE;

use crate::server::{Manner, Server};

/// Runs `datasets` in an empty world: nothing in `./data`, no variable set.
fn datasets(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_datasets"))
        .args(arguments)
        .current_dir(folder)
        .env_remove(DIR_VARIABLE)
        .output()
        .expect("the program starts")
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = datasets(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn complained(folder: &Path, arguments: &[&str]) -> String {
    let output = datasets(folder, arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn list_shows_all_and_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let text = said(folder.path(), &["list"]);
    assert_eq!(text.lines().filter(|line| line.contains(" no ")).count(), 9, "{text}");
    assert!(text.contains("synthetic") && text.contains("built in"), "{text}");
    std::fs::create_dir_all(folder.path().join("data/ETT-small")).unwrap();
    std::fs::write(folder.path().join("data/ETT-small/ETTh1.csv"), "date,OT\n").unwrap();
    std::fs::write(folder.path().join("data/weather.csv"), "date,OT\n").unwrap();
    let text = said(folder.path(), &["list"]);
    assert!(
        text.contains("data/ETT-small/ETTh1.csv") && text.contains("data/weather.csv"),
        "{text}"
    );
}

#[test]
fn make_then_inspect() {
    let folder = tempfile::tempdir().unwrap();
    let made = said(folder.path(), &["make", "out/toy.csv", "--rows", "600", "--channels", "2"]);
    insta::assert_snapshot!(made.trim(), @"out/toy.csv: 600 rows of 2 channels");
    let arguments = ["inspect", "out/toy.csv", "--context", "48", "--horizon", "12"];
    let text = said(folder.path(), &arguments);
    for part in [
        "600 rows of 2 channels; target OT",
        "2020-01-01 00:00:00 to 2020-01-25 23:00:00, 1 hour apart",
        "split 70/10/20 %; windows of context 48 and horizon 12",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let json = said(folder.path(), &[arguments.as_slice(), &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["rows"], 600);
    assert_eq!(report["parts"][0]["windows"], 420 - 48 - 12 + 1);
    assert_eq!(report["parts"][2]["windows"], 120 - 12 + 1);
    assert_eq!(report["columns"][1]["name"], "OT");
    assert_eq!(report["step"], "1 hour");
    // The made file and the built-in series are the same thing.
    said(folder.path(), &["make", "whole.csv"]);
    let columns = |name: &str| {
        let json = said(folder.path(), &["inspect", name, "--json"]);
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["columns"].clone()
    };
    assert_eq!(columns("whole.csv"), columns("synthetic"));
}

#[test]
fn inspect_says_what_cannot_be_split() {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["make", "short.csv", "--rows", "50", "--channels", "40"]);
    let text = said(folder.path(), &["inspect", "short.csv"]);
    assert!(text.contains("not possible: short has 50 rows, too few"), "{text}");
    assert!(text.contains("16 more (--all shows them)"), "{text}");
    let all = said(folder.path(), &["inspect", "short.csv", "--all"]);
    assert!(all.contains("c30") && !text.contains("c30"));
}

#[test]
fn inspect_follows_the_missing_policy() {
    let folder = tempfile::tempdir().unwrap();
    let text = "date,a\n2020-01-01,1\n2020-01-02,\n2020-01-03,3\n";
    std::fs::write(folder.path().join("gap.csv"), text).unwrap();
    let error = complained(folder.path(), &["inspect", "gap.csv"]);
    assert!(error.contains("gap.csv, line 3, column 2 (a): the value is missing"), "{error}");
    let filled = said(folder.path(), &["inspect", "gap.csv", "--missing", "interpolate"]);
    assert!(filled.contains("1 missing value(s) were interpolated"), "{filled}");
    let dropped = said(folder.path(), &["inspect", "gap.csv", "--missing", "drop"]);
    assert!(dropped.contains("2 rows of 1 channels"), "{dropped}");
}

#[test]
fn what_is_not_there_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let error = complained(folder.path(), &["inspect", "ETTh1"]);
    assert!(
        error.contains("run `datasets fetch ETTh1`") && error.contains("ETT-small/ETTh1.csv"),
        "{error}"
    );
    let error = complained(folder.path(), &["inspect", "etth9"]);
    assert!(error.contains("neither a known data set nor a file; known: ETTh1"), "{error}");
    let error = complained(folder.path(), &["inspect", "etth9.csv"]);
    assert!(error.contains("no such file"), "{error}");
    let error = complained(folder.path(), &["inspect", "."]);
    assert!(error.contains("is a directory"), "{error}");
    let error = complained(folder.path(), &["fetch", "ETTh9"]);
    assert!(error.contains("no data set is named `ETTh9`; known: ETTh1"), "{error}");
    let error = complained(folder.path(), &["fetch", "ETTh1", "ETTh2", "--url", "http://x"]);
    assert!(error.contains("--url is the address of one data set"), "{error}");
    let error = complained(folder.path(), &["make", "."]);
    assert!(error.contains("is a directory"), "{error}");
    let error = complained(folder.path(), &["make", "x.csv", "--rows", "0"]);
    assert!(error.contains("rows = 0 is not possible"), "{error}");
}

#[test]
fn fetch_puts_a_set_where_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let body = b"date,a,OT\n2020-01-01,1,2\n2020-01-02,3,4\n".to_vec();
    let server = Server::start(Manner { body, ranges: true, ..Manner::default() });
    let url = server.url();
    let error = complained(folder.path(), &["fetch", "illness", "--url", &url]);
    assert!(
        error.contains("expected sha256 93601f64") && error.contains("received sha256"),
        "{error}"
    );
    let text = said(folder.path(), &["fetch", "illness", "--url", &url, "--unverified"]);
    assert!(text.contains("unverified: not the known file; sha256 "), "{text}");
    assert!(folder.path().join("data/illness/national_illness.csv").is_file());
    let text = said(folder.path(), &["inspect", "ILI"]);
    assert!(
        text.contains("note: this file has 2 rows of 2 channels, the known illness has 966 of 7"),
        "{text}"
    );
    let text = said(folder.path(), &["fetch", "illness", "--url", &url]);
    assert!(text.contains("is there already") && text.contains("--force"), "{text}");
}

#[test]
fn every_command_helps_with_examples() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["list", "inspect", "fetch", "make"] {
        let text = said(folder.path(), &[command, "--help"]);
        assert!(
            text.contains("Examples:") && text.contains(&format!("datasets {command}")),
            "{text}"
        );
    }
    assert!(said(folder.path(), &["--help"]).contains("Examples:"));
}
