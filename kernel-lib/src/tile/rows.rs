//! Rows of a matrix that a whole team reads: keys and values, or queries and output gradients.

use cubecl::prelude::*;

/// Where the rows of a matrix lie in a buffer of vectors.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Rows {
    /// Index of the first vector of row 0.
    pub start: usize,
    /// Vectors from one row to the next.
    pub stride: usize,
    /// Vectors from one chunk of a row to the next.
    pub step: usize,
    /// The last row that exists; beyond it, it is read again.
    pub last: usize,
}

#[cube]
impl Rows {
    /// Index of a chunk of a row.
    pub fn at(&self, row: usize, chunk: usize) -> usize {
        self.start + min(row, self.last) * self.stride + chunk * self.step
    }
}

/// Strides of a `[batch, heads, seq, dim]` tensor in elements.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Layout {
    pub batch: usize,
    pub head: usize,
    pub seq: usize,
    pub dim: usize,
}

#[cube]
impl Layout {
    /// The rows of one head, as vectors of `W` elements.
    pub fn rows<W: Size>(&self, batch: usize, head: usize, len: usize) -> Rows {
        let width = W::value();
        Rows {
            start: (batch * self.batch + head * self.head) / width,
            stride: self.seq / width,
            // Vectors wider than one element are cut from rows without gaps.
            step: if comptime!(width == 1) { self.dim } else { 1usize.runtime() },
            last: len - 1,
        }
    }
}
