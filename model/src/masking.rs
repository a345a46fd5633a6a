//! Which patches masked pretraining hides: a pure function of a seed.

use burn::tensor::TensorData;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::config::{MaskKind, PretrainConfig};

/// The masks of a batch, `[batch, channels, patches]` with 1 where a patch is hidden.
///
/// Random masks hide `patches - floor(patches * (1 - mask_ratio))` patches of each series, as the
/// official code does (section 3.2 of the paper). Forecast masks hide the last patches; how many is
/// drawn for each window among `forecast_patches`, evenly over the batch.
pub fn masks(
    config: &PretrainConfig,
    [batch, channels, patches]: [usize; 3],
    seed: u64,
) -> TensorData {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut masks = vec![0.0_f32; batch * channels * patches];
    let lengths = forecast_lengths(config, batch, &mut rng);
    let hidden = patches - (patches as f64 * (1.0 - config.mask_ratio)).floor() as usize;
    let mut order: Vec<usize> = (0..patches).collect();
    for (place, mask) in masks.chunks_mut(patches).enumerate() {
        let (window, channel) = (place / channels, place % channels);
        match config.mask {
            MaskKind::Random => {
                if channel == 0 || !config.channel_consistent {
                    order.shuffle(&mut rng);
                }
                for patch in &order[..hidden] {
                    mask[*patch] = 1.0;
                }
            }
            MaskKind::Forecast => {
                let from = patches.saturating_sub(lengths[window]);
                mask[from..].fill(1.0);
            }
        }
        if config.unmasked_channels.contains(&channel) {
            mask.fill(0.0);
        }
    }
    TensorData::new(masks, [batch, channels, patches])
}

/// How many patches each window of a batch loses.
fn forecast_lengths(config: &PretrainConfig, batch: usize, rng: &mut impl Rng) -> Vec<usize> {
    let choices = &config.forecast_patches;
    if config.mask == MaskKind::Random || choices.is_empty() {
        return Vec::new();
    }
    let mut lengths: Vec<usize> =
        (0..batch).map(|window| choices[window % choices.len()]).collect();
    lengths.shuffle(rng);
    lengths
}
