use tilewright_macros::mask_mod;

use crate::language::Position;

/// A query sees the keys at most `window - 1` positions away, on both sides
/// ([arXiv 2004.05150](https://arxiv.org/abs/2004.05150)).
///
/// `window` is in positions; 1 leaves the query's own position and 0 nothing. Compose with
/// [`causal`](crate::variants::causal) for the one-sided window of
/// [Mistral](https://arxiv.org/abs/2310.06825). Queries and keys count from the same start.
///
#[doc = include_str!("../../docs/variants/sliding_window.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::{causal, sliding_window};
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 8, keys: 8 };
/// let mistral = causal().and(sliding_window(3));
/// let seen: Vec<u32> = (0..8).filter(|&key| mistral.keep(&at(5, key))).collect();
/// assert_eq!(seen, [3, 4, 5]);
/// ```
#[mask_mod(example(16), example(1), example(0))]
pub fn sliding_window(at: Position, window: u32) -> bool {
    at.query.abs_diff(at.key) < window
}
