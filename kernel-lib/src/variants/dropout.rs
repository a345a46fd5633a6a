use tilewright_macros::weight_mod;

use crate::functions::random_bits;
use crate::language::Position;

/// Attention dropout: each weight is zero with probability `p`, the others grow by `1 / (1 - p)`
/// ([arXiv 1706.03762](https://arxiv.org/abs/1706.03762), section 5.4).
///
/// Which weights are dropped is a function of `seed` and of the place alone, computed where it is
/// needed: both passes drop the same ones, no mask lies in memory, and equal seeds give equal bits.
/// Give each training step and each layer a seed of its own. `p` lies in `[0, 1)`.
///
#[doc = include_str!("../../docs/variants/dropout.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::dropout;
///
/// let at = |key| Position { batch: 0, head: 0, query: 0, key, queries: 1, keys: 1000 };
/// let dropped = (0..1000).filter(|&key| dropout(0.25, 7).weight(&at(key)) == 0.0).count();
/// assert!((200..300).contains(&dropped));
/// assert_eq!(dropout(0.0, 7).weight(&at(3)), 1.0);
/// ```
#[weight_mod(example(0.25, 7))]
pub fn dropout(weight: f32, at: Position, #[range(0.0..1.0)] p: f32, seed: u32) -> f32 {
    let growth = 1.0 / (1.0 - p);
    let bits: u32 = random_bits(seed, at);
    if bits < (p * 4_294_967_296.0) as u32 { 0.0 } else { weight * growth }
}
