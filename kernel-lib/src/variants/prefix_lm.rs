use tilewright_macros::mask_mod;

use crate::language::Position;

/// The first `prefix` keys are seen by every query, the others causally
/// ([arXiv 1910.10683](https://arxiv.org/abs/1910.10683), section 3.1.1).
///
/// `prefix` is in positions; 0 is [`causal`](crate::variants::causal), whose alignment of queries
/// and keys it shares.
///
#[doc = include_str!("../../docs/variants/prefix_lm.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::prefix_lm;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 4, keys: 4 };
/// assert!(prefix_lm(2).keep(&at(0, 1)) && !prefix_lm(2).keep(&at(0, 2)));
/// ```
#[mask_mod(example(3), example(0))]
pub fn prefix_lm(at: Position, prefix: u32) -> bool {
    at.key < prefix || at.key + at.queries <= at.query + at.keys
}
