//! The choices that `[model]` offers, under the names that files and the command line use.

use std::fmt;

use burn::tensor::FloatDType;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Enums whose values are written as they are read.
macro_rules! options {
    ($($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)+ })+) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $value,)+
        }

        impl $name {
            /// As it is written in a configuration.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    )+};
}

options! {
    /// What a model does.
    Task {
        /// The next steps of the series.
        #[default]
        Forecast = "forecast",
        /// Fills masked patches in: self-supervised learning.
        Pretrain = "pretrain",
        /// The class of a window.
        Classification = "classification",
        /// Numbers about a window.
        Regression = "regression",
    }

    /// How attention is computed. All three give the same numbers, up to rounding.
    AttentionKind {
        /// Matrix product, softmax, matrix product, as the official code does.
        Vanilla = "vanilla",
        /// Tilewright's fused kernels; the backward pass recomputes the scores.
        #[default]
        Tuned = "tuned",
        /// Tilewright's fused kernels; the forward pass saves the scores for the backward pass.
        Saved = "saved",
    }

    /// What a network's activations are held in between its operators, and multiplied in. Whatever is
    /// learned, summed or compared is f32 with either: weights, their gradients and moments, the
    /// statistics of norms, softmax, RevIN, the head's output, likelihoods and losses.
    Precision {
        /// IEEE single precision throughout.
        #[default]
        F32 = "f32",
        /// bfloat16 from the patches to what the head reads, and in the gradients on the way back.
        Bf16 = "bf16",
    }

    /// Where patches are counted from when they do not use every step.
    Alignment {
        /// The last steps are left over, as in the official supervised code.
        #[default]
        Start = "start",
        /// The first steps are, as in the official self-supervised code and in Hugging Face's.
        End = "end",
    }

    /// The feed-forward network's activation.
    Activation {
        /// The exact one, by erf.
        #[default]
        Gelu = "gelu",
        /// max(x, 0)
        Relu = "relu",
    }

    /// What is normalised over.
    NormKind {
        /// Each feature over batch and tokens.
        #[default]
        Batch = "batch",
        /// Each token over its features.
        Layer = "layer",
    }

    /// Where a layer normalises.
    NormOrder {
        /// After each residual sum (the official default).
        #[default]
        Post = "post",
        /// Before attention and before the feed-forward network; the residual stays as it was
        /// (Hugging Face's default).
        Pre = "pre",
        /// Before both, and the residual is the normalised one too: the official `pre_norm`.
        PreResidual = "pre-residual",
    }

    /// The positional encoding, by its official name.
    PositionKind {
        /// U(-0.02, 0.02) for each token and feature, its name notwithstanding.
        #[default]
        Zeros = "zeros",
        /// U(-0.02, 0.02), one number for each token.
        Zero = "zero",
        /// N(0, 0.1), one number for each token.
        Normal = "normal",
        /// U(0, 0.1), one number for each token.
        Uniform = "uniform",
        /// N(0, 1) for each token and feature: Hugging Face's `random`.
        Random = "random",
        /// A line over the tokens.
        Lin1d = "lin1d",
        /// A square root over the tokens.
        Exp1d = "exp1d",
        /// The product of a line over the tokens and one over the features.
        Lin2d = "lin2d",
        /// The same of square roots.
        Exp2d = "exp2d",
        /// Sines and cosines, centred and scaled to a deviation of 0.1.
        Sincos = "sincos",
        /// Nothing is added.
        None = "none",
    }

    /// How a window of a channel is normalised, and its forecast brought back.
    Scaling {
        /// Mean 0, deviation 1.
        #[default]
        Std = "std",
        /// Last value 0, deviation 1 (`subtract_last`).
        Last = "last",
        /// Mean absolute value 1.
        Mean = "mean",
        /// Not at all.
        None = "none",
    }

    /// How tokens become one vector.
    Pooling {
        /// They do not: the head reads all tokens side by side.
        #[default]
        None = "none",
        /// Their mean.
        Mean = "mean",
        /// The largest of each feature.
        Max = "max",
        /// The last token, as the official self-supervised code does.
        Last = "last",
    }

    /// The loss of point forecasts.
    LossKind {
        /// Squared error.
        #[default]
        Mse = "mse",
        /// Absolute error.
        Mae = "mae",
    }

    /// What a forecast is.
    OutputKind {
        /// One number for each step.
        #[default]
        Point = "point",
        /// Mean and deviation.
        Normal = "normal",
        /// Degrees of freedom, location and scale.
        StudentT = "student-t",
        /// Counts: number of failures and log-odds.
        NegativeBinomial = "negative-binomial",
    }
}

impl Task {
    /// Whether it learns labels of cases, read from `data.train`, instead of a series.
    pub fn is_labelled(self) -> bool {
        matches!(self, Self::Classification | Self::Regression)
    }

    /// What validation measures and early stopping goes by.
    pub fn validation_loss(self) -> &'static str {
        match self {
            Self::Classification => "cross-entropy",
            _ => "mean squared error",
        }
    }
}

impl Precision {
    /// The type that activations have.
    pub fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
        }
    }

    /// Refuses what a device called `device` cannot compute in.
    pub fn check(
        self,
        device: &str,
        supports: impl FnOnce(FloatDType) -> bool,
    ) -> Result<(), ConfigError> {
        if self == Self::F32 || supports(self.dtype()) {
            return Ok(());
        }
        let reason = format!("{device} does not compute in {self}; set model.precision=f32");
        Err(ConfigError::invalid("model.precision", self, reason))
    }
}

impl OutputKind {
    /// Numbers that describe one step.
    pub fn parameters(self) -> usize {
        match self {
            Self::Point => 1,
            Self::Normal | Self::NegativeBinomial => 2,
            Self::StudentT => 3,
        }
    }
}
