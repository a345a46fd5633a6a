//! Whether the tensors of a batch can be indexed on a device: asked before anything is launched, as
//! a kernel that cannot count its elements ends the device's server instead of giving an error.

use super::{AttentionKind, ConfigError, ModelConfig, Task};

/// Kernels count a tensor's elements in 32 bits.
const MOST_ELEMENTS: u128 = u32::MAX as u128;

/// A tensor that a pass through the model lays out in memory.
struct Activation {
    /// What it is, and the factors of its size.
    what: &'static str,
    /// Its elements for each window of a batch.
    elements: u128,
}

impl ModelConfig {
    /// Refuses a batch of `batch` windows of `channels` channels if one of its tensors has more
    /// elements than kernels can index. Forward and backward pass hold the same shapes, so one
    /// answer serves training and evaluation.
    pub fn check_batch(&self, batch: usize, channels: usize) -> Result<(), ConfigError> {
        match self.too_large(batch, channels) {
            Some(reason) => Err(ConfigError::invalid("train.batch_size", batch, reason)),
            None => Ok(()),
        }
    }

    /// The same of a single window, as forecasts read them: whatever `train.batch_size` is.
    pub fn check_window(&self, channels: usize) -> Result<(), ConfigError> {
        match self.too_large(1, channels) {
            Some(reason) => Err(ConfigError::invalid("model.context", self.context, reason)),
            None => Ok(()),
        }
    }

    /// Which tensor of a batch cannot be indexed, and what to do.
    fn too_large(&self, batch: usize, channels: usize) -> Option<String> {
        let Activation { what, elements } = self.largest_activation(channels)?;
        let all = elements.saturating_mul(batch as u128);
        if all <= MOST_ELEMENTS {
            return None;
        }
        let most = MOST_ELEMENTS / elements;
        let advice = match most {
            0 => "one window alone is too large: use fewer channels, a larger model.stride or a \
                  smaller model.d_model"
                .to_string(),
            most => format!("use at most {most}"),
        };
        Some(format!(
            "with {channels} channels, {what} would be a tensor of {all} elements; kernels index \
             up to {MOST_ELEMENTS}: {advice}"
        ))
    }

    /// The largest tensor of a pass, before heads are pruned.
    fn largest_activation(&self, channels: usize) -> Option<Activation> {
        let product = |factors: &[usize]| {
            factors.iter().fold(1_u128, |all, factor| all.saturating_mul(*factor as u128))
        };
        let tokens = self.tokens();
        let fused = self.attention == AttentionKind::Tuned;
        // Residual attention puts the queries of all layers side by side, unless scores are added.
        let scores_are_added = self.attention == AttentionKind::Vanilla;
        let side_by_side =
            if self.residual_attention && !scores_are_added { self.layers } else { 1 };
        let padding = if self.end_padding { self.stride } else { 0 };
        let mut all = vec![
            (
                "the input (batch x channels x context)",
                product(&[channels, self.context + padding]),
            ),
            (
                "the patches (batch x channels x patches x patch_len)",
                product(&[channels, self.patches(), self.patch_len]),
            ),
            (
                "the tokens (batch x channels x tokens x d_model)",
                product(&[channels, tokens, self.d_model]),
            ),
            (
                "the feed-forward network's inside (batch x channels x tokens x d_ff)",
                product(&[channels, tokens, self.d_ff]),
            ),
            (
                "the queries (batch x channels x tokens x heads x d_k, of all layers where \
                 model.residual_attention is on)",
                product(&[channels, tokens, self.heads, self.head_dim(), side_by_side]),
            ),
            (
                "the values (batch x channels x tokens x heads x d_v)",
                product(&[channels, tokens, self.heads, self.value_dim()]),
            ),
        ];
        if !fused {
            all.push((
                "the scores (batch x channels x heads x tokens x tokens; model.attention=tuned \
                 stores none)",
                product(&[channels, self.heads, tokens, tokens]),
            ));
        }
        if !fused && self.channel_attention {
            all.push((
                "the scores between channels (batch x tokens x heads x channels x channels; \
                 model.attention=tuned stores none)",
                product(&[tokens, self.heads, channels, channels]),
            ));
        }
        if self.task == Task::Forecast {
            let outputs = product(&[channels, self.horizon]);
            all.push(("the forecast (batch x channels x horizon)", outputs));
        }
        let largest = all.into_iter().max_by_key(|(_, elements)| *elements);
        largest
            .filter(|(_, elements)| *elements > 0)
            .map(|(what, elements)| Activation { what, elements })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::presets;

    fn traffic() -> ModelConfig {
        presets::by_name("traffic").expect("a preset").model
    }

    /// The largest batch that is not refused, and why one more is.
    fn most(model: &ModelConfig, channels: usize) -> (usize, String) {
        let fits = |batch: &usize| model.check_batch(*batch, channels).is_ok();
        let most = (1..).take_while(fits).last().unwrap_or(0);
        let error = model.check_batch(most + 1, channels).expect_err("too large");
        (most, error.to_string())
    }

    #[test]
    fn the_largest_batch_is_named_and_fits() {
        let mut model = traffic();
        model.residual_attention = false;
        // 862 channels x 42 tokens x 256 features of the feed-forward network.
        let (found, error) = most(&model, 862);
        assert_eq!(found, u32::MAX as usize / (862 * 42 * 256));
        assert!(error.starts_with("train.batch_size = 464: with 862 channels"), "{error}");
        assert!(error.contains("d_ff") && error.ends_with("use at most 463"), "{error}");
        assert!(error.contains("4300455936 elements") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn residual_attention_holds_the_queries_of_all_layers() {
        // Three layers of 16 heads, 8 wide each: 384 numbers of a token, more than d_ff.
        let (found, error) = most(&traffic(), 862);
        assert_eq!(found, u32::MAX as usize / (862 * 42 * 384));
        assert!(error.contains("the queries"), "{error}");
        // Where scores are added instead, they are stored: 16 x 42 numbers of a token.
        let mut vanilla = traffic();
        vanilla.attention = AttentionKind::Vanilla;
        let (found, error) = most(&vanilla, 862);
        assert_eq!(found, u32::MAX as usize / (862 * 42 * 42 * 16));
        assert!(error.contains("model.attention=tuned"), "{error}");
    }

    #[test]
    fn other_tensors_count_where_they_are_the_largest() {
        let mut long = traffic();
        long.horizon = 1_000_000;
        assert!(most(&long, 862).1.contains("horizon"));
        let mut between = traffic();
        (between.attention, between.channel_attention) = (AttentionKind::Saved, true);
        assert!(most(&between, 862).1.contains("scores between channels"));
        let mut patches = traffic();
        (patches.patch_len, patches.stride, patches.end_padding) = (1000, 1, false);
        (patches.context, patches.d_ff) = (1336, 128);
        assert!(most(&patches, 862).1.contains("patch_len"));
    }

    #[test]
    fn a_single_window_may_be_too_large() {
        let error = traffic().check_batch(1, usize::MAX).expect_err("too large").to_string();
        assert!(error.contains("one window alone is too large"), "{error}");
        // A forecast reads no train.batch_size.
        let error = traffic().check_window(usize::MAX).expect_err("too large").to_string();
        assert!(error.starts_with("model.context = 336: with"), "{error}");
        assert!(!error.contains("train.batch_size") && !error.contains('\n'), "{error}");
        traffic().check_window(862).expect("a window fits");
        traffic().check_batch(24, 862).expect("the preset's own batch");
        traffic().check_batch(usize::MAX, 0).expect("nothing to index");
    }
}
