use tilewright_macros::mask_mod;

use crate::language::Position;

/// A query sees the keys a multiple of `stride` positions away
/// ([arXiv 1904.10509](https://arxiv.org/abs/1904.10509)).
///
/// `stride` is in positions; 1 masks nothing and 0 leaves the query's own position. Queries and
/// keys count from the same start.
///
#[doc = include_str!("../../docs/variants/dilated.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::dilated;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 8, keys: 8 };
/// let seen: Vec<u32> = (0..8).filter(|&key| dilated(3).keep(&at(4, key))).collect();
/// assert_eq!(seen, [1, 4, 7]);
/// ```
#[mask_mod(example(3), example(1), example(0))]
pub fn dilated(at: Position, stride: u32) -> bool {
    at.query.abs_diff(at.key).is_multiple_of(stride)
}
