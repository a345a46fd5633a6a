//! `[model]`: the network.

use serde::{Deserialize, Serialize};

use super::options::{
    Activation, Alignment, AttentionKind, LossKind, NormKind, NormOrder, OutputKind, Pooling,
    PositionKind, Precision, Scaling, Task,
};
use super::{ConfigError, VariantName, at_least_one, probabilities};

/// The network. Names follow the paper; the official script's name is given where it differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// What the head is for.
    pub task: Task,
    /// Steps the model sees (`seq_len`). In classification and regression 0 is as many as the cases
    /// have.
    pub context: usize,
    /// Steps it predicts (`pred_len`).
    pub horizon: usize,
    /// Steps in one patch.
    pub patch_len: usize,
    /// Steps between the starts of two patches.
    pub stride: usize,
    /// Repeat the last value `stride` times before patching (`padding_patch = end`).
    pub end_padding: bool,
    /// Which end of the context loses the steps that fill no patch.
    pub patch_from: Alignment,
    pub d_model: usize,
    pub heads: usize,
    /// The width of one head's queries and keys; 0: `d_model / heads`.
    pub d_k: usize,
    /// The width of one head's values; 0: `d_model / heads`.
    pub d_v: usize,
    pub d_ff: usize,
    pub layers: usize,
    /// In the feed-forward network (`act`).
    pub activation: Activation,
    pub norm: NormKind,
    pub norm_order: NormOrder,
    /// Bias in the feed-forward network.
    pub ff_bias: bool,
    /// One patch embedding for all channels instead of one for each.
    pub shared_embedding: bool,
    /// The positional encoding (`pe`).
    pub position: PositionKind,
    /// Train the positional encoding (`learn_pe`).
    pub learn_position: bool,
    /// A learned token before the patches; the head reads it alone.
    pub cls_token: bool,
    /// After attention over time, attention over channels with the same weights.
    pub channel_attention: bool,
    /// On the attention's weights.
    pub attention_dropout: f64,
    /// On the embedded patches. `model.dropout=0.2` sets this and the next three.
    pub position_dropout: f64,
    /// After the attention's output projection.
    pub projection_dropout: f64,
    /// On both residual branches.
    pub path_dropout: f64,
    /// Inside the feed-forward network.
    pub ff_dropout: f64,
    /// In the head.
    pub head_dropout: f64,
    /// The head drops before its linear layer, as Hugging Face's does; the official drops after.
    pub head_dropout_first: bool,
    /// One head for each channel instead of one for all (`individual`).
    pub individual_head: bool,
    /// What the head reads: all tokens, or one vector made of them.
    pub pooling: Pooling,
    /// A point, or the parameters of a distribution for each step.
    pub output: OutputKind,
    /// What a point forecast is trained by; distributions by their likelihood.
    pub loss: LossKind,
    /// Classes, or numbers to regress; 0: as many as the cases have.
    pub targets: usize,
    /// Regression: the smallest and the largest output; both 0: no bounds.
    pub output_range: [f64; 2],
    /// How a window is normalised (RevIN).
    pub scaling: Scaling,
    /// A learned gain and bias for each channel in RevIN (`affine`).
    pub revin_affine: bool,
    /// Steps of the moving average that parts trend from season, a network for each; 0: one network.
    pub decomposition: usize,
    /// Add the previous layer's scores to this layer's (RealFormer; `res_attention`).
    pub residual_attention: bool,
    /// Which attention computes this.
    pub attention: AttentionKind,
    /// What activations are held and multiplied in, in training, evaluation and forecasts; weights
    /// are f32 with either, so that a run goes on, or forecasts, in the other.
    pub precision: Precision,
    /// The attention variant by name, with its parameters, as in `blocked(block = 8)`; one for all
    /// layers, or one for each with semicolons between.
    pub variant: String,
}

/// What 31 bits can count.
const MOST_NUMBERS: u128 = (1 << 31) - 1;
/// More layers than this are a slip of the keyboard.
const MOST_LAYERS: usize = 1000;

impl ModelConfig {
    /// Refuses what cannot be built.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // Labelled cases may decide these; what rests on them is asked again when they have.
        let open = self.task.is_labelled();
        at_least_one(&[
            ("model.context", self.context.max(usize::from(open))),
            ("model.targets", self.targets.max(usize::from(open))),
            ("model.horizon", self.horizon),
            ("model.patch_len", self.patch_len),
            ("model.stride", self.stride),
            ("model.d_model", self.d_model),
            ("model.heads", self.heads),
            ("model.d_ff", self.d_ff),
            ("model.layers", self.layers),
        ])?;
        probabilities(&[
            ("model.attention_dropout", self.attention_dropout),
            ("model.head_dropout", self.head_dropout),
        ])?;
        self.check_dropouts()?;
        if (self.d_k == 0 || self.d_v == 0) && !self.d_model.is_multiple_of(self.heads) {
            let reason = format!(
                "must divide model.d_model = {}, unless model.d_k and model.d_v are set",
                self.d_model
            );
            return Err(ConfigError::invalid("model.heads", self.heads, reason));
        }
        if self.context > 0 && self.patch_len > self.context {
            let reason = format!("must not exceed model.context = {}", self.context);
            return Err(ConfigError::invalid("model.patch_len", self.patch_len, reason));
        }
        if !self.d_model.is_multiple_of(2) && self.position == PositionKind::Sincos {
            let reason = "sines and cosines need an even model.d_model";
            return Err(ConfigError::invalid("model.d_model", self.d_model, reason));
        }
        self.check_size()?;
        self.check_head()?;
        self.check_attention()
    }

    /// Refuses matrices whose places cannot be counted on a device, before anything is allocated.
    fn check_size(&self) -> Result<(), ConfigError> {
        let product = |factors: [usize; 3]| factors.iter().map(|f| *f as u128).product::<u128>();
        let widest = self.head_dim().max(self.value_dim());
        for (key, value, numbers) in [
            ("model.d_model", self.d_model, product([self.d_model, self.d_model, 1])),
            ("model.d_ff", self.d_ff, product([self.d_model, self.d_ff, 1])),
            ("model.d_k", widest, product([self.d_model, self.heads, widest])),
            ("model.horizon", self.horizon, product([self.tokens(), self.d_model, self.horizon])),
        ] {
            if numbers > MOST_NUMBERS {
                let reason = format!(
                    "with model.context = {}, a matrix would hold {numbers} numbers, above \
                     {MOST_NUMBERS}",
                    self.context
                );
                return Err(ConfigError::invalid(key, value, reason));
            }
        }
        if self.layers > MOST_LAYERS {
            let reason = format!("must not exceed {MOST_LAYERS}");
            return Err(ConfigError::invalid("model.layers", self.layers, reason));
        }
        Ok(())
    }

    fn check_dropouts(&self) -> Result<(), ConfigError> {
        let rates = [
            ("model.position_dropout", self.position_dropout),
            ("model.projection_dropout", self.projection_dropout),
            ("model.path_dropout", self.path_dropout),
            ("model.ff_dropout", self.ff_dropout),
        ];
        let first = rates[0].1;
        // Set together, they are named together.
        match rates.iter().all(|(_, rate)| rate.total_cmp(&first).is_eq()) {
            true => probabilities(&[("model.dropout", first)]),
            false => probabilities(&rates),
        }
    }

    fn check_head(&self) -> Result<(), ConfigError> {
        let point = self.output == OutputKind::Point;
        if !point && self.task != Task::Forecast {
            let reason = format!("only forecasts have distributions; model.task = {}", self.task);
            return Err(ConfigError::invalid("model.output", self.output, reason));
        }
        if self.output == OutputKind::NegativeBinomial && self.scaling == Scaling::Last {
            let reason = "counts cannot be shifted; use std, mean or none with it";
            return Err(ConfigError::invalid("model.scaling", self.scaling, reason));
        }
        if self.decomposition > 0 {
            if self.decomposition.is_multiple_of(2) {
                let reason = "the moving average needs a middle: give an odd number";
                return Err(ConfigError::invalid(
                    "model.decomposition",
                    self.decomposition,
                    reason,
                ));
            }
            if self.task != Task::Forecast || !point {
                let reason = "only point forecasts can be decomposed";
                return Err(ConfigError::invalid(
                    "model.decomposition",
                    self.decomposition,
                    reason,
                ));
            }
        }
        let [low, high] = self.output_range;
        if self.output_range != [0.0, 0.0] && !(low < high && low.is_finite() && high.is_finite()) {
            let reason = "must be [smallest, largest], or [0, 0] for no bounds";
            return Err(ConfigError::invalid(
                "model.output_range",
                format!("[{low}, {high}]"),
                reason,
            ));
        }
        if self.task.is_labelled() && self.pooling == Pooling::None && !self.cls_token {
            let reason =
                format!("model.task = {} reads one vector: use mean, max or last", self.task);
            return Err(ConfigError::invalid("model.pooling", self.pooling, reason));
        }
        Ok(())
    }

    fn check_attention(&self) -> Result<(), ConfigError> {
        let variants = self.variants()?;
        let plain = variants.iter().all(VariantName::is_softmax);
        if self.attention == AttentionKind::Vanilla && !plain {
            let reason = "model.attention = vanilla computes softmax alone; use tuned or saved";
            return Err(ConfigError::invalid("model.variant", &self.variant, reason));
        }
        if self.attention_dropout > 0.0 && !plain {
            let reason = "it cannot be joined to this model.variant; use softmax, or 0";
            return Err(ConfigError::invalid(
                "model.attention_dropout",
                self.attention_dropout,
                reason,
            ));
        }
        if self.attention_dropout > 0.0 && self.attention == AttentionKind::Saved {
            let reason = "dropped weights are not saved; use model.attention = tuned";
            return Err(ConfigError::invalid(
                "model.attention_dropout",
                self.attention_dropout,
                reason,
            ));
        }
        Ok(())
    }

    /// The attention variant of each layer.
    pub fn variants(&self) -> Result<Vec<VariantName>, ConfigError> {
        VariantName::for_layers(&self.variant, self.layers)
    }

    /// Patches of the (padded) context.
    pub fn patches(&self) -> usize {
        let padded = self.context + if self.end_padding { self.stride } else { 0 };
        padded.saturating_sub(self.patch_len) / self.stride + 1
    }

    /// Tokens in one sequence.
    pub fn tokens(&self) -> usize {
        self.patches() + usize::from(self.cls_token)
    }

    /// The width of one attention head's queries and keys.
    pub fn head_dim(&self) -> usize {
        if self.d_k == 0 { self.d_model / self.heads } else { self.d_k }
    }

    /// The width of one attention head's values.
    pub fn value_dim(&self) -> usize {
        if self.d_v == 0 { self.d_model / self.heads } else { self.d_v }
    }

    /// Sets the four dropouts that the official code has one number for.
    pub fn set_dropout(&mut self, rate: f64) {
        self.position_dropout = rate;
        self.projection_dropout = rate;
        self.path_dropout = rate;
        self.ff_dropout = rate;
    }
}
