use tilewright_macros::score_mod;

use crate::language::Position;

/// Attention with linear biases: a score falls with the distance of query and key, at a slope of
/// its own for each head ([arXiv 2108.12409](https://arxiv.org/abs/2108.12409)).
///
/// The slope of head `h` is `2^(-8 (h + 1) / heads)`, the paper's for a power of two. `heads` is
/// the number of query heads. The bias is symmetric in the distance; compose with
/// [`causal`](crate::variants::causal) for the paper's decoder. Queries and keys count from the
/// same start.
///
#[doc = include_str!("../../docs/variants/alibi.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::alibi;
///
/// let at = Position { batch: 0, head: 0, query: 5, key: 3, queries: 8, keys: 8 };
/// assert_eq!(alibi(8).score(1.0, &at), 1.0 - 2.0 * 0.5);
/// ```
#[score_mod(example(8), example(1))]
pub fn alibi(score: f32, at: Position, #[range(1..)] heads: u32) -> f32 {
    let slope = (-8.0 * (at.head + 1) as f32 / heads as f32).exp2();
    score - slope * at.query.abs_diff(at.key) as f32
}
