//! Checkpoints of the official code: `tests/reference/official.py` wrote them, and what a model with
//! such weights computes.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use tilewright_patchtst::config::{AttentionKind, Config};
use tilewright_patchtst::weights::{official, read_file, start_from};
use tilewright_patchtst::{PatchTst, tensors};

use crate::support::{assert_close, values};

const CHANNELS: usize = 2;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/official").join(name)
}

fn config(assignments: &str) -> Config {
    let mut config = Config::default();
    config.model.attention = AttentionKind::Vanilla;
    for assignment in assignments.lines() {
        config.set(assignment).unwrap();
    }
    config.check().unwrap();
    config
}

#[test]
fn official_checkpoints_compute_the_same() {
    for name in [
        "supervised",
        "supervised_pre_norm",
        "individual",
        "layer_norm",
        "decomposed",
        "self_supervised",
    ] {
        println!("{name}");
        let (case, metadata) = tensors::read(&reference(&format!("{name}.safetensors"))).unwrap();
        let config = config(&metadata["assignments"]);
        let fresh = PatchTst::new(&config.model, CHANNELS, 1, &Device::flex());
        let path = reference(&format!("{name}.pth"));
        let started = start_from(fresh, CHANNELS, &path).unwrap();
        assert!(started.fresh.is_empty());
        let x = Tensor::<3>::from_data(case["x"].clone(), &Device::flex());
        let expected: Vec<f32> = case["y"].iter::<f32>().collect();
        assert_close(&values(&started.model.forward(x, None)), &expected, 1e-5);
    }
}

#[test]
fn another_configuration_is_told_apart() {
    let (_, metadata) = tensors::read(&reference("supervised.safetensors")).unwrap();
    let attempt = |assignment: &str| {
        let config = config(&format!("{}\n{assignment}", metadata["assignments"]));
        let fresh = PatchTst::new(&config.model, CHANNELS, 1, &Device::flex());
        official::load(fresh, CHANNELS, &reference("supervised.pth")).unwrap_err().to_string()
    };
    insta::assert_snapshot!(attempt("model.layers=3"), @"`model.backbone.encoder.layers.2.self_attn.W_Q.weight` is missing; it would be our `network.encoder.layers.2.query.weight`");
    insta::assert_snapshot!(attempt("model.layers=1"), @"`model.backbone.encoder.layers.1.ff.0.bias` has no place in the model");
    insta::assert_snapshot!(attempt("model.d_ff=10"), @"`model.backbone.encoder.layers.0.ff.0.weight` holds 96 numbers, the model needs 80 of them (our `network.encoder.layers.0.expand.weight`)");
    insta::assert_snapshot!(attempt("model.revin_affine=false"), @"`model.revin_layer.affine_bias` has no place in the model");
}

#[test]
fn files_that_hold_no_weights_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.pth");
    std::fs::write(&broken, b"not a checkpoint").unwrap();
    assert!(read_file(&broken).unwrap_err().to_string().contains("broken.pth"));
    let missing = read_file(&folder.path().join("missing.pth")).unwrap_err().to_string();
    assert!(missing.contains("no such file"), "{missing}");
    let other = folder.path().join("weights.txt");
    std::fs::write(&other, b"").unwrap();
    assert!(read_file(&other).unwrap_err().to_string().contains(".safetensors"));
}
