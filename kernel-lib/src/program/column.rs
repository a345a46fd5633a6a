//! One number for each row.

use cubecl::frontend::comptime::hardware_properties;
use cubecl::prelude::*;

use crate::tile::exp::{Exp2, exp};
use crate::tile::math;

/// One number for each of the rows that a unit owns: what a reduction leaves, and what
/// [`map`](super::Tile::map) is given for each column of a tile.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Column<R: Size> {
    pub(super) value: Vector<f32, R>,
}

#[cube]
impl<R: Size> Column<R> {
    /// The same number for every row.
    pub fn filled(value: f32) -> Column<R> {
        Column::<R> { value: Vector::new(value) }
    }

    /// `e` to the power of each number, to about 2e-7 relative.
    pub fn exp(self) -> Column<R> {
        let hardware = hardware_properties();
        let how = comptime!(match hardware.num_cpu_cores {
            Some(_) => Exp2::Polynomial,
            None => Exp2::SpecialUnit,
        });
        Column::<R> { value: exp::<R>(self.value, how) }
    }

    /// The natural logarithm.
    pub fn ln(self) -> Column<R> {
        Column::<R> { value: self.value.ln() }
    }

    /// The square root.
    pub fn sqrt(self) -> Column<R> {
        Column::<R> { value: self.value.sqrt() }
    }

    /// The magnitude.
    pub fn abs(self) -> Column<R> {
        Column::<R> { value: self.value.abs() }
    }

    /// One divided by each number.
    pub fn recip(self) -> Column<R> {
        Column::<R> { value: Vector::new(1.0f32) / self.value }
    }

    /// The larger of each number and `floor`.
    pub fn max(self, floor: f32) -> Column<R> {
        Column::<R> { value: max(self.value, Vector::new(floor)) }
    }

    /// The smaller of each number and `cap`.
    pub fn min(self, cap: f32) -> Column<R> {
        Column::<R> { value: min(self.value, Vector::new(cap)) }
    }

    /// The larger of two numbers, for each row.
    pub fn max_of(self, other: Column<R>) -> Column<R> {
        Column::<R> { value: max(self.value, other.value) }
    }

    /// The smaller of two numbers, for each row.
    pub fn min_of(self, other: Column<R>) -> Column<R> {
        Column::<R> { value: min(self.value, other.value) }
    }

    /// The hyperbolic tangent.
    pub fn tanh(self) -> Column<R> {
        let mut value = self.value;
        let lanes = R::value();
        #[unroll]
        for lane in 0..lanes {
            value.insert(lane, math::tanh(value.extract(lane)));
        }
        Column::<R> { value }
    }

    /// The logistic function `1 / (1 + e^-x)`.
    pub fn sigmoid(self) -> Column<R> {
        let negated = Column::<R> { value: Vector::new(0.0f32) - self.value };
        let below = negated.exp().value + Vector::new(1.0f32);
        let hardware = hardware_properties();
        if comptime!(hardware.num_cpu_cores.is_none()) {
            let mut value = below;
            let lanes = R::value();
            #[unroll]
            for lane in 0..lanes {
                value.insert(lane, math::divide(1.0f32, below.extract(lane)));
            }
            Column::<R> { value }
        } else {
            Column::<R> { value: Vector::new(1.0f32) / below }
        }
    }

    /// `yes` where a number is greater than `bound`, else `no`.
    pub fn greater(self, bound: f32, yes: Column<R>, no: Column<R>) -> Column<R> {
        let above = self.value.greater_than(&Vector::new(bound));
        Column::<R> { value: select_many(above, yes.value, no.value) }
    }
}
