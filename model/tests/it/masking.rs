//! Masked pretraining: what is hidden, and that a model learns to fill it in.

use burn::tensor::{Device, Tensor};
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::config::{MaskKind, PretrainConfig};
use tilewright_patchtst::masking::masks;

use crate::support::{random, values};

const SHAPE: [usize; 3] = [6, 3, 10];

fn drawn(config: &PretrainConfig, seed: u64) -> Vec<Vec<f32>> {
    let masks: Vec<f32> = masks(config, SHAPE, seed).iter::<f32>().collect();
    masks.chunks(SHAPE[2]).map(<[f32]>::to_vec).collect()
}

#[test]
fn random_masks_hide_their_share_of_each_series() {
    let config = PretrainConfig { mask_ratio: 0.45, ..PretrainConfig::default() };
    let masks = drawn(&config, 1);
    // floor(10 * 0.55) patches are kept.
    assert!(masks.iter().all(|mask| mask.iter().sum::<f32>() == 5.0));
    assert_eq!(masks, drawn(&config, 1));
    assert_ne!(masks, drawn(&config, 2));
    assert!(masks[..3].windows(2).any(|pair| pair[0] != pair[1]), "channels are drawn apart");
    let config = PretrainConfig { channel_consistent: true, ..config };
    for window in drawn(&config, 1).chunks(3) {
        assert!(window.iter().all(|mask| *mask == window[0]));
    }
}

#[test]
fn forecast_masks_hide_the_end() {
    let config = PretrainConfig {
        mask: MaskKind::Forecast,
        forecast_patches: vec![2, 5],
        unmasked_channels: vec![1],
        ..PretrainConfig::default()
    };
    let masks = drawn(&config, 3);
    let mut lengths = Vec::new();
    for window in masks.chunks(3) {
        let hidden = window[0].iter().sum::<f32>() as usize;
        assert!(window[0][10 - hidden..].iter().all(|hidden| *hidden == 1.0));
        assert!(window[1].iter().all(|hidden| *hidden == 0.0), "an unmasked channel");
        assert_eq!(window[0], window[2]);
        lengths.push(hidden);
    }
    lengths.sort_unstable();
    assert_eq!(lengths, [2, 2, 2, 5, 5, 5]);
}

#[test]
fn only_hidden_patches_are_measured_and_none_is_seen() {
    let mut config = tilewright_patchtst::config::presets::by_name("tiny").unwrap();
    for assignment in ["model.task=pretrain", "model.attention=vanilla", "model.end_padding=false"]
    {
        config.set(assignment).unwrap();
    }
    config.check().unwrap();
    let device = Device::flex();
    let model = PatchTst::new(&config.model, 3, 1, &device);
    let count = config.model.patches();
    let x = random([2, 3, config.model.context], 4, &device);
    let mask = masks(&config.pretrain, [2, 3, count], 9);
    let mask = Tensor::<3>::from_data(mask, &device);
    let loss = values(&model.loss(x.clone(), mask.clone(), None, None))[0];
    let filled = model.reconstruct(x, mask.clone(), None);
    let errors = values(&(filled.predicted.clone() - filled.patches).square().mean_dim(3));
    let mask = values(&mask);
    let hidden: f32 = mask.iter().sum();
    let expected: f32 = errors.iter().zip(&mask).map(|(error, m)| error * m).sum::<f32>() / hidden;
    assert!((loss - expected).abs() < 1e-5 * expected, "{loss} {expected}");
}
