use super::{Document, document};
use crate::language::{Table, TableError};

/// Why cumulative lengths do not say where documents begin.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// Fewer than two numbers.
    #[error(
        "cu_seqlens has {given} numbers; it needs 0 and the end of each document, as in [0, 3, 8]"
    )]
    Short { given: usize },
    /// The first document does not begin at the start.
    #[error("cu_seqlens[0] is {given}; the first document begins at 0")]
    Start { given: u32 },
    /// A document ends where it begins, or before.
    #[error(
        "cu_seqlens[{place}] is {given}, after {before}: cumulative lengths rise, and a document has \
         at least one position"
    )]
    Order { place: usize, before: u32, given: u32 },
    /// The ids of all positions do not make a table.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Documents of different lengths, one after another in a sequence: the [`document`] mask for
/// cumulative lengths, FlashAttention's `cu_seqlens`
/// ([arXiv 2307.08691](https://arxiv.org/abs/2307.08691)).
///
/// `cu_seqlens` holds 0 and the end of each document: `[0, 3, 8]` is a document of 3 positions and
/// one of 5, in a sequence of 8. All sequences of the batch are packed alike; where they are not,
/// give [`document`] a table `[batch, seq]`. Compose with [`causal`](crate::variants::causal) for a
/// decoder.
///
/// ```
/// use tilewright::prelude::*;
///
/// let mask = packed(&[0, 3, 8])?;
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 8, keys: 8 };
/// assert!(mask.keep(&at(2, 0)) && mask.keep(&at(3, 7)) && !mask.keep(&at(3, 2)));
/// assert!(packed(&[0, 3, 3]).is_err());
/// # Ok::<(), tilewright::variants::PackedError>(())
/// ```
///
/// # Errors
///
/// Fewer than two numbers, a first one that is not 0, or one that is not more than the one before.
pub fn packed(cu_seqlens: &[u32]) -> Result<Document, PackedError> {
    let &[start, .., end] = cu_seqlens else {
        return Err(PackedError::Short { given: cu_seqlens.len() });
    };
    if start != 0 {
        return Err(PackedError::Start { given: start });
    }
    for (place, pair) in cu_seqlens.windows(2).enumerate() {
        if let &[before, given] = pair
            && given <= before
        {
            return Err(PackedError::Order { place: place + 1, before, given });
        }
    }
    let documents = cu_seqlens.windows(2).zip(0u32..);
    let ids = documents.flat_map(|(ends, id)| (ends[0]..ends[1]).map(move |_| id)).collect();
    Ok(document(Table::new([1, end as usize], ids)?))
}
