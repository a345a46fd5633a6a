//! Every method that a function of the language may call, in one table.
//!
//! A row says what the method takes and how it is written in primitive operations; the checker,
//! the messages and, through the primitives, every text follow from it. Methods that the device
//! lacks, or computes otherwise than Rust does, are spelled out here, so that the device, the
//! host and the derivative all see the same function.

use crate::builder::Builder;
use crate::ir::{Binary, Operand, Type, Unary};

/// The type of an argument or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Like {
    /// The type of the receiver.
    Receiver,
    /// This type.
    Is(Type),
}

impl Like {
    pub fn of(self, receiver: Type) -> Type {
        match self {
            Like::Receiver => receiver,
            Like::Is(ty) => ty,
        }
    }
}

/// One method of one or more types.
pub struct Method {
    pub name: &'static str,
    pub receivers: &'static [Type],
    pub arguments: &'static [Like],
    pub result: Like,
    /// Writes the call; the first operand is the receiver.
    pub lower: fn(&mut Builder, &[Operand]) -> Operand,
}

impl Method {
    /// As in `a.min(b)`.
    pub fn form(&self) -> String {
        let arguments = ["b", "c", "d"][..self.arguments.len()].join(", ");
        format!("a.{}({arguments})", self.name)
    }
}

pub fn find(receiver: Type, name: &str) -> Option<&'static Method> {
    of(receiver).find(|method| method.name == name)
}

pub fn of(receiver: Type) -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter(move |method| method.receivers.contains(&receiver))
}

const FLOAT: &[Type] = &[Type::F32];
const INTEGERS: &[Type] = &[Type::U32, Type::I32];
const NUMBERS: &[Type] = &[Type::F32, Type::U32, Type::I32];

const SAME: Like = Like::Receiver;

type Lower = fn(&mut Builder, &[Operand]) -> Operand;

const fn float(name: &'static str, lower: Lower) -> Method {
    Method { name, receivers: FLOAT, arguments: &[], result: SAME, lower }
}

const fn pair(name: &'static str, receivers: &'static [Type], lower: Lower) -> Method {
    Method { name, receivers, arguments: &[SAME], result: SAME, lower }
}

static METHODS: &[Method] = &[
    float("abs", |b, a| b.unary(Unary::Abs, a[0])),
    float("ceil", |b, a| b.unary(Unary::Ceil, a[0])),
    float("cos", |b, a| b.unary(Unary::Cos, a[0])),
    float("cosh", |b, a| b.unary(Unary::Cosh, a[0])),
    float("exp", |b, a| b.unary(Unary::Exp, a[0])),
    float("exp2", |b, a| b.unary(Unary::Exp2, a[0])),
    float("exp_m1", |b, a| b.unary(Unary::ExpM1, a[0])),
    float("floor", |b, a| b.unary(Unary::Floor, a[0])),
    float("ln", |b, a| b.unary(Unary::Ln, a[0])),
    float("ln_1p", |b, a| b.unary(Unary::Ln1p, a[0])),
    float("log2", |b, a| b.unary(Unary::Log2, a[0])),
    float("recip", |b, a| b.binary(Binary::Div, Operand::F32(1.0), a[0])),
    float("round", round),
    float("signum", signum),
    float("sin", |b, a| b.unary(Unary::Sin, a[0])),
    float("sinh", |b, a| b.unary(Unary::Sinh, a[0])),
    float("sqrt", |b, a| b.unary(Unary::Sqrt, a[0])),
    float("tan", |b, a| b.unary(Unary::Tan, a[0])),
    float("tanh", |b, a| b.unary(Unary::Tanh, a[0])),
    float("trunc", |b, a| b.unary(Unary::Trunc, a[0])),
    pair("powf", FLOAT, |b, a| b.binary(Binary::Powf, a[0], a[1])),
    Method {
        name: "powi",
        receivers: FLOAT,
        arguments: &[Like::Is(Type::I32)],
        result: SAME,
        lower: |b, a| b.binary(Binary::Powi, a[0], a[1]),
    },
    Method {
        name: "mul_add",
        receivers: FLOAT,
        arguments: &[SAME, SAME],
        result: SAME,
        // Compilers for the device fuse the two.
        lower: |b, a| {
            let product = b.binary(Binary::Mul, a[0], a[1]);
            b.binary(Binary::Add, product, a[2])
        },
    },
    pair("min", NUMBERS, |b, a| b.binary(Binary::Min, a[0], a[1])),
    pair("max", NUMBERS, |b, a| b.binary(Binary::Max, a[0], a[1])),
    Method {
        name: "clamp",
        receivers: NUMBERS,
        arguments: &[SAME, SAME],
        result: SAME,
        // Unlike Rust's, it has a value (the upper limit) where the limits are the wrong way round.
        lower: |b, a| {
            let raised = b.binary(Binary::Max, a[0], a[1]);
            b.binary(Binary::Min, raised, a[2])
        },
    },
    Method {
        name: "abs",
        receivers: &[Type::I32],
        arguments: &[],
        result: SAME,
        lower: |b, a| {
            let negated = b.unary(Unary::Neg, a[0]);
            b.binary(Binary::Max, a[0], negated)
        },
    },
    Method {
        name: "abs_diff",
        receivers: INTEGERS,
        arguments: &[SAME],
        result: Like::Is(Type::U32),
        lower: |b, a| {
            let larger = b.binary(Binary::Max, a[0], a[1]);
            let smaller = b.binary(Binary::Min, a[0], a[1]);
            let difference = b.binary(Binary::Sub, larger, smaller);
            b.cast(Type::U32, difference)
        },
    },
    Method {
        name: "pow",
        receivers: INTEGERS,
        arguments: &[Like::Is(Type::U32)],
        result: SAME,
        lower: |b, a| b.binary(Binary::Pow, a[0], a[1]),
    },
    Method {
        name: "is_multiple_of",
        receivers: &[Type::U32],
        arguments: &[SAME],
        result: Like::Is(Type::Bool),
        lower: |b, a| {
            // As in Rust, zero is the only multiple of zero: the remainder by 0 is 0 here.
            let remainder = b.binary(Binary::Rem, a[0], a[1]);
            let divides = b.binary(Binary::Equal, remainder, Operand::U32(0));
            let by_zero = b.binary(Binary::Equal, a[1], Operand::U32(0));
            let is_zero = b.binary(Binary::Equal, a[0], Operand::U32(0));
            b.select(by_zero, is_zero, divides)
        },
    },
    pair("wrapping_add", INTEGERS, |b, a| b.binary(Binary::Add, a[0], a[1])),
    pair("wrapping_sub", INTEGERS, |b, a| b.binary(Binary::Sub, a[0], a[1])),
    pair("wrapping_mul", INTEGERS, |b, a| b.binary(Binary::Mul, a[0], a[1])),
    Method {
        name: "rotate_left",
        receivers: &[Type::U32],
        arguments: &[Like::Is(Type::U32)],
        result: SAME,
        lower: |b, a| {
            let left = b.binary(Binary::Shl, a[0], a[1]);
            let others = b.binary(Binary::Sub, Operand::U32(32), a[1]);
            let right = b.binary(Binary::Shr, a[0], others);
            b.binary(Binary::BitOr, left, right)
        },
    },
    pair("saturating_sub", &[Type::U32], |b, a| {
        let larger = b.binary(Binary::Max, a[0], a[1]);
        b.binary(Binary::Sub, larger, a[1])
    }),
];

/// Half away from zero, as Rust rounds; devices round half to even.
fn round(b: &mut Builder, a: &[Operand]) -> Operand {
    let whole = b.unary(Unary::Trunc, a[0]);
    let rest = b.binary(Binary::Sub, a[0], whole);
    let up = b.binary(Binary::GreaterEqual, rest, Operand::F32(0.5));
    let down = b.binary(Binary::LessEqual, rest, Operand::F32(-0.5));
    let above = b.binary(Binary::Add, whole, Operand::F32(1.0));
    let below = b.binary(Binary::Sub, whole, Operand::F32(1.0));
    let not_up = b.select(down, below, whole);
    b.select(up, above, not_up)
}

/// 1 for zero of either sign, NaN for NaN.
fn signum(b: &mut Builder, a: &[Operand]) -> Operand {
    let below = b.binary(Binary::Less, a[0], Operand::F32(0.0));
    let above = b.binary(Binary::GreaterEqual, a[0], Operand::F32(0.0));
    // A constant with the comparison's NaN: what is neither below nor above is NaN itself.
    let nan = b.unary(Unary::Floor, a[0]);
    let not_below = b.select(above, Operand::F32(1.0), nan);
    b.select(below, Operand::F32(-1.0), not_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_each_of_its_receivers_and_lowers_to_its_result() {
        for method in METHODS {
            for &receiver in method.receivers {
                assert!(std::ptr::eq(find(receiver, method.name).unwrap(), method));
                let mut builder = Builder::new();
                let mut operands = vec![builder.input(crate::ir::Input::Parameter(0), receiver)];
                for (index, argument) in method.arguments.iter().enumerate() {
                    let input = crate::ir::Input::Parameter(index + 1);
                    operands.push(builder.input(input, argument.of(receiver)));
                }
                let result = (method.lower)(&mut builder, &operands);
                assert_eq!(builder.type_of(result), method.result.of(receiver), "{}", method.name);
            }
        }
    }
}
