//! What of a matrix a cube has on chip, and how it lies there.

use crate::tile::elements::Elements;

/// The bytes of a unit: a row of an 8x8 matrix of 16-bit numbers.
pub const UNIT_BYTES: usize = 16;
/// Units whose banks differ: one for each row that a phase of `ldmatrix` reads.
const BANK_UNITS: usize = 8;

/// How much of a matrix a cube has on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChipShape {
    /// Rows of each head.
    pub rows: usize,
    /// Units of a row of one head.
    pub units: usize,
    /// Heads side by side.
    pub heads: usize,
    /// What they are made of.
    pub elements: Elements,
    /// How heads lie.
    pub arrangement: Arrangement,
}

/// How the heads of a cube lie, in memory and on chip alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrangement {
    /// A row holds all heads: `[seq, heads, dim]`.
    SideBySide,
    /// A head's rows, then the next head's: `[heads, seq, dim]`.
    OneByOne,
    /// So, and without a gap between any two rows.
    Gapless,
}

impl ChipShape {
    /// Bytes from one row to the next.
    pub fn pitch(&self) -> usize {
        let units = match self.arrangement {
            Arrangement::SideBySide => self.heads * self.units,
            Arrangement::OneByOne | Arrangement::Gapless => self.units,
        };
        if self.swizzles() { units * UNIT_BYTES } else { (units | 1) * UNIT_BYTES }
    }

    /// Whether units change places within their row, rather than rows lie an odd number of units
    /// apart.
    pub fn swizzles(&self) -> bool {
        self.arrangement != Arrangement::SideBySide
            && self.units > 1
            && self.units.is_power_of_two()
    }

    /// Rows that share the banks of the first, less one, as a shift: their units keep their places.
    pub fn swizzle_shift(&self) -> u32 {
        (BANK_UNITS / self.units.min(BANK_UNITS)).ilog2()
    }

    /// The bits of a unit's place that change.
    pub fn swizzle_mask(&self) -> u32 {
        self.units.min(BANK_UNITS) as u32 - 1
    }

    /// Bytes from one head to the next.
    pub fn head_bytes(&self) -> usize {
        match self.arrangement {
            Arrangement::SideBySide => self.units * UNIT_BYTES,
            Arrangement::OneByOne | Arrangement::Gapless => self.rows * self.pitch(),
        }
    }

    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        match self.arrangement {
            Arrangement::SideBySide => self.rows * self.pitch(),
            Arrangement::OneByOne | Arrangement::Gapless => self.heads * self.head_bytes(),
        }
    }
}
