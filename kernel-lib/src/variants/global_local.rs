use tilewright_macros::mask_mod;

use crate::language::Position;

/// A window and global tokens, as in Longformer: a query sees the keys at most `window - 1`
/// positions away and the first `global` ones, and the first `global` queries see every key
/// ([arXiv 2004.05150](https://arxiv.org/abs/2004.05150)).
///
/// Both are in positions; with a `window` of at least 1 every query sees its own position, and with
/// `global` 0 this is [`sliding_window`](crate::variants::sliding_window). Queries and keys count
/// from the same start.
///
#[doc = include_str!("../../docs/variants/global_local.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::global_local;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 9, keys: 9 };
/// let mask = global_local(2, 1);
/// let seen: Vec<u32> = (0..9).filter(|&key| mask.keep(&at(5, key))).collect();
/// assert_eq!(seen, [0, 4, 5, 6]);
/// assert!((0..9).all(|key| mask.keep(&at(0, key))));
/// ```
#[mask_mod(example(5, 3))]
pub fn global_local(at: Position, window: u32, global: u32) -> bool {
    at.query.abs_diff(at.key) < window || at.query < global || at.key < global
}
