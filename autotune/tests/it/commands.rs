//! The command line, on the CPU.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tilewright::table::{Effort, Table};

use crate::{failure, success, text};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_table_is_measured_shown_extended_checked_and_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("table.json");
    let path = file.to_str().expect("UTF-8");
    let tiny = ["--device", "cpu", "--preset", "tiny", "--plans", "4", "--output", path];
    let run = |more: &[&str]| {
        let said = success(&[&["run"], &tiny[..], more].concat());
        (Table::load(Path::new(path)).expect("a table"), said)
    };
    let (first, said) = run(&["--pass", "forward", "--json"]);
    let said = json(&said);
    assert_eq!((&said["entries"], &said["out_of_time"]), (&1.into(), &false.into()));
    assert_eq!((first.entries.len(), first.effort), (1, Effort::Normal));
    assert!(first.is_current() && first.command.starts_with("autotune run --device cpu"));
    assert!(first.drift.is_some(), "the reference was measured");
    let entry = &first.entries[0];
    assert!(entry.nanoseconds > 0.0 && entry.tried == 4, "{entry:?}");
    assert!(entry.roofline_fraction.is_some_and(|part| part > 0.0 && part < 1.0), "{entry:?}");
    assert!(entry.rule_nanoseconds.is_some() && !entry.runners_up.is_empty(), "{entry:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(left, std::slice::from_ref(&file), "nothing but the table is left");

    let (both, _) = run(&["--add"]);
    assert_eq!(both.entries.len(), 2);
    assert!(both.entries.contains(entry), "what was measured is kept");

    let plan = entry.plan.to_string();
    let shown = success(&["show", path]);
    assert!(shown.contains("2 entries") && shown.contains(&plan), "{shown}");
    let shown = json(&success(&["show", path, "--json"]));
    assert!(shown["entries"][0]["speedup_over_rule"].as_f64().is_some(), "{shown}");
    let picture = folder.path().join("speedup.svg");
    success(&["show", path, "--plot", picture.to_str().unwrap()]);
    let picture = fs::read_to_string(picture).unwrap();
    assert!(picture.contains("<svg") && picture.contains("forward, f32, plain"), "{picture}");
    let markdown = success(&["export", path]);
    assert!(markdown.starts_with("# Tuning table of ") && markdown.contains(&plan), "{markdown}");

    let explain = |more: &[&str]| {
        let explain = ["explain", "--device", "cpu", "--preset", "tiny", "--table", path];
        success(&[&explain[..], more].concat())
    };
    let explained = explain(&["--pass", "forward"]);
    for said in [plan.as_str(), "source     measured", "roofline", "95%", "tried"] {
        assert!(explained.contains(said), "{said}: {explained}");
    }
    let near = explain(&["--seq", "9", "--pass", "forward"]);
    assert!(near.contains("source     estimated") && near.contains("near       0."), "{near}");
    let ruled = json(&explain(&["--seq", "4000", "--dtype", "f16", "--json"]));
    assert_eq!(ruled[0]["source"], "rule");
    assert_eq!(ruled[0]["plan"], ruled[0]["rule"]);
    // The variable names tables too.
    let output = Command::new(env!("CARGO_BIN_EXE_autotune"))
        .args(["explain", "--device", "cpu", "--preset", "tiny", "--json"])
        .env("TILEWRIGHT_TABLE", path)
        .output()
        .expect("the program starts");
    assert_eq!(json(&text(&output.stdout))[0]["source"], "measured", "{output:?}");

    let verified = success(&["verify", path, "--device", "cpu", "--tolerance", "1e9", "--quiet"]);
    assert!(verified.contains("holds: 2 of its 2 entries"), "{verified}");
    let mut stale = both.clone();
    stale.kernels = "0123456789abcdef".to_owned();
    let old = folder.path().join("old.json");
    stale.save(&old).unwrap();
    let old = old.to_str().unwrap();
    let error = failure(&["verify", old, "--device", "cpu", "--sample", "0"]);
    assert!(error.contains("stale") && error.contains("0123456789abcdef"), "{error}");
    let shown = success(&["show", old]);
    assert!(shown.contains("count as estimates"), "{shown}");
    let error = failure(&[&["run"], &tiny[..7], &[old, "--add"]].concat());
    assert!(error.contains("other kernels"), "{error}");
}

#[test]
fn parts_are_measured_apart_and_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let [one, two, whole, shared] = ["1.json", "2.json", "whole.json", "shared.json"].map(path);
    let tiny = ["run", "--preset", "tiny", "--plans", "2", "--quiet"];
    for (shard, output) in [("1/2", &one), ("2/2", &two)] {
        let device = ["--device", "cpu", "--shard", shard, "--output", output];
        success(&[&tiny[..], &device].concat());
    }
    success(&["merge", &one, &two, "--output", &whole]);
    let merged = Table::load(Path::new(&whole)).unwrap();
    assert_eq!(merged.entries.len(), 2);
    let same = json(&success(&["diff", &one, &whole, "--require", "100", "--json"]));
    assert_eq!((&same["agreement"], &same["only_second"][1]), (&1.0.into(), &Value::Null));
    let twice = success(&["diff", &whole, &whole]);
    assert!(
        twice.contains("2 problems in both; the same plan or one within 2%: 100.0%"),
        "{twice}"
    );

    // One process for each device; here both are the same.
    success(&[&tiny[..], &["--devices", "cpu,cpu", "--output", &shared]].concat());
    let shared_path = shared;
    let shared = Table::load(Path::new(&shared_path)).unwrap();
    let problems = |table: &Table| table.entries.iter().map(|e| e.problem).collect::<Vec<_>>();
    assert_eq!(problems(&shared), problems(&merged));
    assert!(shared.command.contains("--devices cpu,cpu"), "{}", shared.command);
    let more = ["--seq", "7,9", "--add", "--devices", "cpu,cpu", "--output", &shared_path];
    // What another run left in a part's place is not taken for this one's.
    fs::copy(&one, format!("{shared_path}.part1of2")).unwrap();
    success(&[&tiny[..], &more].concat());
    let extended = Table::load(Path::new(&shared_path)).unwrap();
    assert_eq!(extended.entries.len(), 4);
    assert!(shared.entries.iter().all(|entry| extended.entries.contains(entry)), "all are kept");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "no part is left");

    // A part that was done when the whole was cut off is not measured again.
    let part = path("part.json");
    let of_part = [&tiny[..], &["--device", "cpu", "--part", "--output", &part]].concat();
    let [done, again] = [(); 2].map(|()| {
        success(&of_part);
        Table::load(Path::new(&part)).unwrap().entries
    });
    assert_eq!(done, again);

    let mut elsewhere = merged;
    elsewhere.device.name = "another CPU".to_owned();
    elsewhere.save(Path::new(&two)).unwrap();
    let error = failure(&["merge", &one, &two, "--output", &whole]);
    assert!(error.contains("different devices") && error.contains("another CPU"), "{error}");
    // They have nothing in common.
    let error = failure(&["diff", &one, &two, "--require", "101"]);
    assert!(error.contains("101% are required"), "{error}");
}

#[test]
fn mistakes_are_named() {
    let run = |more: &[&str]| failure(&[&["run", "--output", "x.json"], more].concat());
    assert!(run(&["--device", "gpu"]).contains("use auto, cpu, cuda"));
    assert!(run(&["--device", "cpu", "--variant", "softmx"]).contains("softmax"));
    assert!(run(&["--dtype", "f8"]).contains("f32, f16 or bf16"));
    assert!(run(&["--effort", "some"]).contains("quick, normal or full"));
    assert!(run(&["--budget", "long"]).contains("90s, 10m or 1h"));
    assert!(run(&["--shard", "3/2"]).contains("parts are 1/2 to 2/2"));
    assert!(failure(&["run"]).contains("--output"));
    assert!(failure(&["show", "/no/such/table.json"]).contains("/no/such/table.json"));
    let range = ["regret", "--device", "cpu", "--output", "x.json", "--seq", "9,8"];
    assert!(failure(&range).contains("--seq: give the smallest and the largest"));
}

#[test]
fn regret_is_measured_beside_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("regret.json");
    let ranges = ["--seq", "5,9", "--head-dim", "4,8", "--groups", "4,8", "--problems", "1"];
    let how = ["--device", "cpu", "--plans", "3", "--output", output.to_str().unwrap()];
    let shown = success(&[&["regret"], &ranges[..], &how].concat());
    assert!(shown.contains("slower than the best") && shown.contains("rule, median"), "{shown}");
    let found = json(&fs::read_to_string(&output).unwrap());
    assert_eq!(found["both"]["problems"], 2);
    for row in found["problems"].as_array().unwrap() {
        let time = |name: &str| row[name].as_f64().unwrap();
        assert!(time("answer_nanoseconds") >= time("best_nanoseconds"), "{row}");
        assert!(time("rule_nanoseconds") >= time("best_nanoseconds"), "{row}");
    }
}
