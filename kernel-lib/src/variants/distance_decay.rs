use tilewright_macros::score_mod;

use crate::language::Position;

/// A score shrinks towards 0 with the distance of query and key, to half of it every `half_life`
/// positions.
///
/// `score · 2^(-|query - key| / half_life)`, the exponential weighting of ETSformer's attention
/// ([arXiv 2202.01381](https://arxiv.org/abs/2202.01381)) put on the score: recent time steps keep
/// their contrast and distant ones blur. `half_life` is positive, in positions. Queries and keys
/// count from the same start.
///
#[doc = include_str!("../../docs/variants/distance_decay.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::distance_decay;
///
/// let at = Position { batch: 0, head: 0, query: 5, key: 3, queries: 8, keys: 8 };
/// assert_eq!(distance_decay(2.0).score(4.0, &at), 2.0);
/// ```
#[score_mod(example(8.0), example(0.5))]
pub fn distance_decay(score: f32, at: Position, #[range(> 0.0)] half_life: f32) -> f32 {
    score * (-(at.query.abs_diff(at.key) as f32) / half_life).exp2()
}
