//! Self-supervised learning and what follows it, and pruning while training.

use std::path::Path;

use tilewright_patchtst::config::Config;
use tilewright_patchtst::tensors::{self, NamedTensors};
use tilewright_patchtst::train::checkpoint::Checkpoint;
use tilewright_patchtst::train::report::Metrics;
use tilewright_patchtst::train::training_loop::Outcome;

use crate::support::{tiny, train};

fn set(mut config: Config, assignments: &[&str]) -> Config {
    for assignment in assignments {
        config.set(assignment).unwrap();
    }
    config.check().unwrap();
    config
}

fn finished(outcome: Outcome) -> Metrics {
    match outcome {
        Outcome::Finished(metrics) => *metrics,
        Outcome::Interrupted => panic!("interrupted"),
    }
}

fn checkpoint(runs: &Path, name: &str) -> Checkpoint {
    Checkpoint::read(&runs.join(name).join("checkpoint.safetensors")).unwrap()
}

/// The newest weights, of the encoder or of the head.
fn weights(runs: &Path, name: &str, part: &str) -> NamedTensors {
    let (all, _) = tensors::read(&runs.join(name).join("checkpoint.safetensors")).unwrap();
    let mut weights = tensors::section(&all, &format!("model.network.{part}"));
    weights.retain(|name, _| !name.contains("running_"));
    weights
}

const SELF_SUPERVISED: [&str; 3] =
    ["model.end_padding=false", "model.patch_len=8", "model.residual_attention=false"];

#[test]
fn a_pretrained_encoder_is_probed_and_then_fine_tuned() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path();
    let pretrain = set(tiny(runs, "pretrained"), &SELF_SUPERVISED);
    let pretrain =
        set(pretrain, &["model.task=pretrain", "train.epochs=6", "train.learning_rate=3e-3"]);
    let metrics = finished(train(&pretrain, false, None));
    assert!(metrics.naive.is_none());
    // Zeros, which is what hidden patches are shown as, would be off by the variance: about one.
    assert!(metrics.val.loss() < 0.9, "{metrics:?}");

    let probe = set(tiny(runs, "probed"), &SELF_SUPERVISED);
    let from = format!("train.weights={}", runs.join("pretrained").display());
    let probe = set(probe, &[&from, "train.freeze_epochs=2", "train.epochs=3"]);
    // Two epochs, stopped at their end, and then the third.
    let batches = 320 / 64;
    assert!(matches!(train(&probe, false, Some(2 * batches)), Outcome::Interrupted));
    let taken = checkpoint(runs, "pretrained").weights();
    let encoder = tensors::section(&taken, "network.encoder");
    for (name, data) in weights(runs, "probed", "encoder") {
        assert_eq!(data, encoder[&name], "{name} was to be frozen");
    }
    let head = weights(runs, "probed", "head");
    finished(train(&probe, true, None));
    for (name, data) in weights(runs, "probed", "encoder") {
        assert_ne!(data, encoder[&name], "{name} was to be trained");
    }
    assert_ne!(head, weights(runs, "probed", "head"));

    // The same without a stop gives the same bits.
    let mut straight = probe.clone();
    straight.runtime.name = "straight".into();
    finished(train(&straight, false, None));
    assert_eq!(weights(runs, "straight", "encoder"), weights(runs, "probed", "encoder"));
    assert_eq!(weights(runs, "straight", "head"), weights(runs, "probed", "head"));
}

#[test]
fn heads_are_pruned_while_training_and_a_resumed_run_knows() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path();
    let keys = ["prune.dynamic=2", "prune.after_epochs=1", "train.epochs=3", "prune.batches=2"];
    let config = set(tiny(runs, "whole"), &keys);
    let whole = finished(train(&config, false, None));
    let mut stopped = config.clone();
    stopped.runtime.name = "stopped".into();
    assert!(matches!(train(&stopped, false, Some(8)), Outcome::Interrupted));
    let resumed = finished(train(&stopped, true, None));
    assert_eq!((whole.test, whole.parameters), (resumed.test, resumed.parameters));
    let unpruned = finished(train(&set(tiny(runs, "unpruned"), &["train.epochs=1"]), false, None));
    assert!(whole.parameters < unpruned.parameters);
    // What is left can be used.
    let device = burn::tensor::Device::flex();
    let model = checkpoint(runs, "whole").model(&config, &device).unwrap();
    assert!(model.heads().kept.iter().all(|heads| heads.len() == 2), "{:?}", model.heads());
}

#[test]
fn named_heads_are_left_out_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = set(
        tiny(folder.path(), "named"),
        &["prune.heads={ 0 = [1], 1 = [0, 3] }", "train.epochs=1"],
    );
    finished(train(&config, false, None));
    let device = burn::tensor::Device::flex();
    let model = checkpoint(folder.path(), "named").model(&config, &device).unwrap();
    assert_eq!(model.heads().kept, vec![vec![0, 2, 3], vec![1, 2]]);
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    finished(train(&set(tiny(folder.path(), "small"), &["train.epochs=1"]), false, None));
    let from = format!("train.weights={}", folder.path().join("small").display());
    let wide = set(tiny(folder.path(), "wide"), &[&from, "model.d_ff=48"]);
    let data = tilewright_patchtst::data::Data::open(&wide).unwrap();
    let runtime = tilewright_patchtst::runtime::open(&wide).unwrap();
    let run = tilewright_patchtst::train::run_folder::RunFolder::create(&wide).unwrap();
    let trainer = tilewright_patchtst::train::training_loop::Trainer::new(
        wide,
        run,
        &runtime,
        data,
        false,
        std::sync::Arc::default(),
    );
    let text = format!("{:#}", trainer.err().unwrap());
    assert!(text.contains("train.weights") && text.contains("contract"), "{text}");
}

#[test]
fn variants_are_named_in_the_configuration_one_for_each_layer() {
    let folder = tempfile::tempdir().unwrap();
    let config = set(
        tiny(folder.path(), "variants"),
        &[
            "model.attention=tuned",
            "model.variant=blocked(block = 3); softcap(20)",
            "train.epochs=1",
        ],
    );
    let metrics = finished(train(&config, false, None));
    assert!(metrics.test.loss().is_finite());
    let plain = set(tiny(folder.path(), "plain"), &["model.attention=tuned", "train.epochs=1"]);
    assert_ne!(finished(train(&plain, false, None)).test.loss(), metrics.test.loss());
    let refused = |variant: &str| {
        let mut config = config.clone();
        config.set(&format!("model.variant={variant}")).unwrap();
        config.check().unwrap_err().to_string()
    };
    for (variant, says) in [
        ("blockd(3)", "blocked"),
        ("blocked", "block: u32"),
        ("blocked(size = 3)", "no parameter `size`"),
        ("blocked(3", "lacks its `)`"),
        ("blocked(three)", "`three` is not a number"),
        ("softmax; softmax; softmax", "3 variants for model.layers = 2"),
        ("alibi(1, 2, 3, 4, 5, 6, 7, 8, 9)", "too many values"),
        ("dense_bias", "dense_bias"),
    ] {
        let text = refused(variant);
        assert!(text.contains(says) && !text.contains('\n'), "{variant}: {text}");
    }
}
