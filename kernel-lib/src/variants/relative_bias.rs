use tilewright_macros::score_mod;

use crate::language::{Position, Table};

/// A learned number for each head and each distance from query to key is added to the score: the
/// relative position bias of T5 ([arXiv 1910.10683](https://arxiv.org/abs/1910.10683), section 2.1)
/// without its buckets, after [arXiv 1803.02155](https://arxiv.org/abs/1803.02155).
///
/// `bias` is `[heads, queries + keys - 1]`, or `[1, queries + keys - 1]` for all heads alike; its
/// second index is `key - query + queries - 1`, so that the farthest key behind the last query has
/// index 0. Queries and keys count from the same start.
///
#[doc = include_str!("../../docs/variants/relative_bias.svg")]
///
/// ```
/// use tilewright::prelude::*;
///
/// // Four positions: distances from -3 to 3.
/// let bias = Table::new([1, 7], vec![0.3f32, 0.2, 0.1, 0.0, 0.1, 0.2, 0.4])?;
/// let at = Position { batch: 0, head: 0, query: 0, key: 3, queries: 4, keys: 4 };
/// assert!((relative_bias(bias).score(1.0, &at) - 1.4).abs() < 1e-6);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[score_mod(
    example(bias = table(heads, queries + keys - 1)),
    example(bias = table(1, queries + keys - 1))
)]
pub fn relative_bias(score: f32, at: Position, #[learned] bias: Table) -> f32 {
    score + bias[(at.head, at.key + at.queries - 1 - at.query)]
}
