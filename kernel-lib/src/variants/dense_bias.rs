use tilewright_macros::score_mod;

use crate::language::{Position, Table};

/// A learned number for every pair of query and key is added to the score: the pair bias of
/// AlphaFold's row attention ([doi 10.1038/s41586-021-03819-2](https://doi.org/10.1038/s41586-021-03819-2),
/// supplementary algorithm 7).
///
/// `bias` is `[batch, heads, queries, keys]`; a dimension of size 1 is shared, as in
/// `[1, heads, queries, keys]`.
///
#[doc = include_str!("../../docs/variants/dense_bias.svg")]
///
/// ```
/// use tilewright::prelude::*;
///
/// let bias = Table::new([1, 1, 2, 2], vec![0.1f32, 0.2, 0.3, 0.4])?;
/// let at = Position { batch: 5, head: 3, query: 1, key: 0, queries: 2, keys: 2 };
/// assert!((dense_bias(bias).score(1.0, &at) - 1.3).abs() < 1e-6);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[score_mod(
    example(bias = table(1, heads, queries, keys)),
    example(bias = table(batch, 1, queries, keys))
)]
pub fn dense_bias(score: f32, at: Position, #[learned] bias: Table) -> f32 {
    score + bias[(at.batch, at.head, at.query, at.key)]
}
