//! Tensor files: round trip, and files that are not whole.

use std::collections::BTreeMap;

use burn::tensor::{Device, TensorData};
use proptest::prelude::*;
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::config::presets;
use tilewright_patchtst::tensors::{self, NamedTensors};

fn sample() -> NamedTensors {
    BTreeMap::from([
        ("a".to_string(), TensorData::new(vec![1.0_f32, -2.5, f32::MIN_POSITIVE], [3])),
        ("b.c".to_string(), TensorData::new((0..6).map(|v| v as f32).collect(), [2, 3])),
    ])
}

#[test]
fn files_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let metadata = BTreeMap::from([("k".to_string(), "v \"quoted\"".to_string())]);
    tensors::write(&path, &sample(), &metadata).unwrap();
    assert_eq!(tensors::read(&path).unwrap(), (sample(), metadata));
    // Nothing but the file is left: the temporary one got its name.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_model_of_another_shape_is_refused_by_name() {
    let mut config = presets::by_name("tiny").unwrap().model;
    let small = tensors::of_module(&PatchTst::new(&config, 2, 1, &Device::flex()));
    config.d_ff *= 2;
    let large = PatchTst::new(&config, 2, 1, &Device::flex());
    let error = tensors::into_module(large, small).unwrap_err().to_string();
    assert!(error.contains("encoder.layers.0.expand"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_files_are_errors(cut in 0_usize..200, flip in 0_usize..200, bit in 0_u8..8) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        tensors::write(&path, &sample(), &BTreeMap::new()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..cut.min(whole.len() - 1)]).unwrap();
        prop_assert!(tensors::read(&path).is_err());
        // A flipped bit may hit a number, but it never panics.
        let mut flipped = whole.clone();
        let at = flip % flipped.len();
        flipped[at] ^= 1 << bit;
        std::fs::write(&path, &flipped).unwrap();
        let _ = tensors::read(&path);
    }
}
