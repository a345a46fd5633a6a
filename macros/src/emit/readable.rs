//! The text for people: a function of the language again, with its author's names.
//!
//! A step that is read once and has no name is written where it is read. What this prints can be
//! read by the macros: the tests do.

use std::collections::{HashMap, HashSet};
use std::f64::consts::{LN_2, LOG2_E};

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote};

use crate::ir::{
    Argument, Binary, Block, Call, Function, Input, Op, Operand, Part, Read, Statement, Type,
    Unary, Value,
};
use crate::signature::Signature;

/// The steps of `function`, which has the arguments of `signature`, as a function called `name`.
pub fn readable(signature: &Signature, name: &str, function: &Function) -> String {
    let mut printer = Printer::new(signature, function);
    let body = printer.block(&function.body);
    let result = type_name(function.type_of(function.body.results[0]));
    let arguments = printer.arguments();
    let name = format_ident!("{name}");
    formatted(quote!(fn #name(#(#arguments),*) -> #result { #body }))
}

/// Rust code in the usual layout.
pub fn formatted(tokens: TokenStream) -> String {
    match syn::parse2::<syn::File>(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(_) => tokens.to_string(),
    }
}

fn type_name(ty: Type) -> Ident {
    Ident::new(ty.name(), Span::call_site())
}

/// How tightly an expression holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
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

struct Text {
    tokens: TokenStream,
    level: Level,
}

impl Text {
    /// In parentheses unless it holds together at least so tightly.
    fn at(self, level: Level) -> TokenStream {
        let Text { tokens, level: own } = self;
        if own >= level { tokens } else { quote!((#tokens)) }
    }
}

struct Printer<'f> {
    signature: &'f Signature,
    function: &'f Function,
    uses: HashMap<Value, usize>,
    /// Steps to write where they are read.
    inlined: HashMap<Value, &'f Op>,
    names: HashMap<Value, Ident>,
    taken: HashSet<String>,
}

impl<'f> Printer<'f> {
    fn new(signature: &'f Signature, function: &'f Function) -> Printer<'f> {
        let mut printer = Printer {
            signature,
            function,
            uses: HashMap::new(),
            inlined: HashMap::new(),
            names: HashMap::new(),
            taken: HashSet::new(),
        };
        printer.count(&function.body);
        let known = signature.subject.iter().chain(&signature.position);
        for name in known.chain(signature.parameters.iter().map(|parameter| &parameter.name)) {
            printer.taken.insert(name.to_string());
        }
        printer.taken.extend(signature.features.iter().map(|feature| feature.name().to_owned()));
        printer
    }

    fn arguments(&self) -> Vec<TokenStream> {
        let signature = self.signature;
        let mut arguments: Vec<TokenStream> =
            signature.subject.iter().map(|name| quote!(#name: f32)).collect();
        arguments.extend(signature.features.iter().map(|&feature| {
            let name = super::feature_name(feature);
            quote!(#name: f32)
        }));
        arguments.extend(signature.parameters.iter().map(|parameter| {
            let (name, element) = (&parameter.name, type_name(parameter.ty));
            match (parameter.table, parameter.ty) {
                (false, _) => quote!(#name: #element),
                (true, Type::F32) => quote!(#name: Table),
                (true, _) => quote!(#name: Table<#element>),
            }
        }));
        if let (Some(name), Some(place)) = (&signature.position, signature.position_place) {
            let ty = Ident::new(signature.kind.position_type(), Span::call_site());
            arguments.insert(place, quote!(#name: #ty));
        }
        arguments
    }

    fn count(&mut self, block: &Block) {
        for statement in &block.statements {
            match statement {
                Statement::Let { op, .. } => self.count_reads(&op.operands()),
                Statement::If { condition, then, otherwise, .. } => {
                    self.count_reads(&[*condition]);
                    self.count(then);
                    self.count(otherwise);
                }
            }
        }
        self.count_reads(&block.results);
    }

    fn count_reads(&mut self, operands: &[Operand]) {
        for operand in operands {
            if let Operand::Value(value) = operand {
                *self.uses.entry(*value).or_default() += 1;
            }
        }
    }

    /// A name for a value that is bound.
    fn bind(&mut self, value: Value) -> Ident {
        let wanted = self.function.names[value.0].clone();
        let wanted = wanted.filter(|name| syn::parse_str::<Ident>(name).is_ok() && name != "_");
        let base = wanted.unwrap_or_else(|| "step".to_owned());
        let free = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}_{n}") });
        let name = free.into_iter().find(|name| !self.taken.contains(name)).unwrap_or(base);
        self.taken.insert(name.clone());
        let name = Ident::new(&name, Span::call_site());
        self.names.insert(value, name.clone());
        name
    }

    fn block(&mut self, block: &'f Block) -> TokenStream {
        let mut lines = TokenStream::new();
        for (place, statement) in block.statements.iter().enumerate() {
            match statement {
                Statement::Let { value, op } => {
                    let is_read_once = self.uses.get(value) == Some(&1);
                    let is_named = self.function.names[value.0].is_some();
                    // What a call gives is `f32` or stated.
                    // A learned number is read by its name.
                    let is_number = matches!(op, Op::Read(read) if read.rank == 0);
                    let states_type = matches!(op, Op::Call(call) if call.result != Type::F32);
                    if is_number || is_read_once && !is_named && !states_type {
                        self.inlined.insert(*value, op);
                        continue;
                    }
                    let text = self.operation(op).tokens;
                    let ty = match op {
                        Op::Call(call) if call.result != Type::F32 => {
                            let ty = type_name(call.result);
                            Some(quote!(: #ty))
                        }
                        _ => None,
                    };
                    let name = self.bind(*value);
                    lines.extend(quote!(let #name #ty = #text;));
                }
                Statement::If { values, condition, then, otherwise } => {
                    let condition = self.operand(*condition, true).tokens;
                    let (then, otherwise) = (self.block(then), self.block(otherwise));
                    let choice = quote!(if #condition { #then } else { #otherwise });
                    let results: Vec<Operand> =
                        values.iter().map(|&value| Operand::Value(value)).collect();
                    let is_last = place + 1 == block.statements.len();
                    if is_last && block.results == results {
                        lines.extend(choice);
                        return lines;
                    }
                    let names: Vec<Ident> = values.iter().map(|&value| self.bind(value)).collect();
                    match names.as_slice() {
                        [name] => lines.extend(quote!(let #name = #choice;)),
                        names => lines.extend(quote!(let (#(#names),*) = #choice;)),
                    }
                }
            }
        }
        let results: Vec<TokenStream> =
            block.results.iter().map(|&result| self.operand(result, true).tokens).collect();
        match results.as_slice() {
            [result] => lines.extend(result.clone()),
            results => lines.extend(quote!((#(#results),*))),
        }
        lines
    }

    /// `alone`: nothing beside it gives a bare integer its type.
    fn operand(&mut self, operand: Operand, alone: bool) -> Text {
        match operand {
            Operand::Value(value) => self.value(value),
            constant => self::constant(constant, alone),
        }
    }

    fn value(&mut self, value: Value) -> Text {
        if let Some(op) = self.inlined.get(&value).copied() {
            return self.operation(op);
        }
        if let Some(name) = self.names.get(&value) {
            return Text { tokens: quote!(#name), level: Level::Call };
        }
        let input = self.function.inputs.iter().find(|(_, known)| *known == value);
        let signature = self.signature;
        let tokens = match input.map(|(input, _)| *input) {
            Some(Input::Subject) => signature.subject.as_ref().map(|name| quote!(#name)),
            Some(Input::Feature(feature)) => {
                let name = super::feature_name(feature);
                Some(quote!(#name))
            }
            Some(Input::Field(field)) => {
                let fields = signature.kind.fields();
                let written = fields.iter().find(|(_, one)| *one == field);
                let field = written.map_or(field, |(written, _)| written);
                let field = Ident::new(field, Span::call_site());
                signature.position.as_ref().map(|at| quote!(#at.#field))
            }
            Some(Input::Parameter(place)) => signature.parameters.get(place).map(|parameter| {
                let name = &parameter.name;
                quote!(#name)
            }),
            Some(Input::Site(_)) | None => None,
        };
        let tokens = tokens.expect("a value is an input, or was written before it is read");
        Text { tokens, level: Level::Call }
    }

    fn operation(&mut self, op: &Op) -> Text {
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

fn constant(constant: Operand, alone: bool) -> Text {
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

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::*;
    use crate::check::check;
    use crate::differentiate::differentiate;
    use crate::errors::Errors;
    use crate::kind::Kind;

    fn derivative(source: ItemFn) -> String {
        let mut errors = Errors::default();
        let signature = Signature::parse(Kind::Score, Default::default(), &source, &mut errors);
        let function = check(&signature, &source.block, &mut errors).expect("no errors");
        readable(&signature, "grad", &differentiate(&function, &[Input::Subject]))
    }

    #[test]
    fn names_are_those_of_the_author() {
        let given = derivative(parse_quote! {
            fn f(score: f32, pos: Position, low: f32) -> f32 {
                if score < low && pos.key != 0 {
                    return low * score;
                }
                let ratio = (score / low).tanh();
                let score = ratio * ratio.exp();
                score * (low - 2.0)
            }
        });
        let expected = "\
fn grad(score: f32, pos: Position, low: f32) -> f32 {
    if score < low && pos.key != 0 {
        low
    } else {
        let ratio = (score / low).tanh();
        let step = ratio.exp();
        let d_score = low - 2.0;
        let d_ratio = d_score * step + d_score * ratio * step;
        d_ratio * (1.0 - ratio * ratio) / low
    }
}
";
        assert_eq!(given, expected);
    }

    #[test]
    fn elements_of_tables_are_written_as_they_are_read() {
        let given = derivative(parse_quote! {
            fn f(score: f32, at: Position, bias: Table, kinds: Table<u32>, #[learned] t: f32) -> f32 {
                (score * t).tanh() * bias[(at.head, kinds[at.key])] + score * bias[(0, 1)]
            }
        });
        let expected = "\
fn grad(score: f32, at: Position, bias: Table, kinds: Table<u32>, t: f32) -> f32 {
    let step = (score * t).tanh();
    bias[(0u32, 1u32)] + bias[(at.head, kinds[at.key])] * (1.0 - step * step) * t
}
";
        assert_eq!(given, expected);
    }
}
