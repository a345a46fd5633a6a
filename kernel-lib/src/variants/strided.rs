use tilewright_macros::mask_mod;

use crate::language::Position;

/// The strided pattern of Sparse Transformers: a query sees the keys less than `stride` positions
/// away, and every `stride`-th key beyond
/// ([arXiv 1904.10509](https://arxiv.org/abs/1904.10509), section 4.3).
///
/// `stride` is in positions, 1 or more: 1 masks nothing. Every query sees at least its own
/// position. Compose with [`causal`](crate::variants::causal) for the paper's decoder, in which a
/// query sees its last `stride` keys and every `stride`-th before them. The paper also gives the
/// two halves to different heads: see [`head_mixed`](crate::variants::head_mixed). Queries and keys
/// count from the same start.
///
#[doc = include_str!("../../docs/variants/strided.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::{causal, strided};
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 16, keys: 16 };
/// let decoder = causal().and(strided(4));
/// let seen: Vec<u32> = (0..16).filter(|&key| decoder.keep(&at(13, key))).collect();
/// assert_eq!(seen, [1, 5, 9, 10, 11, 12, 13]);
/// ```
#[mask_mod(example(8))]
pub fn strided(at: Position, #[range(1..)] stride: u32) -> bool {
    let distance = at.query.abs_diff(at.key);
    distance < stride || distance.is_multiple_of(stride)
}
