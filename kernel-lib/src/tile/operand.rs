//! Operands of products on tensor cores: registers of each lane, a sequence for each term.
//!
//! Matrices are read sixteen rows at a time ([`rows16`]). Read as they lie, the registers serve as
//! left operand (sixteen rows) and as right operand of a product with a transposed matrix (eight
//! columns for each half): for each 16-byte unit of a row, one with rows 0 to 7 and one with rows 8
//! to 15. Read transposed, they are the right operand of a plain product.
//!
//! Results become left operands where they are: rounded to 16 bits and packed in pairs, or as `f32`
//! with their columns in another order. The order does not matter as long as the right operand has
//! its rows in the same: of eight, `mma` in tf32 takes column `2t` for number `t`, and `2t + 1` for
//! `t + 4` (PTX ISA, `mma.m16n8k8`).

use cubecl::prelude::*;

use super::chip::Chip;
use super::elements::{Elements, in_terms, push_pair, push_single};
use super::fragment::ROWS;
use super::ptx::{F4, ldmatrix_x2, ldmatrix_x4, load_shared, movmatrix, permute};

/// Sixteen rows of a head, from row `16 block` on. Rows that do not exist are zeros; `whole` says
/// that all do. As they lie, `n` units; transposed, `n` times eight columns.
#[cube]
pub fn rows16(
    chip: Chip,
    head: u32,
    block: u32,
    #[comptime] n: usize,
    #[comptime] transposed: bool,
    #[comptime] whole: bool,
) -> Sequence<Sequence<u32>> {
    let elements = comptime!(chip.shape.elements);
    let registers = if comptime!(transposed && elements.is_single()) {
        single_columns16(chip, head, block, n, whole)
    } else {
        units16(chip, head, block, n, transposed, whole)
    };
    in_terms(&registers, elements)
}

/// Units as `ldmatrix` reads them.
#[cube]
fn units16(
    chip: Chip,
    head: u32,
    block: u32,
    #[comptime] units: usize,
    #[comptime] transposed: bool,
    #[comptime] whole: bool,
) -> Sequence<u32> {
    let mut registers = Sequence::<u32>::new();
    let row = block * comptime!(ROWS as u32) + UNIT_POS_PLANE % 16;
    #[unroll]
    for pair in 0..comptime!(units.div_ceil(2)) {
        let first = comptime!(2 * pair);
        if comptime!(first + 1 < units) {
            let address = chip.unit(head, row, first, UNIT_POS_PLANE / 16);
            let x = ldmatrix_x4(existing(address, row, chip, whole), transposed);
            registers.push(x.extract(0usize));
            registers.push(x.extract(1usize));
            registers.push(x.extract(2usize));
            registers.push(x.extract(3usize));
        } else {
            let address = chip.unit(head, row, first, 0u32);
            let x = ldmatrix_x2(existing(address, row, chip, whole), transposed);
            registers.push(x.extract(0usize));
            registers.push(x.extract(1usize));
        }
    }
    registers
}

/// Columns of `f32`, which `ldmatrix` does not transpose: for each eight, rows `2t` and `2t + 1` of
/// the upper eight rows, then those of the lower.
#[cube]
fn single_columns16(
    chip: Chip,
    head: u32,
    block: u32,
    #[comptime] tiles: usize,
    #[comptime] whole: bool,
) -> Sequence<u32> {
    let mut registers = Sequence::<u32>::new();
    let first = block * comptime!(ROWS as u32) + UNIT_POS_PLANE % 4 * 2;
    let column = UNIT_POS_PLANE / 4;
    #[unroll]
    for tile in 0..tiles {
        #[unroll]
        for i in 0..4u32 {
            let row = first + comptime!(i / 2 * 8 + i % 2);
            let unit = chip.unit(head, row, comptime!(2 * tile), column / 4);
            let address = unit + column % 4 * 4;
            registers.push(load_shared(existing(address, row, chip, whole)));
        }
    }
    registers
}

/// Eight rows of a head, lane `i`'s eighth of the plane pointing at row `i`: for each unit of a row
/// two equal registers, so that they stand where those of [`rows16`] do. Lanes whose row does not
/// exist point at zeros. Elements have 16 bits.
#[cube]
pub fn rows8(
    chip: Chip,
    head: u32,
    row: u32,
    exists: bool,
    #[comptime] units: usize,
    #[comptime] transposed: bool,
) -> Sequence<Sequence<u32>> {
    let mut registers = Sequence::<u32>::new();
    #[unroll]
    for pair in 0..comptime!(units.div_ceil(2)) {
        let first = comptime!(2 * pair);
        let two = comptime!(first + 1 < units);
        let further = if comptime!(two) { UNIT_POS_PLANE / 8 % 2 } else { 0u32.runtime() };
        let address = chip.unit(head, row, first, further);
        let x = ldmatrix_x2(select(exists, address, chip.zeros), transposed);
        registers.push(x.extract(0usize));
        registers.push(x.extract(0usize));
        if comptime!(two) {
            registers.push(x.extract(1usize));
            registers.push(x.extract(1usize));
        }
    }
    in_terms(&registers, comptime!(chip.shape.elements))
}

#[cube]
fn existing(address: u32, row: u32, chip: Chip, #[comptime] whole: bool) -> u32 {
    if comptime!(whole) {
        address
    } else {
        select(row < comptime!(chip.shape.rows as u32), address, chip.zeros)
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
    let (a, b) = (cells.extract(0usize), cells.extract(1usize));
    let (c, d) = (cells.extract(2usize), cells.extract(3usize));
    if comptime!(elements.is_single()) {
        push_single(operand, a, false);
        push_single(operand, c, false);
        push_single(operand, b, false);
        push_single(operand, d, false);
    } else {
        let half = comptime!(elements.half());
        push_pair(operand, a, b, half);
        push_pair(operand, c, d, half);
    }
}

/// The left operand of a product, transposed: sixteen rows by eight or sixteen columns become as
/// many rows, the other way round in sixteen columns.
#[cube]
pub fn transposed(
    operand: &Sequence<Sequence<u32>>,
    #[comptime] elements: Elements,
) -> Sequence<Sequence<u32>> {
    if comptime!(elements.is_single()) {
        single_transposed(operand, elements)
    } else {
        let x = &operand[0usize];
        let n = x.len();
        let mut result = Sequence::<u32>::new();
        result.push(movmatrix(x[0usize]));
        if comptime!(n == 4) {
            result.push(movmatrix(x[2usize]));
            result.push(movmatrix(x[1usize]));
            result.push(movmatrix(x[3usize]));
        } else {
            // Rows 8 to 15 do not exist.
            let nothing = 0u32.runtime();
            result.push(nothing);
            result.push(movmatrix(x[1usize]));
            result.push(nothing);
        }
        in_terms(&result, elements)
    }
}

/// The same of `f32`, which are transposed in two halves and taken apart again.
#[cube]
fn single_transposed(
    operand: &Sequence<Sequence<u32>>,
    #[comptime] elements: Elements,
) -> Sequence<Sequence<u32>> {
    let n = operand[0usize].len();
    let mut result = empty_operand(elements);
    #[unroll]
    for part in 0..2usize {
        let (a, b) = turned(operand, comptime!(part), comptime!(2 + part));
        if comptime!(n == 8) {
            let (c, d) = turned(operand, comptime!(4 + part), comptime!(6 + part));
            push_single(&mut result, a, false);
            push_single(&mut result, c, false);
            push_single(&mut result, b, false);
            push_single(&mut result, d, false);
        } else {
            // Rows 8 to 15 do not exist.
            let nothing = 0.0f32.runtime();
            push_single(&mut result, a, false);
            push_single(&mut result, nothing, false);
            push_single(&mut result, b, false);
            push_single(&mut result, nothing, false);
        }
    }
    result
}

/// An 8x8 matrix, transposed, of which each lane has two neighbouring numbers of a row.
#[cube]
fn turned(
    operand: &Sequence<Sequence<u32>>,
    #[comptime] first: usize,
    #[comptime] second: usize,
) -> (f32, f32) {
    let (x, y) = (whole_number(operand, first), whole_number(operand, second));
    let low = movmatrix(permute(x, y, 0x5410u32));
    let high = movmatrix(permute(x, y, 0x7632u32));
    let x = f32::reinterpret(permute(low, high, 0x5410u32));
    let y = f32::reinterpret(permute(low, high, 0x7632u32));
    (x, y)
}

/// The sum of a number's terms, which is exact.
#[cube]
fn whole_number(operand: &Sequence<Sequence<u32>>, #[comptime] register: usize) -> u32 {
    let terms = operand.len();
    let mut x = f32::reinterpret(operand[0usize][register]);
    #[unroll]
    for term in 1..terms {
        x += f32::reinterpret(operand[term][register]);
    }
    u32::reinterpret(x)
}
