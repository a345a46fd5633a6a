//! `[pretrain]`: what self-supervised learning hides, where `model.task = pretrain`.

use serde::{Deserialize, Serialize};

use super::{ConfigError, ModelConfig, Task};

/// How patches are masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// `random` patches, or the last ones: `forecast`.
    pub mask: MaskKind,
    /// The share of patches that random masks hide (`mask_ratio`).
    pub mask_ratio: f64,
    /// All channels of a window lose the same patches.
    pub channel_consistent: bool,
    /// How many of the last patches forecast masks hide: for each window one of these.
    pub forecast_patches: Vec<usize>,
    /// Channels that lose nothing, by number from 0.
    pub unmasked_channels: Vec<usize>,
}

/// Where masks lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskKind {
    #[default]
    Random,
    Forecast,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        Self {
            mask: MaskKind::Random,
            mask_ratio: 0.4,
            channel_consistent: false,
            forecast_patches: vec![2],
            unmasked_channels: Vec::new(),
        }
    }
}

impl PretrainConfig {
    /// Refuses what hides nothing or everything.
    pub(super) fn check(&self, model: &ModelConfig) -> Result<(), ConfigError> {
        let (ratio, patches) = (self.mask_ratio, model.patches());
        if !(ratio > 0.0 && ratio < 1.0) {
            let reason = "must lie between 0 and 1";
            return Err(ConfigError::invalid("pretrain.mask_ratio", ratio, reason));
        }
        if model.task != Task::Pretrain {
            return Ok(());
        }
        let fits = |length: &usize| *length > 0 && *length < patches;
        if self.forecast_patches.is_empty() || !self.forecast_patches.iter().all(fits) {
            return Err(ConfigError::invalid(
                "pretrain.forecast_patches",
                format!("{:?}", self.forecast_patches),
                format!(
                    "must name numbers between 1 and {}, one less than all patches",
                    patches - 1
                ),
            ));
        }
        Ok(())
    }
}
