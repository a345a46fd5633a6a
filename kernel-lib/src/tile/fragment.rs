//! The `mma` lowering: a plane multiplies tiles of sixteen rows on tensor cores.
//!
//! A plane of 32 lanes holds a tile together. In a result (PTX ISA, `mma.m16n8k16`) lane `l` has
//! rows `g` and `g + 8`, `g = l / 4`, and columns `2t` and `2t + 1`, `t = l % 4`, of every 16x8
//! tile: [`Cell`]s 0 and 1 of row `g`, 2 and 3 of row `g + 8`. Rounded to 16 bits and packed in
//! pairs, two neighbouring results *are* the left operand of the next product, so weights never
//! leave their registers.
//!
//! Operands come from a [`Chip`] sixteen rows at a time ([`rows16`]). The same registers serve as
//! left operand (sixteen rows), as right operand of a product with a transposed matrix (eight
//! columns for each half) and, read transposed, as right operand of a plain product.

use cubecl::prelude::*;

use super::chip::{Chip, UNIT_BYTES, single_offset};
use super::half::{Elements, Half, split};
use super::ptx::{
    F4, ldmatrix_x2, ldmatrix_x4, mma_k8, mma_k16, pack, store_shared, store_shared_pair,
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

/// Sixteen rows of a head, from row `16 block` on: for each unit of a row one register with rows
/// 0 to 7 and one with rows 8 to 15. Rows that do not exist are zeros; `whole` says that all do.
#[cube]
pub fn rows16(
    chip: Chip,
    head: u32,
    block: u32,
    #[comptime] units: usize,
    #[comptime] transposed: bool,
    #[comptime] whole: bool,
) -> Sequence<Sequence<u32>> {
    let mut terms = Sequence::<Sequence<u32>>::new();
    let row = block * comptime!(ROWS as u32) + UNIT_POS_PLANE % 16;
    let start = chip.row(head, row);
    #[unroll]
    for term in 0..comptime!(chip.shape.terms) {
        let mut registers = Sequence::<u32>::new();
        let first = start + comptime!((term * chip.shape.term_bytes()) as u32);
        #[unroll]
        for pair in 0..comptime!(units.div_ceil(2)) {
            let unit = first + comptime!((2 * pair * UNIT_BYTES) as u32);
            if comptime!(2 * pair + 1 < units) {
                let address = unit + UNIT_POS_PLANE / 16 * comptime!(UNIT_BYTES as u32);
                let x = ldmatrix_x4(existing(address, row, chip, whole), transposed);
                registers.push(x.extract(0usize));
                registers.push(x.extract(1usize));
                registers.push(x.extract(2usize));
                registers.push(x.extract(3usize));
            } else {
                let x = ldmatrix_x2(existing(unit, row, chip, whole), transposed);
                registers.push(x.extract(0usize));
                registers.push(x.extract(1usize));
            }
        }
        terms.push(registers);
    }
    terms
}

/// Eight rows of a head, lane `i`'s eighth of the plane pointing at row `i`: for each unit of a row
/// two equal registers, so that they stand where those of [`rows16`] do. Lanes whose row does not
/// exist point at zeros.
#[cube]
pub fn rows8(
    chip: Chip,
    head: u32,
    row: u32,
    exists: bool,
    #[comptime] units: usize,
    #[comptime] transposed: bool,
) -> Sequence<Sequence<u32>> {
    let mut terms = Sequence::<Sequence<u32>>::new();
    let start = chip.row(head, row);
    #[unroll]
    for term in 0..comptime!(chip.shape.terms) {
        let mut registers = Sequence::<u32>::new();
        let first = start + comptime!((term * chip.shape.term_bytes()) as u32);
        #[unroll]
        for pair in 0..comptime!(units.div_ceil(2)) {
            let unit = first + comptime!((2 * pair * UNIT_BYTES) as u32);
            let two = comptime!(2 * pair + 1 < units);
            let address = if comptime!(two) {
                unit + UNIT_POS_PLANE / 8 % 2 * comptime!(UNIT_BYTES as u32)
            } else {
                unit
            };
            let x = ldmatrix_x2(select(exists, address, chip.zeros), transposed);
            registers.push(x.extract(0usize));
            registers.push(x.extract(0usize));
            if comptime!(two) {
                registers.push(x.extract(1usize));
                registers.push(x.extract(1usize));
            }
        }
        terms.push(registers);
    }
    terms
}

#[cube]
fn existing(address: u32, row: u32, chip: Chip, #[comptime] whole: bool) -> u32 {
    if comptime!(whole) {
        address
    } else {
        select(row < comptime!(chip.shape.rows as u32), address, chip.zeros)
    }
}

/// A sum of products of 16x8 by 8x8 tiles, taken two at a time where there are two.
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
    pub fn add_to(&self, c: F4, #[comptime] half: Half) -> F4 {
        let mut sum = c;
        let (a, b, r) = (&self.upper, &self.lower, &self.right);
        let n = r.len();
        #[unroll]
        for pair in 0..comptime!(n.div_ceil(2)) {
            let i = comptime!(2 * pair);
            let j = comptime!(2 * pair + 1);
            if comptime!(j < n) {
                sum = mma_k16(a[i], b[i], a[j], b[j], r[i], r[j], sum, half);
            } else {
                sum = mma_k8(a[i], b[i], r[i], sum, half);
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
    chain.add_to(c, comptime!(elements.half()))
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
    #[unroll]
    for product in 0..comptime!(products.len()) {
        let (i, j) = comptime!(products[product]);
        let registers = a[i].len();
        #[unroll]
        for unit in 0..comptime!(registers / 2) {
            chain.then(a[i][2 * unit], a[i][2 * unit + 1], b[j][2 * unit + part]);
        }
    }
}

/// `sums += A B`: `a` holds the left operand's registers for eight or sixteen columns, `b` as many
/// rows, read transposed; one sum for each unit of a row of `b`.
#[allow(clippy::needless_range_loop, reason = "CubeCL unrolls nothing but ranges")]
#[cube]
pub fn add_product(
    sums: &mut Array<F4>,
    #[comptime] first: usize,
    a: &Sequence<Sequence<u32>>,
    b: &Sequence<Sequence<u32>>,
    #[comptime] elements: Elements,
) {
    let half = comptime!(elements.half());
    let products = comptime!(elements.products());
    #[unroll]
    for product in 0..comptime!(products.len()) {
        let (i, j) = comptime!(products[product]);
        let registers = a[i].len();
        let units = b[j].len();
        #[unroll]
        for unit in 0..comptime!(units / 2) {
            let at = comptime!(first + unit);
            let b0 = b[j][2 * unit];
            if comptime!(registers == 4) {
                let b1 = b[j][2 * unit + 1];
                sums[at] = mma_k16(
                    a[i][0usize],
                    a[i][1usize],
                    a[i][2usize],
                    a[i][3usize],
                    b0,
                    b1,
                    sums[at],
                    half,
                );
            } else {
                sums[at] = mma_k8(a[i][0usize], a[i][1usize], b0, sums[at], half);
            }
        }
    }
}

/// The left operand of a product, of no result yet.
#[cube]
pub fn empty_operand(#[comptime] elements: Elements) -> Sequence<Sequence<u32>> {
    let mut operand = Sequence::<Sequence<u32>>::new();
    #[unroll]
    for _ in 0..comptime!(elements.terms()) {
        operand.push(Sequence::<u32>::new());
    }
    operand
}

/// Appends a result to the left operand of a product.
#[cube]
pub fn push_result(
    operand: &mut Sequence<Sequence<u32>>,
    cells: F4,
    #[comptime] elements: Elements,
) {
    let upper = split(cells.extract(0usize), cells.extract(1usize), elements);
    let lower = split(cells.extract(2usize), cells.extract(3usize), elements);
    #[unroll]
    for term in 0..comptime!(elements.terms()) {
        let registers = operand.index_mut(term);
        registers.push(upper[term]);
        registers.push(lower[term]);
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

/// Writes sixteen rows of a head on chip, row `g` times `upper` and row `g + 8` times `lower`:
/// `units` results, from `first` on.
#[allow(clippy::too_many_arguments)]
#[cube]
pub fn store16(
    sums: &Array<F4>,
    #[comptime] first: usize,
    #[comptime] units: usize,
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
    let at = chip.row(head, row);
    let below = comptime!((8 * chip.shape.pitch()) as u32);
    #[unroll]
    for unit in 0..units {
        let x = sums[comptime!(first + unit)];
        let (a, b) = (x.extract(0usize) * upper, x.extract(1usize) * upper);
        let (c, d) = (x.extract(2usize) * lower, x.extract(3usize) * lower);
        let col = lane_col() + comptime!((unit * COLS) as u32);
        if comptime!(whole) {
            store_two(at, a, b, col, chip, elements);
            store_two(at + below, c, d, col, chip, elements);
        } else {
            if row < rows {
                store_two(at, a, b, col, chip, elements);
            }
            if row + 8 < rows {
                store_two(at + below, c, d, col, chip, elements);
            }
        }
    }
}

/// Two neighbouring elements of a row of results.
#[cube]
fn store_two(row: u32, a: f32, b: f32, col: u32, chip: Chip, #[comptime] elements: Elements) {
    if comptime!(elements == Elements::Single) {
        store_shared_pair(row + single_offset(col, chip.shape), a, b);
    } else {
        store_shared(row + col * 2, pack(a, b, comptime!(elements.half())));
    }
}
