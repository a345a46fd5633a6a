//! Gradients of learned parameters, without atomics.
//!
//! A *site* is a learned parameter read at one index. With `P` and `Δ` as in the backward pass
//! (`gradient.rs`), a cell of the score matrix adds
//!
//! ```text
//! d = P ∘ (dP - Δ) ∘ ∂S'/∂parameter
//! ```
//!
//! to the element that its index names. Where a weight has a factor, `dP` is that of the weight before
//! it, and what is learned in the factor gets `d = P ∘ dP ∘ ∂factor/∂parameter` with the `dP` after it.
//! A sink is a score of its row with the weight `P = exp(sink - lse)` and no value, so its `dP` is 0.
//! Three steps, each with one owner for every number, so that
//! equal inputs give equal bits:
//!
//! 1. `cells.rs` (`sinks.rs` of sinks) computes `d` and sums it over the groups (sequences and heads)
//!    that the index does not change with: a relative bias of 20,000 sequences becomes one matrix for
//!    each head. With a plan of long sequences on tensor cores and elements of 16 bits,
//!    `streaming/planes/learned_cells.rs` does, a cube to a tile and only where a mask leaves one.
//! 2. `scatter.rs` brings the cells of these matrices to the elements of the table. Where the index
//!    is the query, the key or both as they stand, the matrix is the table already.
//! 3. `sums.rs` adds up what several units have for an element, and adds it to the gradient.
//!
//! `work.rs` decides, from sizes alone, who does what; what does not fit the memory set aside for
//! the matrices is done part by part.

pub mod cells;
pub mod launch;
pub mod scatter;
pub mod sinks;
pub mod sums;
pub mod work;

use cubecl::prelude::*;

use super::{Group, Shape};
use crate::language::Position;

/// Groups and queries of which cells are summed together. Groups that share their sums are one
/// *own* group; its place among all of them is that of the first that it stands for.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Part {
    /// Own heads: every head, or one.
    pub heads: usize,
    /// The first own group.
    pub first_group: usize,
    /// How many own groups there are.
    pub groups: usize,
    /// The first query.
    pub first_row: usize,
    /// How many queries there are.
    pub rows: usize,
    /// Groups that an own group stands for.
    pub summed: usize,
    /// Heads among them.
    pub summed_heads: usize,
    /// Into how many chunks they are cut.
    pub chunks: usize,
    /// How many a chunk holds.
    pub chunk: usize,
    /// Cells of a query: a cell for each key, or one.
    pub keys: usize,
}

#[cube]
impl Part {
    /// The `nth` of the groups that an own group of this part stands for.
    pub fn group(&self, shape: Shape, own: usize, nth: usize) -> Group {
        let own = self.first_group + own;
        let batch = own / self.heads + nth / self.summed_heads;
        let head = own % self.heads + nth % self.summed_heads;
        shape.group(batch * shape.heads + head)
    }

    /// A cell of an own group.
    pub fn position(&self, shape: Shape, own: usize, query: usize, key: usize) -> Position {
        let own = self.first_group + own;
        Position {
            batch: (own / self.heads) as u32,
            head: (own % self.heads) as u32,
            query: query as u32,
            key: key as u32,
            queries: shape.queries as u32,
            keys: shape.keys as u32,
        }
    }
}

/// The dimensions of a parameter whose index changes with query or key: the elements that the
/// cells of one group may name. They are one or two runs of neighbouring dimensions; without any,
/// one of length 1.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct SubTable {
    /// Elements from one to the next of the first run.
    pub outer_stride: u32,
    /// Length of the first run.
    pub outer_len: u32,
    /// The same of the second.
    pub inner_stride: u32,
    pub inner_len: u32,
}

#[cube]
impl SubTable {
    /// Which of its elements an element of the parameter is; `one_run` says that the outer run has
    /// length 1.
    pub fn index(&self, place: u32, #[comptime] one_run: bool) -> u32 {
        let inner = place / self.inner_stride % self.inner_len;
        if comptime!(one_run) {
            inner
        } else {
            place / self.outer_stride % self.outer_len * self.inner_len + inner
        }
    }

    /// The element of the parameter that is this one here, and elsewhere like `place`.
    pub fn place(&self, place: u32, index: u32) -> u32 {
        let outer = place / self.outer_stride % self.outer_len;
        let inner = place / self.inner_stride % self.inner_len;
        let other = place - outer * self.outer_stride - inner * self.inner_stride;
        other
            + index / self.inner_len * self.outer_stride
            + index % self.inner_len * self.inner_stride
    }
}
