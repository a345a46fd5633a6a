//! Stages of rows: elements of queries, keys or the output become others.
//!
//! A new element is a function of the old one, of its partner in the row (partners have each other),
//! and of two numbers of the row, its mean `m` and the mean of its squares `s`. So the transposed
//! derivative gathers too: with `y = f(x, x', m, s)`, primes for partners, and `D` elements in a row,
//!
//! ```text
//! dx = dy ∂f/∂x + dy' (∂f/∂x')' + (1/D) Σ dy ∂f/∂m + (2x/D) Σ dy ∂f/∂s
//! ```
//!
//! These are kernels of their own, before and after those of attention, at the price of a pass over
//! the rows: they work with every lowering. They compute in `f32` and leave the tensor's type.

pub mod cells;
pub mod gradients;
pub mod launch;
pub mod values;

use core::marker::PhantomData;

use cubecl::prelude::*;

use crate::language::{DeviceRowStage, DeviceVariant, LearnedStage, Normaliser, Pairing, Position};
use crate::tile::convert::widen;
use crate::tile::rows::{Layout, Rows};

/// The rows of one tensor, `[batch, heads, tokens, dims]`.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct RowSizes {
    /// How many rows there are.
    pub rows: usize,
    pub heads: usize,
    pub tokens: usize,
    pub dims: usize,
}

/// One row of a tensor.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Row {
    pub batch: usize,
    pub head: usize,
    pub token: usize,
    pub tokens: usize,
    pub dims: usize,
}

#[cube]
impl RowSizes {
    /// The row with this number.
    pub fn row(&self, number: usize) -> Row {
        let group = number / self.tokens;
        Row {
            batch: group / self.heads,
            head: group % self.heads,
            token: number % self.tokens,
            tokens: self.tokens,
            dims: self.dims,
        }
    }
}

#[cube]
impl Row {
    /// Where an element stands: the token is the query, the dimension the key.
    pub fn position(&self, dim: usize) -> Position {
        Position {
            batch: self.batch as u32,
            head: self.head as u32,
            query: self.token as u32,
            key: dim as u32,
            queries: self.tokens as u32,
            keys: self.dims as u32,
        }
    }

    /// Where its elements lie.
    pub fn lies<W: Size>(&self, layout: Layout) -> Rows {
        layout.rows::<W>(self.batch, self.head, self.tokens)
    }

    /// The partner of an element.
    pub fn partner(&self, dim: usize, #[comptime] pairing: Pairing) -> usize {
        let half = self.dims / 2;
        let paired = dim < 2 * half;
        match comptime!(pairing) {
            Pairing::None => dim,
            Pairing::Halves => {
                let other = select(dim < half, dim + half, dim - min(half, dim));
                select(paired, other, dim)
            }
            Pairing::Neighbours => select(paired, dim ^ 1usize, dim),
        }
    }
}

/// An element, as `f32`.
#[cube]
pub fn element<F: Float, W: Size>(x: &[Vector<F, W>], rows: Rows, token: usize, dim: usize) -> f32 {
    widen::<F, W>(x[rows.at(token, dim)]).extract(0usize)
}

/// The means of a row and of its squares.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Means {
    pub plain: f32,
    pub square: f32,
}

/// The means that a stage asks for, 0 for the others. The `lanes` neighbouring units that share the
/// row take its elements in turn.
#[cube]
pub fn means<D: DeviceRowStage, F: Float, W: Size>(
    x: &[Vector<F, W>],
    rows: Rows,
    row: Row,
    lane: usize,
    #[comptime] lanes: usize,
) -> Means {
    let mut plain = 0.0f32.runtime();
    let mut square = 0.0f32.runtime();
    if comptime!(D::MEAN || D::MEAN_SQUARE) {
        let mut dim = lane;
        while dim < row.dims {
            let own = element::<F, W>(x, rows, row.token, dim);
            plain += own;
            square = fma(own, own, square);
            dim += lanes;
        }
        let count = f32::cast_from(row.dims as u32);
        plain = sum_of_lanes(plain, lanes) / count;
        square = sum_of_lanes(square, lanes) / count;
    }
    Means { plain, square }
}

/// The sum over `lanes` neighbouring units, a power of two of one plane; the same bits in each.
#[cube]
pub fn sum_of_lanes(number: f32, #[comptime] lanes: usize) -> f32 {
    let mut sum = number;
    if comptime!(lanes > 1) {
        #[unroll]
        for bit in 0..comptime!(lanes.ilog2()) {
            sum += plane_shuffle_xor(sum, comptime!(1u32 << bit));
        }
    }
    sum
}

/// The indices of a stage of rows, for the kernels that sum gradients of learned parameters.
pub struct Indices<D>(PhantomData<D>);

#[cube]
impl<D: DeviceRowStage> DeviceVariant for Indices<D> {
    type Params = D::Params;

    fn score(score: f32, _at: Position, _params: &D::Params) -> f32 {
        score
    }

    fn score_grad(_score: f32, _at: Position, _params: &D::Params) -> f32 {
        f32::new(1.0)
    }

    fn keep(_at: Position, _params: &D::Params) -> bool {
        bool::new(true)
    }

    const NORMALISER: Normaliser = Normaliser::Softmax;

    fn sink(_at: Position, _params: &D::Params) -> f32 {
        f32::new(0.0)
    }

    const WEIGHS: bool = false;

    fn weight(_at: Position, _params: &D::Params) -> f32 {
        f32::new(1.0)
    }

    const LEARNED_SITES: usize = D::LEARNED_SITES;

    fn learned_index(at: Position, params: &D::Params, #[comptime] site: usize) -> u32 {
        D::learned_index(at, params, site)
    }

    fn learned_grad(
        _score: f32,
        _at: Position,
        _params: &D::Params,
        #[comptime] _site: usize,
        #[comptime] _stage: LearnedStage,
    ) -> f32 {
        f32::new(0.0)
    }
}
