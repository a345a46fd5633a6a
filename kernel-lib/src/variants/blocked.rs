use tilewright_macros::mask_mod;

use crate::language::Position;

/// Local blocks: the sequence is cut into blocks of `block` positions, and a query sees the keys of
/// its own block ([arXiv 1911.02972](https://arxiv.org/abs/1911.02972), without a permutation of
/// the blocks).
///
/// `block` is in positions, 1 or more; the last block may be shorter. Every query sees at least its
/// own position. Queries and keys count from the same start.
///
#[doc = include_str!("../../docs/variants/blocked.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::blocked;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 10, keys: 10 };
/// let seen = |query| (0..10).filter(|&key| blocked(4).keep(&at(query, key))).collect::<Vec<_>>();
/// assert_eq!(seen(3), [0, 1, 2, 3]);
/// assert_eq!(seen(9), [8, 9]);
/// ```
#[mask_mod(example(8))]
pub fn blocked(at: Position, #[range(1..)] block: u32) -> bool {
    at.query / block == at.key / block
}
