//! The library of variants: one small file each, written in the language itself.
//!
//! A score or mask names no head dimension, element type or layout: each variant works with every
//! shape of an attention. Compose them with [`Variant::and`](crate::language::Variant::and).

mod alibi;
mod attention_sink;
mod causal;
mod dense_bias;
mod dilated;
mod distance_decay;
mod document;
mod dropout;
mod per_head_scale;
mod prefix_lm;
mod relative_bias;
mod sigmoid_attention;
mod sliding_window;
mod softcap;
mod softmax;
mod t5_buckets;
mod temperature;

pub use alibi::{Alibi, alibi};
pub use attention_sink::{AttentionSink, attention_sink};
pub use causal::{Causal, causal};
pub use dense_bias::{DenseBias, dense_bias};
pub use dilated::{Dilated, dilated};
pub use distance_decay::{DistanceDecay, distance_decay};
pub use document::{Document, document};
pub use dropout::{Dropout, dropout};
pub use per_head_scale::{PerHeadScale, per_head_scale};
pub use prefix_lm::{PrefixLm, prefix_lm};
pub use relative_bias::{RelativeBias, relative_bias};
pub use sigmoid_attention::{SigmoidAttention, sigmoid_attention};
pub use sliding_window::{SlidingWindow, sliding_window};
pub use softcap::{Softcap, softcap};
pub use softmax::{Softmax, softmax};
pub use t5_buckets::{T5Buckets, t5_buckets};
pub use temperature::{Temperature, temperature};
