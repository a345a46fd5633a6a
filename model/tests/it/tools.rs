//! The commands around training, as a person calls them: seeds, comparisons, sweeps, the finder of
//! learning rates, forecasts of many series.

use std::path::Path;

use tilewright_patchtst::config::overrides;
use tilewright_patchtst::sweep::{Dimension, cells};

use crate::cli::{patchtst, text};

const SMALL: [&str; 8] = [
    "--preset",
    "tiny",
    "--device",
    "cpu",
    "model.attention=vanilla",
    "runtime.cache=off",
    "train.epochs=1",
    "data.max_windows=64",
];

/// Runs a command that must succeed: what it printed on both streams.
#[track_caller]
fn run(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = patchtst(folder, arguments);
    let (out, err) = text(&output);
    assert!(output.status.success(), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn is_png(path: &Path) -> bool {
    std::fs::read(path).unwrap().starts_with(b"\x89PNG")
}

#[test]
fn seeds_and_their_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let seeds = |count: &str| {
        let arguments = ["train", "--seeds", count, "runtime.name=group"];
        run(here, &[&arguments[..], &SMALL[..]].concat())
    };
    let (out, _) = seeds("2");
    assert!(out.contains("deviation") && out.contains("2021") && out.contains("2022"), "{out}");
    let report = json(&here.join("runs/group/seeds.json"));
    let of = |seed: usize| report["seeds"][seed]["test"]["mse"].as_f64().unwrap();
    let (first, second) = (of(0), of(1));
    assert!(first != second, "seeds make a difference");
    let (mean, std) = (&report["test"]["mse"]["mean"], &report["test"]["mse"]["std"]);
    assert!((mean.as_f64().unwrap() - (first + second) / 2.0).abs() < 1e-12);
    let expected = (first - second).abs() / 2.0_f64.sqrt();
    assert!((std.as_f64().unwrap() - expected).abs() < 1e-12, "{std} {expected}");

    // One more: the finished ones are not trained again.
    let checkpoint = here.join("runs/group/seed-2021/checkpoint.safetensors");
    let written = std::fs::metadata(&checkpoint).unwrap().modified().unwrap();
    let (_, err) = run(here, &["train", "--seeds", "3", "--resume", "runs/group"]);
    assert!(err.contains("seed 2021: finished") && err.contains("seed-2023"), "{err}");
    assert_eq!(std::fs::metadata(&checkpoint).unwrap().modified().unwrap(), written);
    assert_eq!(json(&here.join("runs/group/seeds.json"))["seeds"].as_array().unwrap().len(), 3);

    let refused = patchtst(here, &["train", "--resume", "runs/group"]);
    assert!(text(&refused).1.contains("--seeds"), "{}", text(&refused).1);

    let (out, _) = run(here, &["compare", "runs/group", "--plot", "losses.png"]);
    assert!(out.contains("seed-2023") && out.contains("train.seed"), "{out}");
    assert!(!out.contains("model.d_model"), "only what differs: {out}");
    assert!(is_png(&here.join("losses.png")));
    let (out, _) =
        run(here, &["compare", "runs/group/seed-2021", "runs/group/seed-2022", "--json"]);
    let compared: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(compared["runs"][1]["settings"]["train.seed"], "2022");
    assert_eq!(compared["runs"][0]["metrics"]["test"]["mse"].as_f64(), Some(first));
    assert_eq!(compared["runs"][0]["epochs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_sweep_goes_on_past_what_fails_and_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let arguments =
        ["sweep", "--patch-size", "8,16,400", "--attention", "vanilla,saved", "--output", "swept"];
    let arguments = [&arguments[..], &SMALL[..]].concat();
    // The last cannot be configured, which ends nothing.
    let (out, err) = run(here, &arguments);
    assert!(err.contains("model.patch_len = 400"), "{err}");
    assert_eq!(err.matches("begins on cpu").count(), 4, "{err}");
    assert_eq!(out.matches("failed").count(), 2, "{out}");
    let report = json(&here.join("swept/sweep.json"));
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    for row in &rows[..4] {
        let outcome = &row["outcome"];
        let seconds = |key: &str| outcome[key].as_f64().unwrap();
        let parts = seconds("data_seconds") + seconds("compute_seconds");
        assert!((parts - seconds("seconds")).abs() < 1e-9, "{row}");
        if row["settings"]["attention"] == "vanilla" {
            assert_eq!(outcome["speedup_percent"], 0.0, "{row}");
        }
        assert!(outcome["speedup_percent"].is_number(), "{row}");
    }
    let test = |row: usize| rows[row]["outcome"]["test"]["mse"].as_f64().unwrap();
    assert!((test(0) - test(1)).abs() < 1e-4, "both attentions compute the same");
    for file in ["sweep.csv", "sweep.md", "sweep.svg", "sweep-errors.svg"] {
        assert!(here.join("swept").join(file).is_file(), "{file}");
    }
    assert!(is_png(&here.join("swept/sweep.png")));

    // One run is lost: only that one is trained again.
    std::fs::remove_file(here.join("swept/patch_size-16_attention-vanilla/metrics.json")).unwrap();
    let (_, err) = run(here, &arguments);
    assert_eq!(err.matches("begins on cpu").count(), 1, "{err}");
    assert_eq!(
        json(&here.join("swept/sweep.json"))["rows"][2]["outcome"]["test"],
        rows[2]["outcome"]["test"]
    );

    let other = [&arguments[..], &["train.learning_rate=0.5"]].concat();
    let refused = patchtst(here, &other);
    assert!(text(&refused).1.contains("other settings"), "{}", text(&refused).1);
}

#[test]
fn each_cell_of_a_sweep_is_completed_by_its_own_cases() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name).display().to_string();
        std::fs::write(&path, text).unwrap();
        path
    };
    let short = write("short.ts", "@classLabel true a b\n@data\n1,2,3,4:a\n");
    let long = write("long.ts", "@classLabel true a b c\n@data\n1,2,3,4,5,6:a\n");
    let vary = [Dimension::vary(&format!("data.train={short},{long},gone.ts")).unwrap()];
    let labels = "[model]\npatch_len = 2\ntask = \"classification\"\n";
    let series = "[model]\npatch_len = 2\n";
    let task = Dimension::vary("model.task=classification").unwrap();
    let both = [vec![task], vary.to_vec()].concat();
    // The task may be varied too: what a series says of its windows is forgotten.
    for (base, dimensions) in [(labels, &vary[..]), (series, &both)] {
        let base = overrides::from_toml(base).unwrap();
        let cells = cells(&base, dimensions, folder.path()).unwrap();
        let shape = |place: usize| {
            let model = &cells[place].member.as_ref().unwrap().config.model;
            (model.context, model.targets)
        };
        assert_eq!((shape(0), shape(1)), ((4, 2), (6, 3)));
        let error = cells[2].member.as_ref().unwrap_err();
        assert!(error.contains("data.train") && error.contains("gone.ts"), "{error}");
    }
}

#[test]
fn learning_rates_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let arguments = ["find-lr", "--steps", "40", "--output", "found"];
    let (out, _) = run(here, &[&arguments[..], &SMALL[..]].concat());
    assert!(out.contains("train.learning_rate="), "{out}");
    let rows = std::fs::read_to_string(here.join("found/find-lr.csv")).unwrap();
    assert!(rows.starts_with("learning_rate,loss,smoothed\n1e-7,"), "{rows}");
    assert!(is_png(&here.join("found/find-lr.png")) && here.join("found/find-lr.svg").exists());
    let refused =
        patchtst(here, &["find-lr", "--steps", "3", "--preset", "tiny", "--device", "cpu"]);
    assert!(text(&refused).1.contains("at least 20"), "{}", text(&refused).1);
}

#[test]
fn many_series_are_forecast_each_into_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    run(here, &[&["train", "runtime.name=run"][..], &SMALL[..]].concat());
    let config = tilewright_patchtst::config::Config::from_file(&here.join("runs/run/config.toml"));
    let series = tilewright_patchtst::data::SeriesData::open(&config.unwrap()).unwrap().series;
    std::fs::create_dir(here.join("shops")).unwrap();
    series.write(&here.join("shops/north.csv")).unwrap();
    series.write(&here.join("shops/south.csv")).unwrap();
    std::fs::write(here.join("shops/west.csv"), "date,c0\n2020-01-01,1\n").unwrap();
    std::fs::write(here.join("shops/notes.txt"), "not a series").unwrap();
    let checkpoint = "runs/run/checkpoint.safetensors";
    let arguments = ["forecast", "--checkpoint", checkpoint, "--input", "shops", "--horizon", "30"];
    let output = patchtst(
        here,
        &[&arguments[..], &["--output", "forecasts", "--plot", "pictures", "--device", "cpu"]]
            .concat(),
    );
    let (_, err) = text(&output);
    assert!(!output.status.success(), "one series has no such columns");
    assert!(err.contains("west lacks columns") && err.contains("1 of 3 series"), "{err}");
    let rows = |name: &str| std::fs::read_to_string(here.join(name)).unwrap();
    assert_eq!(rows("forecasts/north.csv").lines().count(), 31);
    assert_eq!(rows("forecasts/north.csv"), rows("forecasts/south.csv"));
    assert!(is_png(&here.join("pictures/south.png")));
    assert!(!here.join("forecasts/west.csv").exists());

    let arguments = ["forecast", "--run", "runs/run", "--output", "next.csv", "--plot", "next.jpg"];
    let refused = patchtst(here, &arguments);
    assert!(text(&refused).1.contains(".svg or .png"), "{}", text(&refused).1);
    let refused = patchtst(here, &["forecast", "--output", "next.csv"]);
    assert!(text(&refused).1.contains("--run"), "{}", text(&refused).1);
}
