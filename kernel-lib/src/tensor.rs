use cubecl::client::Client;
use cubecl::server::Handle;

use crate::{AttentionError, DType};

/// A four-dimensional tensor on a device: `[batch, heads, seq, dim]`, with any strides.
///
/// Layouts are strides. `[batch, seq, heads, dim]` in memory, a slice of a packed QKV projection
/// and a transposed view are all passed as they lie; nothing is copied.
#[derive(Clone, Debug)]
pub struct Strided {
    /// The memory; the first element of the tensor is the first of the handle.
    pub handle: Handle,
    /// Sizes of `[batch, heads, seq, dim]`.
    pub shape: [usize; 4],
    /// Distances in elements between neighbours along each dimension; 0 repeats.
    pub strides: [usize; 4],
    /// The element type.
    pub dtype: DType,
}

impl Strided {
    /// A tensor in memory order `[batch, heads, seq, dim]`, over existing memory.
    pub fn contiguous(handle: Handle, shape: [usize; 4], dtype: DType) -> Self {
        Self { handle, shape, strides: contiguous_strides(shape), dtype }
    }

    /// A matrix `[rows, dim]` in memory order, over existing memory: one head of one sequence.
    pub fn matrix(handle: Handle, [rows, dim]: [usize; 2], dtype: DType) -> Self {
        Self::contiguous(handle, [1, 1, rows, dim], dtype)
    }

    /// Uninitialised memory in order `[batch, heads, seq, dim]`.
    pub fn empty(client: &Client, shape: [usize; 4], dtype: DType) -> Self {
        Self::contiguous(client.empty(bytes(shape, dtype)), shape, dtype)
    }

    /// Uninitialised memory whose dimensions lie in the same order as those of `like`.
    ///
    /// The gradient of a `[batch, seq, heads, dim]` tensor is laid out as `[batch, seq, heads, dim]`.
    pub fn empty_like(client: &Client, like: &Strided, shape: [usize; 4]) -> Self {
        let strides = Self::strides_like(like, shape);
        let handle = client.empty(bytes(shape, like.dtype));
        Self { handle, shape, strides, dtype: like.dtype }
    }

    /// Strides without gaps whose order is that of another tensor's.
    pub(crate) fn strides_like(like: &Strided, shape: [usize; 4]) -> [usize; 4] {
        let mut order = [0, 1, 2, 3];
        // Stable, so that dimensions of size one, whose strides say nothing, keep their place.
        order[..3].sort_by_key(|&d| core::cmp::Reverse(like.strides[d]));
        let mut strides = [0; 4];
        let mut step = 1;
        for d in order.into_iter().rev() {
            strides[d] = step;
            step *= shape[d].max(1);
        }
        strides
    }

    /// Elements in the tensor.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements of memory from the first element to the last.
    pub(crate) fn extent(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        1 + self.shape.iter().zip(self.strides).map(|(n, s)| (n - 1) * s).sum::<usize>()
    }

    /// Whether the heads of a sequence, and their rows, follow one another without a gap.
    pub(crate) fn heads_are_gapless(&self) -> bool {
        let [_, _, seq, dim] = self.shape;
        self.strides[1..] == [seq * dim, dim, 1]
    }

    /// Checks that the memory is large enough for shape and strides.
    pub(crate) fn check(&self, name: &'static str) -> Result<(), AttentionError> {
        let needed = self.extent() * self.dtype.bytes();
        let given = self.handle.size_in_used() as usize;
        if needed > given {
            return Err(AttentionError::Memory { name, needed, given });
        }
        Ok(())
    }

    /// The widest vector of elements, at most `limit`, in which every row can be read whole.
    pub(crate) fn vector_width(&self, limit: usize) -> usize {
        if self.strides[3] != 1 {
            return 1;
        }
        let mut width = limit;
        let aligned = |n: usize, width: usize| n.is_multiple_of(width);
        while width > 1 {
            let rows = self.strides[..3].iter().all(|&s| aligned(s, width));
            let start =
                aligned(self.handle.offset_start.unwrap_or(0) as usize, width * self.dtype.bytes());
            if rows && start && aligned(self.shape[3], width) {
                break;
            }
            width /= 2;
        }
        width
    }
}

pub(crate) fn contiguous_strides(shape: [usize; 4]) -> [usize; 4] {
    let [_, h, s, d] = shape.map(|n| n.max(1));
    [h * s * d, s * d, d, 1]
}

fn bytes(shape: [usize; 4], dtype: DType) -> usize {
    // An empty buffer is not a legal allocation everywhere.
    (shape.iter().product::<usize>() * dtype.bytes()).max(16)
}
