//! The algorithms, in the tile vocabulary. Each is one text for every lowering.
//!
//! `resident` keeps all keys of a head on chip and needs one pass; `streaming` lets blocks of keys
//! flow past (FlashAttention, arXiv 2205.14135 and 2307.08691). Both recompute the probabilities
//! in the backward pass from the log-sum-exp that the forward pass saved, or read the scores when
//! those were saved. No atomic is used: every gradient has one owner, so equal inputs give
//! equal bits.

pub(crate) mod gradient;
pub(crate) mod launch;
pub(crate) mod learned;
pub(crate) mod resident;
pub(crate) mod rows;
pub(crate) mod scores;
pub(crate) mod softmax;
pub(crate) mod streaming;

use cubecl::prelude::*;

pub(crate) use resident::planes::{PlaneConfig, TileMap};
pub(crate) use streaming::planes::StreamConfig;
pub(crate) use streaming::planes::block_list::MAX_COLS;

use crate::tile::exp::Exp2;
use crate::tile::rows::Layout;

/// What is fixed when a kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
    /// Columns of a score tile.
    pub cols: usize,
    /// Whether tiles live in registers, with every loop over their columns unrolled.
    pub unroll: bool,
    /// Units in a team.
    pub team: u32,
    /// Teams in a cube.
    pub teams: u32,
    /// Rows brought on chip together; 0 reads them where they lie.
    pub block: usize,
    /// How exponentials are taken.
    pub exp: Exp2,
    /// Whether the variant changes the score.
    pub score: bool,
    /// Whether the variant masks.
    pub mask: bool,
    /// Whether scores pass from forward to backward through memory.
    pub save_scores: bool,
}

/// Sizes of one call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Shape {
    pub batch: usize,
    /// Query heads.
    pub heads: usize,
    /// Query heads that share one key head.
    pub sharing: usize,
    pub queries: usize,
    pub keys: usize,
}

/// Strides of the tensors of one call, or of their gradients.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Layouts {
    pub q: Layout,
    pub k: Layout,
    pub v: Layout,
    pub out: Layout,
}

/// One query head of one sequence.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Group {
    pub batch: usize,
    pub head: usize,
    /// The key head that this query head reads.
    pub kv_head: usize,
    /// Index of the group's first row in a contiguous `[batch, heads, queries]` tensor.
    pub first_row: usize,
}

#[cube]
impl Shape {
    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.batch * self.heads
    }

    /// The group with this index.
    pub fn group(&self, index: usize) -> Group {
        let head = index % self.heads;
        Group {
            batch: index / self.heads,
            head,
            kv_head: head / self.sharing,
            first_row: index * self.queries,
        }
    }
}
