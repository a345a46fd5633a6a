//! The library of variants: one small file each, written in the language itself.
//!
//! A score or mask names no head dimension, element type or layout: each variant works with every
//! shape of an attention. Compose them with [`Variant::and`](crate::language::Variant::and).

mod alibi;
mod causal;
mod dilated;
mod distance_decay;
mod prefix_lm;
mod sliding_window;
mod softcap;
mod softmax;

pub use alibi::{Alibi, alibi};
pub use causal::{Causal, causal};
pub use dilated::{Dilated, dilated};
pub use distance_decay::{DistanceDecay, distance_decay};
pub use prefix_lm::{PrefixLm, prefix_lm};
pub use sliding_window::{SlidingWindow, sliding_window};
pub use softcap::{Softcap, softcap};
pub use softmax::{Softmax, softmax};
