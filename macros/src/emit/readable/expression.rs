//! Operations and calls.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::text::{Level, Text};
use super::{Printer, type_name};
use crate::ir::{Argument, Binary, Call, Op, Operand, Part, Read, Unary};

impl Printer<'_> {
    pub fn operation(&mut self, op: &Op) -> Text {
        match *op {
            Op::Unary(op, a) => {
                let method = match op {
                    Unary::Neg | Unary::Not => {
                        let a = self.operand(a, true).at(Level::Unary);
                        let tokens = if op == Unary::Neg { quote!(-#a) } else { quote!(!#a) };
                        return Text { tokens, level: Level::Unary };
                    }
                    Unary::Exp => "exp",
                    Unary::Exp2 => "exp2",
                    Unary::ExpM1 => "exp_m1",
                    Unary::Ln => "ln",
                    Unary::Ln1p => "ln_1p",
                    Unary::Log2 => "log2",
                    Unary::Sqrt => "sqrt",
                    Unary::Sin => "sin",
                    Unary::Cos => "cos",
                    Unary::Tan => "tan",
                    Unary::Sinh => "sinh",
                    Unary::Cosh => "cosh",
                    Unary::Tanh => "tanh",
                    Unary::Abs => "abs",
                    Unary::Floor => "floor",
                    Unary::Ceil => "ceil",
                    Unary::Trunc => "trunc",
                };
                self.method(a, method, None)
            }
            Op::Binary(op, a, b) => self.binary(op, a, b),
            Op::Select(condition, a, b) => {
                let condition = self.operand(condition, true).tokens;
                let (a, b) = (self.operand(a, true).tokens, self.operand(b, true).tokens);
                Text { tokens: quote!(if #condition { #a } else { #b }), level: Level::Loose }
            }
            Op::Cast(to, a) => {
                let is_call = matches!(a, Operand::Value(value)
                    if matches!(self.inlined.get(&value), Some(Op::Call(_))));
                let a = self.operand(a, true);
                // A cast does not say what a call gives.
                let a = if is_call { block_of(a) } else { a.at(Level::Unary) };
                let to = type_name(to);
                Text { tokens: quote!(#a as #to), level: Level::Loose }
            }
            Op::Call(ref call) => self.call(call),
            Op::Read(read) => self.read(&read),
        }
    }

    fn read(&mut self, read: &Read) -> Text {
        let name = &self.signature.parameters[read.parameter].name;
        let indices: Vec<TokenStream> =
            read.indices().iter().map(|&index| self.operand(index, true).tokens).collect();
        let tokens = match indices.as_slice() {
            [] => quote!(#name),
            [index] => quote!(#name[#index]),
            indices => quote!(#name[(#(#indices),*)]),
        };
        Text { tokens, level: Level::Call }
    }

    fn binary(&mut self, op: Binary, a: Operand, b: Operand) -> Text {
        let (symbol, level) = match op {
            Binary::Add => (quote!(+), Level::Sum),
            Binary::Sub => (quote!(-), Level::Sum),
            Binary::Mul => (quote!(*), Level::Product),
            Binary::Div => (quote!(/), Level::Product),
            Binary::Rem => (quote!(%), Level::Product),
            Binary::Equal => (quote!(==), Level::Comparison),
            Binary::NotEqual => (quote!(!=), Level::Comparison),
            Binary::Less => (quote!(<), Level::Comparison),
            Binary::LessEqual => (quote!(<=), Level::Comparison),
            Binary::Greater => (quote!(>), Level::Comparison),
            Binary::GreaterEqual => (quote!(>=), Level::Comparison),
            Binary::And => (quote!(&&), Level::And),
            Binary::Or => (quote!(||), Level::Or),
            Binary::BitOr => (quote!(|), Level::BitOr),
            Binary::BitXor => (quote!(^), Level::BitXor),
            Binary::BitAnd => (quote!(&), Level::BitAnd),
            Binary::Shl => (quote!(<<), Level::Shift),
            Binary::Shr => (quote!(>>), Level::Shift),
            Binary::Min => return self.method(a, "min", Some(b)),
            Binary::Max => return self.method(a, "max", Some(b)),
            Binary::Powf => return self.method(a, "powf", Some(b)),
            Binary::Powi => return self.method(a, "powi", Some(b)),
            Binary::Pow => return self.method(a, "pow", Some(b)),
        };
        let tighter = match level {
            Level::Or => Level::And,
            Level::And => Level::Comparison,
            Level::Comparison => Level::BitOr,
            Level::BitOr => Level::BitXor,
            Level::BitXor => Level::BitAnd,
            Level::BitAnd => Level::Shift,
            Level::Shift => Level::Sum,
            Level::Sum => Level::Product,
            _ => Level::Unary,
        };
        // Comparisons do not chain; the others group to the left.
        let left = if level == Level::Comparison { tighter } else { level };
        // Beside another constant, a whole number says its type.
        let both = !matches!(a, Operand::Value(_)) && !matches!(b, Operand::Value(_));
        let (a, b) = (self.operand(a, both).at(left), self.operand(b, both).at(tighter));
        Text { tokens: quote!(#a #symbol #b), level }
    }

    fn method(&mut self, receiver: Operand, name: &str, argument: Option<Operand>) -> Text {
        let receiver = self.operand(receiver, true).at(Level::Call);
        let argument = argument.map(|argument| self.operand(argument, true).tokens);
        let name = Ident::new(name, Span::call_site());
        Text { tokens: quote!(#receiver.#name(#argument)), level: Level::Call }
    }

    fn call(&mut self, call: &Call) -> Text {
        let path = &self.function.callees[call.callee].path;
        let path = match call.part {
            Part::Result => quote!(#path),
            Part::Derivative(place) => {
                let name = format_ident!("derivative_{place}");
                quote!(#path::#name)
            }
        };
        let arguments: Vec<TokenStream> = call
            .arguments
            .iter()
            .map(|argument| match *argument {
                Argument::Value(operand) => self.operand(operand, true).tokens,
                Argument::Position => {
                    let at = &self.signature.position;
                    quote!(#at)
                }
            })
            .collect();
        Text { tokens: quote!(#path(#(#arguments),*)), level: Level::Call }
    }
}

fn block_of(text: Text) -> TokenStream {
    let tokens = text.tokens;
    quote!(({ let value = #tokens; value }))
}
