//! `[model]`: the network.

use serde::{Deserialize, Serialize};

use super::{ConfigError, at_least_one, probabilities};

/// The network. Names follow the paper; the official script's name is given where it differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Steps the model sees (`seq_len`).
    pub context: usize,
    /// Steps it predicts (`pred_len`).
    pub horizon: usize,
    /// Steps in one patch.
    pub patch_len: usize,
    /// Steps between the starts of two patches.
    pub stride: usize,
    /// Repeat the last value `stride` times before patching (`padding_patch = end`).
    pub end_padding: bool,
    pub d_model: usize,
    pub heads: usize,
    pub d_ff: usize,
    pub layers: usize,
    /// On the embedding, both residual branches and inside the feed-forward network.
    pub dropout: f64,
    /// After the head's linear layer.
    pub head_dropout: f64,
    /// One head for each channel instead of one for all (`individual`).
    pub individual_head: bool,
    /// Reversible instance normalisation.
    pub revin: bool,
    /// A learned gain and bias for each channel in RevIN (`affine`).
    pub revin_affine: bool,
    /// RevIN subtracts the last value instead of the mean.
    pub subtract_last: bool,
    /// Add the previous layer's scores to this layer's (RealFormer; `res_attention`).
    pub residual_attention: bool,
    /// Which attention computes this.
    pub attention: AttentionKind,
}

/// How attention is computed. All three give the same numbers, up to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttentionKind {
    /// Matrix product, softmax, matrix product, as the official code does.
    Vanilla,
    /// Tilewright's fused kernels; the backward pass recomputes the scores.
    #[default]
    Tuned,
    /// Tilewright's fused kernels; the forward pass saves the scores for the backward pass.
    Saved,
}

impl AttentionKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Vanilla => "vanilla",
            Self::Tuned => "tuned",
            Self::Saved => "saved",
        }
    }
}

impl ModelConfig {
    /// Refuses what cannot be built.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        at_least_one(&[
            ("model.context", self.context),
            ("model.horizon", self.horizon),
            ("model.patch_len", self.patch_len),
            ("model.stride", self.stride),
            ("model.d_model", self.d_model),
            ("model.heads", self.heads),
            ("model.d_ff", self.d_ff),
            ("model.layers", self.layers),
        ])?;
        probabilities(&[
            ("model.dropout", self.dropout),
            ("model.head_dropout", self.head_dropout),
        ])?;
        if !self.d_model.is_multiple_of(self.heads) {
            let reason = format!("must divide model.d_model = {}", self.d_model);
            return Err(ConfigError::invalid("model.heads", self.heads, reason));
        }
        if self.patch_len > self.context {
            let reason = format!("must not exceed model.context = {}", self.context);
            return Err(ConfigError::invalid("model.patch_len", self.patch_len, reason));
        }
        Ok(())
    }

    /// Tokens in one sequence: patches of the (padded) context.
    pub fn tokens(&self) -> usize {
        let padded = self.context + if self.end_padding { self.stride } else { 0 };
        (padded - self.patch_len) / self.stride + 1
    }

    /// The width of one attention head.
    pub fn head_dim(&self) -> usize {
        self.d_model / self.heads
    }
}
