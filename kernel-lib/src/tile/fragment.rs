//! The `mma` lowering: a plane multiplies tiles of sixteen rows on tensor cores.
//!
//! A plane of 32 lanes holds a tile together. In a result (PTX ISA, `mma.m16n8k16`) lane `l` has
//! rows `g` and `g + 8`, `g = l / 4`, and columns `2t` and `2t + 1`, `t = l % 4`, of every 16x8
//! tile: cells 0 and 1 of row `g`, 2 and 3 of row `g + 8`. Two neighbouring results become the left
//! operand of the next product without leaving their registers ([`operand`](super::operand)).

use cubecl::prelude::*;

use super::chip::{Chip, UNIT_BYTES};
use super::elements::Elements;
use super::ptx::{
    F4, mma_k8, mma_k16, mma_tf32_k4, mma_tf32_k8, pack, store_shared, store_shared_pair,
};

/// Rows of a tile.
pub const ROWS: usize = 16;
/// Columns of a result.
pub const COLS: usize = 8;

/// This lane's first row in a result.
#[cube]
pub fn lane_row() -> u32 {
    UNIT_POS_PLANE / 4
}

/// This lane's first column in a result.
#[cube]
pub fn lane_col() -> u32 {
    UNIT_POS_PLANE % 4 * 2
}

/// `A B + c` of sixteen rows of a unit each and eight columns.
#[cube]
fn multiply_one(a0: u32, a1: u32, b0: u32, c: F4, #[comptime] elements: Elements) -> F4 {
    if comptime!(elements.is_single()) {
        mma_tf32_k4(a0, a1, b0, c)
    } else {
        mma_k8(a0, a1, b0, c, comptime!(elements.half()))
    }
}

/// The same of two units each.
#[allow(clippy::too_many_arguments)]
#[cube]
fn multiply_two(
    a0: u32,
    a1: u32,
    a2: u32,
    a3: u32,
    b0: u32,
    b1: u32,
    c: F4,
    #[comptime] elements: Elements,
) -> F4 {
    if comptime!(elements.is_single()) {
        mma_tf32_k8(a0, a1, a2, a3, b0, b1, c)
    } else {
        mma_k16(a0, a1, a2, a3, b0, b1, c, comptime!(elements.half()))
    }
}

/// A sum of products of sixteen rows and eight columns of a unit each, taken two at a time where
/// there are two.
#[derive(CubeType)]
pub struct Chain {
    upper: Sequence<u32>,
    lower: Sequence<u32>,
    right: Sequence<u32>,
}

#[cube]
impl Chain {
    /// Of no product yet.
    pub fn new() -> Chain {
        Chain { upper: Sequence::new(), lower: Sequence::new(), right: Sequence::new() }
    }

    /// One more product; `upper` holds rows 0 to 7 of the left operand, `lower` rows 8 to 15.
    pub fn then(&mut self, upper: u32, lower: u32, right: u32) {
        self.upper.push(upper);
        self.lower.push(lower);
        self.right.push(right);
    }

    /// `self + c`.
    pub fn add_to(&self, c: F4, #[comptime] elements: Elements) -> F4 {
        let mut sum = c;
        let (a, b, r) = (&self.upper, &self.lower, &self.right);
        let n = r.len();
        #[unroll]
        for pair in 0..comptime!(n.div_ceil(2)) {
            let i = comptime!(2 * pair);
            let j = comptime!(2 * pair + 1);
            if comptime!(j < n) {
                sum = multiply_two(a[i], b[i], a[j], b[j], r[i], r[j], sum, elements);
            } else {
                sum = multiply_one(a[i], b[i], r[i], sum, elements);
            }
        }
        sum
    }
}

/// `A Bᵀ + c`, a 16x8 tile of it: `a`'s rows against rows `8 part..8 part + 8` of `b`.
#[cube]
pub fn dot(
    a: &Sequence<Sequence<u32>>,
    b: &Sequence<Sequence<u32>>,
    #[comptime] part: usize,
    c: F4,
    #[comptime] elements: Elements,
) -> F4 {
    let mut chain = Chain::new();
    chain_dot(&mut chain, a, b, part, elements);
    chain.add_to(c, elements)
}

/// The products of [`dot`], appended to a chain.
#[allow(clippy::needless_range_loop, reason = "CubeCL unrolls nothing but ranges")]
#[cube]
pub fn chain_dot(
    chain: &mut Chain,
    a: &Sequence<Sequence<u32>>,
    b: &Sequence<Sequence<u32>>,
    #[comptime] part: usize,
    #[comptime] elements: Elements,
) {
    let products = comptime!(elements.products());
    let registers = a[0usize].len();
    #[unroll]
    for unit in 0..comptime!(registers / 2) {
        #[unroll]
        for product in 0..comptime!(products.len()) {
            let (i, j) = comptime!(products[product]);
            chain.then(a[i][2 * unit], a[i][2 * unit + 1], b[j][2 * unit + part]);
        }
    }
}

/// `sums += A B`: `a` holds the left operand's registers for eight or sixteen columns, `b` as many
/// rows, read transposed; one sum for each eight columns of `b`.
#[allow(clippy::needless_range_loop, reason = "CubeCL unrolls nothing but ranges")]
#[cube]
pub fn add_product(
    sums: &mut Array<F4>,
    #[comptime] first: usize,
    a: &Sequence<Sequence<u32>>,
    b: &Sequence<Sequence<u32>>,
    #[comptime] elements: Elements,
) {
    let products = comptime!(elements.products());
    let each = comptime!(elements.tile_registers());
    let (columns, registers) = (b[0usize].len(), a[0usize].len());
    #[unroll]
    for tile in 0..comptime!(columns / each) {
        let at = comptime!(first + tile);
        // Four registers of the left operand to a product, or the two that there are.
        #[unroll]
        for step in 0..comptime!(registers.div_ceil(4)) {
            let (l, r) = comptime!((4 * step, each * tile + 2 * step));
            #[unroll]
            for product in 0..comptime!(products.len()) {
                let (i, j) = comptime!(products[product]);
                if comptime!(l + 2 < registers) {
                    sums[at] = multiply_two(
                        a[i][l],
                        a[i][comptime!(l + 1)],
                        a[i][comptime!(l + 2)],
                        a[i][comptime!(l + 3)],
                        b[j][r],
                        b[j][comptime!(r + 1)],
                        sums[at],
                        elements,
                    );
                } else {
                    sums[at] =
                        multiply_one(a[i][l], a[i][comptime!(l + 1)], b[j][r], sums[at], elements);
                }
            }
        }
    }
}

/// `sums += A B` where many products are added up. Tensor cores round what they add towards zero:
/// where that shows, a product is summed apart and then added.
#[cube]
pub fn add_to_many(
    sums: &mut Array<F4>,
    a: &Sequence<Sequence<u32>>,
    b: &Sequence<Sequence<u32>>,
    #[comptime] elements: Elements,
) {
    if comptime!(elements.is_single()) {
        let registers = b[0usize].len();
        let n = comptime!(registers / elements.tile_registers());
        let mut apart = zeros(n);
        add_product(&mut apart, 0usize, a, b, elements);
        #[unroll]
        for i in 0..n {
            sums[i] += apart[i];
        }
    } else {
        add_product(sums, 0usize, a, b, elements);
    }
}

/// Zeros for `n` results.
#[cube]
pub fn zeros(#[comptime] n: usize) -> Array<F4> {
    let mut sums = Array::<F4>::new(n);
    #[unroll]
    for i in 0..n {
        sums[i] = F4::new(0.0f32);
    }
    sums
}

/// Four cells.
#[cube]
pub fn cells(a: f32, b: f32, c: f32, d: f32) -> F4 {
    let mut x = F4::empty();
    x.insert(0usize, a);
    x.insert(1usize, b);
    x.insert(2usize, c);
    x.insert(3usize, d);
    x
}

/// Writes sixteen rows of a head on chip, row `g` times `upper` and row `g + 8` times `lower`: `n`
/// results, from `first` on.
#[allow(clippy::too_many_arguments)]
#[cube]
pub fn store16(
    sums: &Array<F4>,
    #[comptime] first: usize,
    #[comptime] n: usize,
    chip: Chip,
    head: u32,
    block: u32,
    upper: f32,
    lower: f32,
    #[comptime] whole: bool,
    #[comptime] elements: Elements,
) {
    let row = block * comptime!(ROWS as u32) + lane_row();
    let rows = comptime!(chip.shape.rows as u32);
    // Eight rows further down, units have the same places.
    let below = comptime!((8 * chip.shape.pitch()) as u32);
    let units = comptime!(COLS * elements.bytes() / UNIT_BYTES);
    let offset = lane_col() * comptime!(elements.bytes() as u32);
    let unit_bytes = comptime!(UNIT_BYTES as u32);
    #[unroll]
    for nth in 0..n {
        let x = sums[comptime!(first + nth)];
        let (a, b) = (x.extract(0usize) * upper, x.extract(1usize) * upper);
        let (c, d) = (x.extract(2usize) * lower, x.extract(3usize) * lower);
        let unit = chip.unit(head, row, comptime!(units * nth), offset / unit_bytes);
        let at = unit + offset % unit_bytes;
        if comptime!(whole) {
            store_two(at, a, b, elements);
            store_two(at + below, c, d, elements);
        } else {
            if row < rows {
                store_two(at, a, b, elements);
            }
            if row + 8 < rows {
                store_two(at + below, c, d, elements);
            }
        }
    }
}

/// Two neighbouring elements of a row of results.
#[cube]
fn store_two(to: u32, a: f32, b: f32, #[comptime] elements: Elements) {
    if comptime!(elements.is_single()) {
        store_shared_pair(to, a, b);
    } else {
        store_shared(to, pack(a, b, comptime!(elements.half())));
    }
}
