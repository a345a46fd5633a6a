//! Operators and casts: both sides must have one type, and a bare literal takes the other side's.

use quote::ToTokens;
use syn::{BinOp, Expr, UnOp};

use crate::arguments::type_name;
use crate::check::Checker;
use crate::ir::{Binary, Operand, Type, Unary};
use crate::literal::{self, Checked};
use crate::{call, refuse};

impl Checker<'_> {
    pub fn unary(&mut self, unary: &syn::ExprUnary, expected: Option<Type>) -> Option<Checked> {
        if matches!(unary.op, UnOp::Neg(_))
            && let Expr::Lit(inner) = &*unary.expr
            && let Ok(Checked::Integer(number)) = literal::read(&inner.lit)
        {
            // Before it takes a type: the least i32 has no positive counterpart.
            let value = Checked::Integer(-number);
            return match expected {
                Some(ty) if ty.is_integer() => {
                    let (operand, ty) = self.expect(value, ty, unary, "this place")?;
                    Some(Checked::Typed(operand, ty))
                }
                _ => Some(value),
            };
        }
        let value = self.expression(&unary.expr, expected)?;
        if let (UnOp::Neg(_), Checked::Integer(number)) = (unary.op, value) {
            return Some(Checked::Integer(-number));
        }
        let (operand, ty) = self.typed(value, &unary.expr)?;
        let op = match (unary.op, ty) {
            (UnOp::Neg(_), Type::F32 | Type::I32) => Unary::Neg,
            (UnOp::Not(_), Type::Bool) => Unary::Not,
            (UnOp::Not(_), Type::U32 | Type::I32) => {
                let ones = if ty == Type::U32 { Operand::U32(u32::MAX) } else { Operand::I32(-1) };
                let flipped = self.builder.binary(Binary::BitXor, operand, ones);
                return Some(Checked::Typed(flipped, ty));
            }
            (UnOp::Neg(_), ty) => {
                let hint =
                    if ty == Type::U32 { "; cast it first, as in `-(a as i32)`" } else { "" };
                self.errors.at(unary, format!("`-` is for `f32` and `i32`, not `{ty}`{hint}"));
                return None;
            }
            (UnOp::Not(_), ty) => {
                self.errors.at(unary, format!("`!` is for `bool`, `u32` and `i32`, not `{ty}`"));
                return None;
            }
            _ => {
                self.errors.at(unary, "there are no references here: leave `*` out");
                return None;
            }
        };
        Some(Checked::Typed(self.builder.unary(op, operand), ty))
    }

    pub fn binary(&mut self, binary: &syn::ExprBinary, expected: Option<Type>) -> Option<Checked> {
        let Some(op) = binary_operator(&binary.op) else {
            self.errors.push(refuse::operator(&binary.op));
            return None;
        };
        let logical = matches!(op, Binary::And | Binary::Or);
        let expected = if logical || op.is_comparison() { None } else { expected };
        let expected = if logical { Some(Type::Bool) } else { expected };
        let hint = |side: Option<Checked>| match side {
            Some(Checked::Typed(_, ty)) if !logical => Some(ty),
            _ => expected,
        };
        let (left, right) = if call::is_open(&binary.left) && expected.is_none() {
            // The other side says what the call gives.
            let right = self.expression(&binary.right, None);
            (self.expression(&binary.left, hint(right)), right)
        } else {
            let left = self.expression(&binary.left, expected);
            (left, self.expression(&binary.right, hint(left)))
        };
        let (left, right) = (left?, right?);
        for (side, other) in [(&binary.left, right), (&binary.right, left)] {
            if call::is_open(side) && expected.is_none() && matches!(other, Checked::Integer(_)) {
                let message = "this place does not say what the call gives: bind it with its type \
                               first, as in `let a: u32 = f(b);`";
                self.errors.at(side, message);
                return None;
            }
        }
        if logical {
            let name = if op == Binary::And { "a side of `&&`" } else { "a side of `||`" };
            let left = self.expect(left, Type::Bool, &binary.left, name);
            let right = self.expect(right, Type::Bool, &binary.right, name);
            let ((left, _), (right, _)) = (left?, right?);
            // Nothing here has an effect or traps, so both sides are computed.
            return Some(Checked::Typed(self.builder.binary(op, left, right), Type::Bool));
        }
        let (left, right, ty) = match (left, right) {
            (Checked::Integer(a), Checked::Integer(b)) => {
                if let Some(value) = literal::fold(op, a, b) {
                    return Some(value);
                }
                let left = self.typed(left, &binary.left);
                let right = self.typed(right, &binary.right);
                (left?.0, right?.0, Type::I32)
            }
            (Checked::Typed(left, ty), Checked::Integer(number)) => {
                (left, self.literal_beside(number, ty, &binary.right)?, ty)
            }
            (Checked::Integer(number), Checked::Typed(right, ty)) => {
                (self.literal_beside(number, ty, &binary.left)?, right, ty)
            }
            (Checked::Typed(left, a), Checked::Typed(right, b)) => {
                if a != b {
                    let symbol = binary.op.to_token_stream();
                    let hint = literal::cast_both_hint(a, b);
                    self.errors.at(
                        binary,
                        format!("`{a} {symbol} {b}`: both sides must have one type{hint}"),
                    );
                    return None;
                }
                (left, right, a)
            }
        };
        if ty == Type::Bool && !matches!(op, Binary::Equal | Binary::NotEqual) {
            let symbol = binary.op.to_token_stream();
            let message =
                format!("`{symbol}` is not for `bool`; join them with `&&`, `||`, `==` or `!=`");
            self.errors.at(binary, message);
            return None;
        }
        if ty == Type::F32 && op.is_of_bits() {
            let symbol = binary.op.to_token_stream();
            let message = format!(
                "`{symbol}` is for the bits of `u32` and `i32`, not for `f32`; a power is written \
                 `a.powf(b)`"
            );
            self.errors.at(binary, message);
            return None;
        }
        let result = if op.is_comparison() { Type::Bool } else { ty };
        Some(Checked::Typed(self.builder.binary(op, left, right), result))
    }

    /// A bare integer literal beside an operand of type `ty`.
    fn literal_beside(&mut self, number: i128, ty: Type, place: &Expr) -> Option<Operand> {
        self.expect(Checked::Integer(number), ty, place, "the other side").map(|typed| typed.0)
    }

    pub fn cast(&mut self, cast: &syn::ExprCast) -> Option<Checked> {
        if call::is_open(&cast.expr) {
            let call = cast.expr.to_token_stream();
            let message = "a cast does not say what this call gives: bind it with its type first, as \
                           in `let a: u32 = f(b);`, then cast `a`";
            self.errors.at(call, message);
            return None;
        }
        let value = self.expression(&cast.expr, None);
        let Some(to) = type_name(&cast.ty).as_deref().and_then(Type::from_name) else {
            self.errors.at(&cast.ty, "a cast is to `f32`, `u32` or `i32`");
            return None;
        };
        let value = match value? {
            Checked::Integer(number) if to == Type::F32 => {
                return Some(Checked::Typed(Operand::F32(f64::from(number as f32)), to));
            }
            Checked::Integer(number) if to.is_integer() && literal::integer(number, to).is_ok() => {
                return Some(Checked::Typed(literal::integer(number, to).ok()?, to));
            }
            value => value,
        };
        let (operand, from) = self.typed(value, &cast.expr)?;
        if to == Type::Bool && from != Type::Bool {
            self.errors
                .at(cast, format!("`{from}` is not cast to `bool`: compare, as in `a != b`"));
            return None;
        }
        if from == Type::Bool && to == Type::F32 {
            let message = "`bool` is not cast to `f32`: write `if a { 1.0 } else { 0.0 }`";
            self.errors.at(cast, message);
            return None;
        }
        Some(Checked::Typed(self.builder.cast(to, operand), to))
    }
}

fn binary_operator(op: &BinOp) -> Option<Binary> {
    Some(match op {
        BinOp::Add(_) => Binary::Add,
        BinOp::Sub(_) => Binary::Sub,
        BinOp::Mul(_) => Binary::Mul,
        BinOp::Div(_) => Binary::Div,
        BinOp::Rem(_) => Binary::Rem,
        BinOp::And(_) => Binary::And,
        BinOp::Or(_) => Binary::Or,
        BinOp::Eq(_) => Binary::Equal,
        BinOp::Ne(_) => Binary::NotEqual,
        BinOp::Lt(_) => Binary::Less,
        BinOp::Le(_) => Binary::LessEqual,
        BinOp::Gt(_) => Binary::Greater,
        BinOp::Ge(_) => Binary::GreaterEqual,
        BinOp::BitAnd(_) => Binary::BitAnd,
        BinOp::BitOr(_) => Binary::BitOr,
        BinOp::BitXor(_) => Binary::BitXor,
        BinOp::Shl(_) => Binary::Shl,
        BinOp::Shr(_) => Binary::Shr,
        _ => return None,
    })
}
