//! The 16-bit element types that tensor cores multiply.

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
