//! The numbers that tensor cores multiply.

use cubecl::prelude::*;

use super::ptx::{pack, round_tf32};

/// A 16-bit floating-point type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// 8 bits of exponent, 8 of precision.
    Bf16,
    /// 5 bits of exponent, 11 of precision.
    F16,
}

impl Half {
    /// As PTX writes it.
    pub fn ptx(self) -> &'static str {
        match self {
            Half::Bf16 => "bf16",
            Half::F16 => "f16",
        }
    }

    /// One in both halves of a register.
    pub fn ones(self) -> u32 {
        match self {
            Half::Bf16 => 0x3F80_3F80,
            Half::F16 => 0x3C00_3C00,
        }
    }

    /// Minus one in both halves of a register.
    pub fn minus_ones(self) -> u32 {
        match self {
            Half::Bf16 => 0xBF80_BF80,
            Half::F16 => 0xBC00_BC00,
        }
    }
}

/// How an `f32` becomes numbers that tensor cores multiply: tf32 has its range and 11 bits of its
/// precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The sum of two tf32 numbers: 22 of its 24 bits. A product of two sums is three products; the
    /// one that is left out lies below their last bit. An infinity is no such sum: it becomes NaN.
    #[default]
    Exact,
    /// Rounded to one tf32 number.
    Tf32,
}

/// How the elements of tensors become numbers that tensor cores multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elements {
    /// They are such numbers.
    Half(Half),
    /// They are `f32`.
    Single(Precision),
}

impl Elements {
    /// Whether they are `f32`.
    pub fn is_single(self) -> bool {
        matches!(self, Elements::Single(_))
    }

    /// The 16-bit type; of `f32`, which has none, that of its range.
    pub fn half(self) -> Half {
        match self {
            Elements::Half(half) => half,
            Elements::Single(_) => Half::Bf16,
        }
    }

    /// Numbers that make an element.
    pub fn terms(self) -> usize {
        match self {
            Elements::Half(_) | Elements::Single(Precision::Tf32) => 1,
            Elements::Single(Precision::Exact) => 2,
        }
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Elements::Half(_) => 2,
            Elements::Single(_) => 4,
        }
    }

    /// The terms of two factors whose products count, the smallest first.
    pub fn products(self) -> &'static [(usize, usize)] {
        match self {
            Elements::Half(_) | Elements::Single(Precision::Tf32) => &[(0, 0)],
            Elements::Single(Precision::Exact) => &[(0, 1), (1, 0), (0, 0)],
        }
    }

    /// Registers of a lane that hold a 16x8 tile as left, or as right operand of a plain product.
    pub fn tile_registers(self) -> usize {
        match self {
            Elements::Half(_) => 2,
            Elements::Single(_) => 4,
        }
    }
}

/// Registers as they lie in memory, as one sequence of registers for each term.
#[cube]
pub fn in_terms(
    registers: &Sequence<u32>,
    #[comptime] elements: Elements,
) -> Sequence<Sequence<u32>> {
    let mut terms = Sequence::<Sequence<u32>>::new();
    if comptime!(elements.is_single()) {
        #[unroll]
        for _ in 0..comptime!(elements.terms()) {
            terms.push(Sequence::<u32>::new());
        }
        let n = registers.len();
        #[unroll]
        for i in 0..n {
            push_single(&mut terms, f32::reinterpret(registers[i]), true);
        }
    } else {
        terms.push(registers.clone());
    }
    terms
}

/// Appends the terms of an `f32`, one to each sequence. Of two terms the first is the nearest tf32,
/// or, at half the cost, the next towards zero: of two factors one may be `nearest` and one not,
/// as then what is left out of their product is as often too small as too large.
#[cube]
pub fn push_single(terms: &mut Sequence<Sequence<u32>>, x: f32, #[comptime] nearest: bool) {
    if comptime!(terms.len() == 1) {
        terms.index_mut(0usize).push(round_tf32(x));
    } else {
        let bits = u32::reinterpret(x);
        let first = if comptime!(nearest) {
            // Half of the last bit that stays. Of NaN nothing may be left, but the second term has
            // it.
            (bits + 0x1000u32) & 0xFFFF_E000u32
        } else {
            bits & 0xFFFF_E000u32
        };
        terms.index_mut(0usize).push(first);
        // Products take no more of it than a tf32.
        terms.index_mut(1usize).push(u32::reinterpret(x - f32::reinterpret(first)));
    }
}

/// Appends two neighbouring elements of 16 bits, as one register.
#[cube]
pub fn push_pair(terms: &mut Sequence<Sequence<u32>>, low: f32, high: f32, #[comptime] half: Half) {
    let packed = pack(low, high, half);
    let registers = terms.index_mut(0usize);
    registers.push(packed);
}
