//! The device's text: what CubeCL's `#[cube]` understands.
//!
//! One operation for each `let`, because `#[cube]` folds literals on the host and flattens a
//! chain of casts, which would lose the rounding of `x as u32 as f32`. Constants are written with
//! their type for the same reason.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};

use super::{Text, argument_name, part_name};
use crate::ir::{Binary, Block, Call, Input, MAX_RANK, Op, Operand, Type, Unary};
use crate::signature::Parameter;

/// Reads a variant's parameters from the fields of `params`, and a helper's from its arguments.
pub enum Device<'a> {
    Variant(&'a [Parameter]),
    Helper,
}

impl Device<'_> {
    fn table(&self, parameter: usize) -> &Ident {
        match self {
            Device::Variant(parameters) => &parameters[parameter].name,
            Device::Helper => unreachable!("a helper has no tables"),
        }
    }
}

impl Text for Device<'_> {
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
                Device::Variant(parameters) => {
                    let name = &parameters[place].name;
                    quote!(params.#name)
                }
                Device::Helper => argument_name(place).to_token_stream(),
            },
        }
    }

    fn place(&self, parameter: usize, indices: &[TokenStream], types: &[Type]) -> TokenStream {
        let name = self.table(parameter);
        let arguments = table_arguments(indices, types);
        quote!(params.#name.place(#arguments))
    }

    fn constant(&self, operand: Operand) -> TokenStream {
        match operand {
            Operand::F32(x) if x == f64::INFINITY => quote!(f32::new(f32::INFINITY)),
            Operand::F32(x) if x == f64::NEG_INFINITY => quote!(f32::new(f32::NEG_INFINITY)),
            Operand::F32(x) => {
                let magnitude = Literal::f32_suffixed((x as f32).abs());
                match x.is_sign_negative() {
                    true => quote!(f32::new(-#magnitude)),
                    false => quote!(f32::new(#magnitude)),
                }
            }
            Operand::U32(n) => {
                let number = Literal::i64_suffixed(i64::from(n));
                quote!(u32::new(#number))
            }
            Operand::I32(n) => {
                let magnitude = Literal::i64_suffixed(i64::from(n).abs());
                match n < 0 {
                    true => quote!(i32::new(-#magnitude)),
                    false => quote!(i32::new(#magnitude)),
                }
            }
            Operand::Bool(truth) => quote!(bool::new(#truth)),
            Operand::Value(_) => unreachable!("a value is printed by its name"),
        }
    }

    fn operation(&self, op: &Op, operands: &[TokenStream], types: &[Type]) -> TokenStream {
        if let Op::Read(read) = op {
            let name = self.table(read.parameter);
            let arguments = table_arguments(&operands[..read.rank], types);
            return quote!(params.#name.read(#arguments));
        }
        let a = &operands[0];
        match *op {
            Op::Read(_) => unreachable!("answered above"),
            Op::Unary(op, _) => unary(op, a),
            Op::Binary(op, ..) => binary(op, a, &operands[1], types[0]),
            Op::Select(..) => {
                let (b, c) = (&operands[1], &operands[2]);
                quote!(select(#a, #b, #c))
            }
            Op::Cast(to, _) => {
                let to = Ident::new(to.name(), proc_macro2::Span::call_site());
                quote!(#to::cast_from(#a))
            }
            Op::Call(_) => unreachable!("a call is written by `call_step`"),
        }
    }

    fn call(&self, call: &Call) -> (Ident, Option<TokenStream>) {
        (part_name("device", call.part), None)
    }

    fn branch(
        &self,
        names: &[Ident],
        types: &[Type],
        condition: TokenStream,
        blocks: [&Block; 2],
        block: &dyn Fn(&Block) -> (TokenStream, Vec<TokenStream>),
    ) -> TokenStream {
        let [(then, then_results), (otherwise, other_results)] = blocks.map(block);
        if let [name] = names {
            return quote! {
                let #name = if #condition {
                    #then
                    #(#then_results)*
                } else {
                    #otherwise
                    #(#other_results)*
                };
            };
        }
        // An `if` has one result on the device; several are assigned.
        let zeros = types.iter().map(|ty| {
            self.constant(match ty {
                Type::F32 => Operand::F32(0.0),
                Type::U32 => Operand::U32(0),
                Type::I32 => Operand::I32(0),
                Type::Bool => Operand::Bool(false),
            })
        });
        quote! {
            #(let mut #names = #zeros;)*
            if #condition {
                #then
                #(#names = #then_results;)*
            } else {
                #otherwise
                #(#names = #other_results;)*
            }
        }
    }
}

/// Four indices, and how many of them count.
fn table_arguments(indices: &[TokenStream], types: &[Type]) -> TokenStream {
    let given = indices.iter().zip(types).map(|(index, ty)| match ty {
        Type::I32 => quote!(::tilewright::language::from_zero(#index)),
        _ => index.clone(),
    });
    let unread = (indices.len()..MAX_RANK).map(|_| quote!(u32::new(0i64)));
    let arguments = given.chain(unread);
    let rank = Literal::usize_suffixed(indices.len());
    quote!(#(#arguments,)* #rank)
}

fn unary(op: Unary, a: &TokenStream) -> TokenStream {
    match op {
        Unary::Neg => quote!(-#a),
        Unary::Not => quote!(!#a),
        Unary::Exp => quote!(#a.exp()),
        // CubeCL has no base-two exponential or logarithm.
        Unary::Exp2 => quote!((#a * f32::new(0.693_147_2f32)).exp()),
        Unary::Log2 => quote!(#a.ln() * f32::new(1.442_695f32)),
        Unary::ExpM1 => quote!(#a.exp_m1()),
        Unary::Ln => quote!(#a.ln()),
        Unary::Ln1p => quote!(#a.log1p()),
        Unary::Sqrt => quote!(#a.sqrt()),
        Unary::Sin => quote!(#a.sin()),
        Unary::Cos => quote!(#a.cos()),
        Unary::Tan => quote!(#a.tan()),
        Unary::Sinh => quote!(#a.sinh()),
        Unary::Cosh => quote!(#a.cosh()),
        Unary::Tanh => quote!(::tilewright::language::math::tanh(#a)),
        Unary::Abs => quote!(#a.abs()),
        Unary::Floor => quote!(#a.floor()),
        Unary::Ceil => quote!(#a.ceil()),
        Unary::Trunc => quote!(#a.trunc()),
    }
}

fn binary(op: Binary, a: &TokenStream, b: &TokenStream, ty: Type) -> TokenStream {
    match op {
        Binary::Add => quote!(#a + #b),
        Binary::Sub => quote!(#a - #b),
        Binary::Mul => quote!(#a * #b),
        Binary::Div if ty == Type::F32 => quote!(::tilewright::language::math::divide(#a, #b)),
        Binary::Div => quote!(#a / #b),
        Binary::Rem => quote!(#a % #b),
        // Functions of CubeCL: the methods of the same name are ambiguous for `f32`.
        Binary::Min => quote!(min(#a, #b)),
        Binary::Max => quote!(max(#a, #b)),
        Binary::Powf => quote!(#a.powf(#b)),
        Binary::Powi => quote!(#a.powi(#b)),
        Binary::Pow => {
            let ty = Ident::new(ty.name(), proc_macro2::Span::call_site());
            quote!(#ty::powi(#a, i32::cast_from(#b)))
        }
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
