use tilewright_macros::mask_mod;

use crate::language::Position;

/// A query sees its own position and the keys before it
/// ([arXiv 1706.03762](https://arxiv.org/abs/1706.03762)).
///
/// Where there are more keys than queries, the queries are the last positions of the sequence, as
/// in decoding with a cache: query `i` sees the keys up to `keys - queries + i`. Where there are
/// fewer, the first `queries - keys` queries see none.
///
#[doc = include_str!("../../docs/variants/causal.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::causal;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 4, keys: 4 };
/// assert!(causal().keep(&at(2, 2)) && !causal().keep(&at(2, 3)));
/// ```
#[mask_mod]
pub fn causal(at: Position) -> bool {
    at.key + at.queries <= at.query + at.keys
}
