//! Expressions as people write them: where parentheses are needed, and constants.

use std::f64::consts::{LN_2, LOG2_E};

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::ir::Operand;

/// How tightly an expression holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Stands alone or in parentheses: `if`, casts.
    Loose,
    Or,
    And,
    Comparison,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Sum,
    Product,
    Unary,
    Call,
}

/// An expression as it is written.
pub struct Text {
    pub tokens: TokenStream,
    pub level: Level,
}

impl Text {
    /// In parentheses unless it holds together at least so tightly.
    pub fn at(self, level: Level) -> TokenStream {
        let Text { tokens, level: own } = self;
        if own >= level { tokens } else { quote!((#tokens)) }
    }
}

/// A constant, with its type where it stands `alone`.
pub fn constant(constant: Operand, alone: bool) -> Text {
    let (tokens, negative) = match constant {
        Operand::F32(x) if x == f64::INFINITY => (quote!(f32::INFINITY), false),
        Operand::F32(x) if x == f64::NEG_INFINITY => (quote!(f32::NEG_INFINITY), false),
        Operand::F32(LN_2) => (quote!(core::f32::consts::LN_2), false),
        Operand::F32(LOG2_E) => (quote!(core::f32::consts::LOG2_E), false),
        Operand::F32(x) => {
            let x = x as f32;
            let magnitude = match alone {
                true => Literal::f32_suffixed(x.abs()),
                false => Literal::f32_unsuffixed(x.abs()),
            };
            (quote!(#magnitude), x.is_sign_negative())
        }
        Operand::U32(n) => {
            let number = match alone {
                true => Literal::u32_suffixed(n),
                false => Literal::u32_unsuffixed(n),
            };
            (quote!(#number), false)
        }
        Operand::I32(i32::MIN) => (quote!(i32::MIN), false),
        Operand::I32(n) => {
            let magnitude = match alone {
                true => Literal::i32_suffixed(n.abs()),
                false => Literal::i32_unsuffixed(n.abs()),
            };
            (quote!(#magnitude), n < 0)
        }
        Operand::Bool(truth) => (quote!(#truth), false),
        Operand::Value(_) => unreachable!("a value is written by its name"),
    };
    match negative {
        true => Text { tokens: quote!(-#tokens), level: Level::Unary },
        false => Text { tokens, level: Level::Call },
    }
}
