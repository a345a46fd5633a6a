//! The library of variants: one small file each, written in the language itself.
//!
//! A function names no head dimension, element type or layout: each variant works with every shape of
//! an attention. Compose them with [`and`](crate::language::Variant::and), masks also with
//! [`or`](crate::language::Variant::or) and [`not`](crate::language::Variant::not), and give heads
//! different ones with [`heads`](crate::language::heads). [`packed`] makes a mask of lengths, and
//! [`head_mixed`] is an example of a composition.
//!
//! In the pictures queries run downwards and keys to the right; see
//! [`Picture`](crate::picture::Picture).

mod alibi;
mod attention_sink;
mod blocked;
mod causal;
mod dense_bias;
mod dilated;
mod distance_decay;
mod document;
mod dropout;
mod global_local;
mod head_mixed;
mod learned_distance_decay;
mod neighbourhood_1d;
mod neighbourhood_2d;
mod output_gate;
mod packed;
mod per_head_scale;
mod prefix_lm;
mod qk_norm;
mod random_blocks;
mod relative_bias;
mod rope;
mod rope_neighbours;
mod sigmoid_attention;
mod sliding_window;
mod softcap;
mod softmax;
mod strided;
mod t5_buckets;
mod temperature;

pub use alibi::{Alibi, alibi};
pub use attention_sink::{AttentionSink, attention_sink};
pub use blocked::{Blocked, blocked};
pub use causal::{Causal, causal};
pub use dense_bias::{DenseBias, dense_bias};
pub use dilated::{Dilated, dilated};
pub use distance_decay::{DistanceDecay, distance_decay};
pub use document::{Document, document};
pub use dropout::{Dropout, dropout};
pub use global_local::{GlobalLocal, global_local};
pub use head_mixed::head_mixed;
pub use learned_distance_decay::{LearnedDistanceDecay, learned_distance_decay};
pub use neighbourhood_1d::{Neighbourhood1d, neighbourhood_1d};
pub use neighbourhood_2d::{Neighbourhood2d, neighbourhood_2d};
pub use output_gate::{OutputGate, output_gate};
pub use packed::{PackedError, packed};
pub use per_head_scale::{PerHeadScale, per_head_scale};
pub use prefix_lm::{PrefixLm, prefix_lm};
pub use qk_norm::{QkNorm, qk_norm};
pub use random_blocks::{RandomBlocks, random_blocks};
pub use relative_bias::{RelativeBias, relative_bias};
pub use rope::{Rope, rope};
pub use rope_neighbours::{RopeNeighbours, rope_neighbours};
pub use sigmoid_attention::{SigmoidAttention, sigmoid_attention};
pub use sliding_window::{SlidingWindow, sliding_window};
pub use softcap::{Softcap, softcap};
pub use softmax::{Softmax, softmax};
pub use strided::{Strided, strided};
pub use t5_buckets::{T5Buckets, t5_buckets};
pub use temperature::{Temperature, temperature};
