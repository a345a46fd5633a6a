//! The host's text: `f64` for `f32`, wrapping arithmetic for integers as on the device.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};

use super::{Text, argument_name, part_name};
use crate::ir::{Binary, Block, Call, Input, Op, Operand, Type, Unary};
use crate::signature::Parameter;

/// Reads a variant's parameters from the fields of `self`, and a helper's from its arguments.
pub enum Host<'a> {
    Variant(&'a [Parameter]),
    Helper,
}

/// The host's type for values of type `ty`.
pub fn type_of(ty: Type) -> TokenStream {
    match ty {
        Type::F32 => quote!(f64),
        Type::U32 => quote!(u32),
        Type::I32 => quote!(i32),
        Type::Bool => quote!(bool),
    }
}

impl Host<'_> {
    fn table(&self, parameter: usize) -> &Ident {
        match self {
            Host::Variant(parameters) => &parameters[parameter].name,
            Host::Helper => unreachable!("a helper has no tables"),
        }
    }
}

impl Text for Host<'_> {
    fn input(&self, input: Input) -> TokenStream {
        match input {
            Input::Subject => quote!(subject),
            Input::Feature(feature) => super::feature_name(feature).to_token_stream(),
            Input::Site(_) => unreachable!("no text mentions a site"),
            Input::Field(field) => {
                let field = Ident::new(field, proc_macro2::Span::call_site());
                quote!(at.#field)
            }
            Input::Parameter(place) => match self {
                Host::Variant(parameters) => {
                    let Parameter { name, ty, .. } = &parameters[place];
                    match ty {
                        Type::F32 => quote!(f64::from(self.#name)),
                        _ => quote!(self.#name),
                    }
                }
                Host::Helper => argument_name(place).to_token_stream(),
            },
        }
    }

    fn place(&self, parameter: usize, indices: &[TokenStream], _types: &[Type]) -> TokenStream {
        let name = self.table(parameter);
        quote!(self.#name.place(&[#(i64::from(#indices)),*]))
    }

    fn constant(&self, operand: Operand) -> TokenStream {
        match operand {
            Operand::F32(x) if x == f64::INFINITY => quote!(f64::INFINITY),
            Operand::F32(x) if x == f64::NEG_INFINITY => quote!(f64::NEG_INFINITY),
            Operand::F32(x) if x.is_sign_negative() => {
                let magnitude = Literal::f64_suffixed(-x);
                quote!((-#magnitude))
            }
            Operand::F32(x) => {
                let number = Literal::f64_suffixed(x);
                quote!(#number)
            }
            Operand::U32(n) => {
                let number = Literal::u32_suffixed(n);
                quote!(#number)
            }
            Operand::I32(i32::MIN) => quote!(i32::MIN),
            Operand::I32(n) if n < 0 => {
                let magnitude = Literal::i32_suffixed(-n);
                quote!((-#magnitude))
            }
            Operand::I32(n) => {
                let number = Literal::i32_suffixed(n);
                quote!(#number)
            }
            Operand::Bool(truth) => quote!(#truth),
            Operand::Value(_) => unreachable!("a value is printed by its name"),
        }
    }

    fn operation(&self, op: &Op, operands: &[TokenStream], types: &[Type]) -> TokenStream {
        if let Op::Read(read) = op {
            let name = self.table(read.parameter);
            let indices = &operands[..read.rank];
            let element = quote!(self.#name.at(&[#(i64::from(#indices)),*]));
            return match read.ty {
                Type::F32 => quote!(f64::from(#element)),
                _ => element,
            };
        }
        let a = &operands[0];
        match *op {
            Op::Read(_) => unreachable!("answered above"),
            Op::Unary(op, _) => unary(op, a, types[0]),
            Op::Binary(op, ..) => binary(op, a, &operands[1], types[0]),
            Op::Select(..) => {
                let (b, c) = (&operands[1], &operands[2]);
                quote!(if #a { #b } else { #c })
            }
            Op::Cast(to, _) => match (types[0], to) {
                (_, Type::F32) => quote!(f64::from(#a)),
                (_, Type::U32) => quote!((#a as u32)),
                _ => quote!((#a as i32)),
            },
            Op::Call(_) => unreachable!("a call is written by `call_step`"),
        }
    }

    fn call(&self, call: &Call) -> (Ident, Option<TokenStream>) {
        (part_name("host", call.part), Some(type_of(call.result)))
    }

    fn branch(
        &self,
        names: &[Ident],
        _types: &[Type],
        condition: TokenStream,
        blocks: [&Block; 2],
        block: &dyn Fn(&Block) -> (TokenStream, Vec<TokenStream>),
    ) -> TokenStream {
        let [(then, then_results), (otherwise, other_results)] = blocks.map(block);
        quote! {
            let (#(#names,)*) = if #condition {
                #then
                (#(#then_results,)*)
            } else {
                #otherwise
                (#(#other_results,)*)
            };
        }
    }
}

fn unary(op: Unary, a: &TokenStream, ty: Type) -> TokenStream {
    match op {
        Unary::Neg if ty == Type::I32 => quote!(#a.wrapping_neg()),
        Unary::Neg => quote!(-#a),
        Unary::Not => quote!(!#a),
        Unary::Exp => quote!(#a.exp()),
        Unary::Exp2 => quote!(#a.exp2()),
        Unary::ExpM1 => quote!(#a.exp_m1()),
        Unary::Ln => quote!(#a.ln()),
        Unary::Ln1p => quote!(#a.ln_1p()),
        Unary::Log2 => quote!(#a.log2()),
        Unary::Sqrt => quote!(#a.sqrt()),
        Unary::Sin => quote!(#a.sin()),
        Unary::Cos => quote!(#a.cos()),
        Unary::Tan => quote!(#a.tan()),
        Unary::Sinh => quote!(#a.sinh()),
        Unary::Cosh => quote!(#a.cosh()),
        Unary::Tanh => quote!(#a.tanh()),
        Unary::Abs => quote!(#a.abs()),
        Unary::Floor => quote!(#a.floor()),
        Unary::Ceil => quote!(#a.ceil()),
        Unary::Trunc => quote!(#a.trunc()),
    }
}

fn binary(op: Binary, a: &TokenStream, b: &TokenStream, ty: Type) -> TokenStream {
    let float = ty == Type::F32;
    match op {
        Binary::Add if float => quote!(#a + #b),
        Binary::Sub if float => quote!(#a - #b),
        Binary::Mul if float => quote!(#a * #b),
        Binary::Div if float => quote!(#a / #b),
        Binary::Rem if float => quote!(#a % #b),
        Binary::Add => quote!(#a.wrapping_add(#b)),
        Binary::Sub => quote!(#a.wrapping_sub(#b)),
        Binary::Mul => quote!(#a.wrapping_mul(#b)),
        Binary::Div => quote!(#a.wrapping_div(#b)),
        Binary::Rem => quote!(#a.wrapping_rem(#b)),
        Binary::Min => quote!(#a.min(#b)),
        Binary::Max => quote!(#a.max(#b)),
        Binary::Powf => quote!(#a.powf(#b)),
        Binary::Powi => quote!(#a.powi(#b)),
        Binary::Pow => quote!(#a.wrapping_pow(#b)),
        Binary::Equal => quote!(#a == #b),
        Binary::NotEqual => quote!(#a != #b),
        Binary::Less => quote!(#a < #b),
        Binary::LessEqual => quote!(#a <= #b),
        Binary::Greater => quote!(#a > #b),
        Binary::GreaterEqual => quote!(#a >= #b),
        Binary::And => quote!(#a && #b),
        Binary::Or => quote!(#a || #b),
        Binary::BitAnd => quote!(#a & #b),
        Binary::BitOr => quote!(#a | #b),
        Binary::BitXor => quote!(#a ^ #b),
        Binary::Shl => quote!(#a << #b),
        Binary::Shr => quote!(#a >> #b),
    }
}
