//! Whole runs on the CPU.

use std::path::Path;

use tilewright_patchtst::config::Config;
use tilewright_patchtst::train::checkpoint::Checkpoint;
use tilewright_patchtst::train::training_loop::Outcome;

use crate::support::{tiny, train};

fn files(config: &Config) -> (Vec<u8>, Vec<[String; 4]>) {
    let folder = Path::new(&config.runtime.runs).join(&config.runtime.name);
    let (tensors, _) =
        tilewright_patchtst::tensors::read(&folder.join("checkpoint.safetensors")).unwrap();
    let bytes = tensors.iter().flat_map(|(name, data)| {
        name.bytes().chain(data.as_bytes().iter().copied()).collect::<Vec<_>>()
    });
    // Without the columns that hold seconds.
    let losses =
        csv::Reader::from_path(folder.join("losses.csv")).unwrap().into_records().map(|row| {
            let row = row.unwrap();
            [0, 1, 2, 4].map(|column| row[column].to_string())
        });
    (bytes.collect(), losses.collect())
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let whole = tiny(folder.path(), "whole");
    assert!(whole.model.ff_dropout > 0.0, "dropout is part of what must be resumed");
    let Outcome::Finished(expected) = train(&whole, false, None) else { panic!("not interrupted") };

    // Five steps in an epoch: stopped in the middle of the first and of the second.
    let parts = tiny(folder.path(), "parts");
    assert!(matches!(train(&parts, false, Some(2)), Outcome::Interrupted));
    assert!(matches!(train(&parts, true, Some(7)), Outcome::Interrupted));
    let Outcome::Finished(found) = train(&parts, true, None) else {
        panic!("not interrupted again")
    };

    let (expected_bytes, expected_losses) = files(&whole);
    let (bytes, losses) = files(&parts);
    assert_eq!(losses, expected_losses);
    assert!(bytes == expected_bytes, "weights or moments differ");
    assert_eq!((found.test, found.val, found.steps), (expected.test, expected.val, expected.steps));
}

#[test]
fn training_beats_what_it_started_from_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "run");
    config.train.epochs = 3;
    config.train.test_each_epoch = true;
    config.data.workers = 2;
    let Outcome::Finished(metrics) = train(&config, false, None) else { panic!("not interrupted") };
    assert!(metrics.test.loss() < metrics.naive.unwrap().last_value.mse, "{metrics:?}");
    assert_eq!((metrics.epochs, metrics.steps, metrics.windows.train), (3, 15, 320));
    assert!(metrics.test_drop_last.is_some());
    assert_eq!(metrics.naive.unwrap().seasonal.map(|s| s.period), Some(24));
    let run = folder.path().join("run");
    for file in [
        "config.toml",
        "checkpoint.safetensors",
        "losses.csv",
        "metrics.json",
        "log.jsonl",
        "forecast.svg",
        "forecast.png",
        "losses.svg",
        "losses.png",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("metrics.json")).unwrap()).unwrap();
    for key in [
        "test",
        "val",
        "naive",
        "epoch_seconds",
        "data_seconds",
        "time_to_first_step_seconds",
        "device",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert!(json["naive"]["seasonal"]["mse"].is_number());
    assert_eq!(Config::from_file(&run.join("config.toml")).unwrap(), config);
}

#[test]
fn patience_ends_a_run_and_the_best_weights_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "patience");
    config.train.epochs = 50;
    config.train.patience = 1;
    // So fast that it cannot keep improving.
    config.train.learning_rate = 0.3;
    config.data.max_windows = 64;
    let Outcome::Finished(metrics) = train(&config, false, None) else { panic!("not interrupted") };
    assert!(metrics.stopped_early && metrics.epochs < 50, "{metrics:?}");
    assert_eq!(metrics.best_epoch, metrics.epochs - 1);
    let checkpoint =
        Checkpoint::read(&folder.path().join("patience/checkpoint.safetensors")).unwrap();
    let best = checkpoint.position.rows[metrics.best_epoch - 1].val;
    assert!(
        (best - metrics.val.loss()).abs() < 1e-9 * best.max(1.0),
        "{best} {}",
        metrics.val.loss()
    );
    // A finished run resumes to the same result, without training.
    let Outcome::Finished(again) = train(&config, true, None) else { panic!("not interrupted") };
    assert_eq!((again.steps, again.test), (metrics.steps, metrics.test));
}

#[test]
fn prepared_batches_do_not_change_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (mut inline, mut workers) = (tiny(folder.path(), "inline"), tiny(folder.path(), "workers"));
    (inline.train.epochs, workers.train.epochs) = (1, 1);
    workers.data.workers = 3;
    train(&inline, false, None);
    train(&workers, false, None);
    assert_eq!(files(&inline), files(&workers));
}

#[test]
fn one_target_from_all_channels() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "ms");
    config.train.epochs = 1;
    config.data.features = "MS".into();
    config.data.target = "c1".into();
    config.model.individual_head = true;
    let Outcome::Finished(metrics) = train(&config, false, None) else { panic!("not interrupted") };
    assert!(metrics.test.loss().is_finite());
    let checkpoint = Checkpoint::read(&folder.path().join("ms/checkpoint.safetensors")).unwrap();
    assert_eq!(checkpoint.facts.outputs, ["c1"]);
    assert_eq!(checkpoint.facts.output, Some(1));
}
