// `CubeType` writes a device type without docs.
#![allow(missing_docs)]

use cubecl::prelude::*;

/// Where in an attention problem a score stands: what a `score_mod` or `mask_mod` may look at.
///
/// One type serves the kernels and the host: [`Variant::score`](super::Variant::score) takes it
/// with plain integers, the generated device code with registers.
#[derive(CubeType, Clone, Copy, Debug, PartialEq, Eq)]
#[expand(derive(Clone, Copy))]
pub struct Position {
    /// Index of the sequence in the batch.
    pub batch: u32,
    /// Index of the query head (with grouped-query heads, not of the key head).
    pub head: u32,
    /// Index of the query in its sequence, below `queries`.
    pub query: u32,
    /// Index of the key in its sequence, below `keys`.
    pub key: u32,
    /// Number of queries in the sequence.
    pub queries: u32,
    /// Number of keys in the sequence.
    pub keys: u32,
}
