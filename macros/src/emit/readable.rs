//! The text for people: a function of the language again, with its author's names.
//!
//! A step that is read once and has no name is written where it is read. What this prints can be
//! read by the macros: the tests do.

mod expression;
mod text;

use std::collections::{HashMap, HashSet};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use crate::ir::{Block, Function, Input, Op, Operand, Statement, Type, Value};
use crate::signature::Signature;
use text::{Level, Text, constant};

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
