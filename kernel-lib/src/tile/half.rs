//! The numbers that tensor cores multiply.

use cubecl::prelude::*;

use super::ptx::pack;

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

/// How the elements of tensors become numbers that tensor cores multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elements {
    /// They are such numbers.
    Half(Half),
    /// `f32`, each the sum of three bf16 numbers, which have its 24 bits of precision between them.
    /// A product of two sums is six products; the three that are left out lie below its last bit.
    /// An infinity is no such sum: it becomes NaN.
    Single,
}

impl Elements {
    /// Numbers that make an element.
    pub fn terms(self) -> usize {
        match self {
            Elements::Half(_) => 1,
            Elements::Single => 3,
        }
    }

    /// The type of the numbers.
    pub fn half(self) -> Half {
        match self {
            Elements::Half(half) => half,
            Elements::Single => Half::Bf16,
        }
    }

    /// Bytes of an element in memory.
    pub fn bytes(self) -> usize {
        match self {
            Elements::Half(_) => 2,
            Elements::Single => 4,
        }
    }

    /// The terms of two factors whose products count, the smallest first.
    pub fn products(self) -> &'static [(usize, usize)] {
        match self {
            Elements::Half(_) => &[(0, 0)],
            Elements::Single => &[(0, 2), (1, 1), (2, 0), (0, 1), (1, 0), (0, 0)],
        }
    }
}

/// Two elements as terms: one register for each.
#[cube]
pub fn split(low: f32, high: f32, #[comptime] elements: Elements) -> Sequence<u32> {
    let mut terms = Sequence::<u32>::new();
    let half = comptime!(elements.half());
    let mut low_rest = low;
    let mut high_rest = high;
    let n = comptime!(elements.terms());
    #[unroll]
    for term in 0..n {
        let packed = pack(low_rest, high_rest, half);
        if comptime!(term + 1 < n) {
            low_rest -= f32::reinterpret(packed << 16u32);
            high_rest -= f32::reinterpret(packed & 0xFFFF_0000u32);
        }
        terms.push(packed);
    }
    terms
}
