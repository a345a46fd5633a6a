//! The derivatives of single operations.

use std::f64::consts::{LN_2, LOG2_E};

use crate::builder::Builder;
use crate::differentiate::{ONE, ZERO};
use crate::ir::{Binary, Operand, Type, Unary};

/// What `result = op(a)` contributes to the adjoint of `a`.
pub fn unary(
    b: &mut Builder,
    op: Unary,
    a: Operand,
    result: Operand,
    adjoint: Operand,
) -> Option<Operand> {
    Some(match op {
        Unary::Neg => b.unary(Unary::Neg, adjoint),
        Unary::Exp => b.binary(Binary::Mul, adjoint, result),
        Unary::Exp2 => {
            let slope = b.binary(Binary::Mul, result, Operand::F32(LN_2));
            b.binary(Binary::Mul, adjoint, slope)
        }
        Unary::ExpM1 => {
            let slope = b.binary(Binary::Add, result, ONE);
            b.binary(Binary::Mul, adjoint, slope)
        }
        Unary::Ln => b.quotient(adjoint, a),
        Unary::Ln1p => {
            let shifted = b.binary(Binary::Add, a, ONE);
            b.quotient(adjoint, shifted)
        }
        Unary::Log2 => {
            let scaled = b.binary(Binary::Mul, adjoint, Operand::F32(LOG2_E));
            b.quotient(scaled, a)
        }
        Unary::Sqrt => {
            let half = b.binary(Binary::Mul, adjoint, Operand::F32(0.5));
            b.quotient(half, result)
        }
        Unary::Sin => {
            let slope = b.unary(Unary::Cos, a);
            b.binary(Binary::Mul, adjoint, slope)
        }
        Unary::Cos => {
            let sin = b.unary(Unary::Sin, a);
            let product = b.binary(Binary::Mul, adjoint, sin);
            b.unary(Unary::Neg, product)
        }
        Unary::Tan => {
            let square = b.binary(Binary::Mul, result, result);
            let slope = b.binary(Binary::Add, ONE, square);
            b.binary(Binary::Mul, adjoint, slope)
        }
        Unary::Sinh => {
            let slope = b.unary(Unary::Cosh, a);
            b.binary(Binary::Mul, adjoint, slope)
        }
        Unary::Cosh => {
            let slope = b.unary(Unary::Sinh, a);
            b.binary(Binary::Mul, adjoint, slope)
        }
        Unary::Tanh => {
            let square = b.binary(Binary::Mul, result, result);
            let slope = b.binary(Binary::Sub, ONE, square);
            b.binary(Binary::Mul, adjoint, slope)
        }
        Unary::Abs => {
            let below = b.binary(Binary::Less, a, ZERO);
            let above = b.binary(Binary::Greater, a, ZERO);
            let negated = b.unary(Unary::Neg, adjoint);
            let not_above = b.select(below, negated, ZERO);
            b.select(above, adjoint, not_above)
        }
        Unary::Not | Unary::Floor | Unary::Ceil | Unary::Trunc => return None,
    })
}

/// What `op(x, y)` contributes to the adjoint of `x`.
pub fn binary_first(
    b: &mut Builder,
    op: Binary,
    x: Operand,
    y: Operand,
    adjoint: Operand,
) -> Operand {
    match op {
        Binary::Add | Binary::Sub | Binary::Rem => adjoint,
        Binary::Mul => b.binary(Binary::Mul, adjoint, y),
        Binary::Div => b.quotient(adjoint, y),
        Binary::Min => {
            let mine = b.binary(Binary::Less, x, y);
            b.select(mine, adjoint, ZERO)
        }
        Binary::Max => {
            let mine = b.binary(Binary::Greater, x, y);
            b.select(mine, adjoint, ZERO)
        }
        Binary::Powf | Binary::Powi => {
            let (none, one) = match op {
                Binary::Powf => (ZERO, ONE),
                _ => (Operand::I32(0), Operand::I32(1)),
            };
            let lower = b.binary(Binary::Sub, y, one);
            let power = b.binary(op, x, lower);
            let factor = b.cast(Type::F32, y);
            let slope = b.binary(Binary::Mul, factor, power);
            // 0 times an infinite power, where the exponent is 0.
            let constant = b.binary(Binary::Equal, y, none);
            let slope = b.select(constant, ZERO, slope);
            b.binary(Binary::Mul, adjoint, slope)
        }
        _ => ZERO,
    }
}

/// What `result = op(x, y)` contributes to the adjoint of `y`.
pub fn binary_second(
    b: &mut Builder,
    op: Binary,
    x: Operand,
    y: Operand,
    result: Operand,
    adjoint: Operand,
) -> Operand {
    match op {
        Binary::Add => adjoint,
        Binary::Sub => b.unary(Unary::Neg, adjoint),
        Binary::Mul => b.binary(Binary::Mul, adjoint, x),
        Binary::Div => {
            let product = b.binary(Binary::Mul, adjoint, result);
            let quotient = b.quotient(product, y);
            b.unary(Unary::Neg, quotient)
        }
        Binary::Rem => {
            let quotient = b.binary(Binary::Div, x, y);
            let whole = b.unary(Unary::Trunc, quotient);
            let product = b.binary(Binary::Mul, adjoint, whole);
            b.unary(Unary::Neg, product)
        }
        Binary::Min => {
            let theirs = b.binary(Binary::Less, x, y);
            b.select(theirs, ZERO, adjoint)
        }
        Binary::Max => {
            let theirs = b.binary(Binary::Greater, x, y);
            b.select(theirs, ZERO, adjoint)
        }
        Binary::Powf => {
            let ln = b.unary(Unary::Ln, x);
            let slope = b.binary(Binary::Mul, result, ln);
            // 0 times the infinite logarithm of 0.
            let zero = b.binary(Binary::Equal, x, ZERO);
            let slope = b.select(zero, ZERO, slope);
            b.binary(Binary::Mul, adjoint, slope)
        }
        _ => ZERO,
    }
}
