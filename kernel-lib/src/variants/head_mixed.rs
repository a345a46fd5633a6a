use super::{Blocked, Softmax, Strided, blocked, strided};
use crate::language::{Heads, heads};

/// The first half of `count` heads look at their own block, the others at a stride: the factorised
/// attention of Sparse Transformers ([arXiv 1904.10509](https://arxiv.org/abs/1904.10509), section
/// 4.2) with the factors on different heads.
///
/// An example of a [per-head choice](crate::language::heads): it is no function of its own, only
/// `heads(0..count / 2, blocked(block)).heads(count / 2..count, strided(stride))`. `count` is the
/// number of query heads, 2 or more; `block` and `stride` are in positions, 1 or more. Every query
/// sees at least its own position.
///
/// ```
/// use tilewright::prelude::*;
///
/// let mixed = head_mixed(16, 4, 8);
/// let at = |head| Position { batch: 0, head, query: 1, key: 9, queries: 16, keys: 16 };
/// assert!(!mixed.keep(&at(7)) && mixed.keep(&at(8)));
/// assert_eq!(mixed.describe(), "heads(0..8: blocked(block=4), 8..16: strided(stride=8))");
/// assert!(mixed.check_heads(8).is_err());
/// ```
#[must_use]
pub fn head_mixed(count: u32, block: u32, stride: u32) -> Heads<Strided, Heads<Blocked, Softmax>> {
    let half = count / 2;
    heads(0..half, blocked(block)).heads(half..count, strided(stride))
}
