use tilewright_macros::mask_mod;

use crate::language::{Position, Table};

/// Several documents packed into one sequence: a query sees the keys of its own document, those
/// with the same id ([arXiv 2107.02027](https://arxiv.org/abs/2107.02027)).
///
/// `ids` is `[batch, seq]`, or `[1, seq]` for all sequences alike; queries and keys are the same
/// positions. Compose with [`causal`](crate::variants::causal) for a decoder.
///
#[doc = include_str!("../../docs/variants/document.svg")]
///
/// ```
/// use tilewright::prelude::*;
///
/// let ids = Table::new([1, 5], vec![7u32, 7, 7, 8, 8])?;
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 5, keys: 5 };
/// assert!(document(ids.clone()).keep(&at(2, 0)));
/// assert!(!document(ids).keep(&at(3, 2)));
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[mask_mod]
pub fn document(at: Position, ids: Table<u32>) -> bool {
    ids[(at.batch, at.query)] == ids[(at.batch, at.key)]
}
