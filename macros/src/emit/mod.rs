//! From steps to text: one walk for every language, which differs in what an operation looks like.

mod device;
mod hash;
mod helper;
mod host;
mod item;
mod listing;
mod parameters;
pub mod readable;
mod registry;
mod rows;
mod scope;
mod scores;
mod tables;

pub use hash::source_hash;
pub use helper::helper;
pub use item::{Steps, item, variant_name};
pub use registry::doc_text;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::spanned::Spanned;

use crate::ir::{
    Argument, Block, Call, Callee, Feature, Function, Input, Op, Operand, Part, Statement, Type,
    Value,
};

/// How one of the texts is written.
trait Text {
    fn input(&self, input: Input) -> TokenStream;

    fn constant(&self, operand: Operand) -> TokenStream;

    fn operation(&self, op: &Op, operands: &[TokenStream], types: &[Type]) -> TokenStream;

    /// The number of an element in its table, given the indices that a site has.
    fn place(&self, parameter: usize, indices: &[TokenStream], types: &[Type]) -> TokenStream;

    /// Which of a callee's functions this text calls, and the type of a call's result where the
    /// text states it.
    fn call(&self, call: &Call) -> (Ident, Option<TokenStream>);

    /// Binds `names` to the results of the block that `condition` chooses. `block` gives the
    /// steps of a block and its results.
    fn branch(
        &self,
        names: &[Ident],
        types: &[Type],
        condition: TokenStream,
        blocks: [&Block; 2],
        block: &dyn Fn(&Block) -> (TokenStream, Vec<TokenStream>),
    ) -> TokenStream;
}

/// The body of a function with one result.
fn body(text: &dyn Text, function: &Function) -> TokenStream {
    let (steps, results) = steps(text, function);
    quote!(#steps #(#results)*)
}

/// The steps of a function, and its results.
fn steps(text: &dyn Text, function: &Function) -> (TokenStream, Vec<TokenStream>) {
    let inputs = function.used_inputs().filter(|(input, _)| !matches!(input, Input::Site(_)));
    let inputs = inputs.map(|(input, value)| {
        let (name, input) = (name(*value), text.input(*input));
        quote!(let #name = #input;)
    });
    let inputs = quote!(#(#inputs)*);
    let (steps, results) = block(text, function, &function.body);
    (quote!(#inputs #steps), results)
}

/// The host's text, for tests of what it says.
#[cfg(test)]
pub fn host_text(parameters: &[crate::signature::Parameter], function: &Function) -> TokenStream {
    body(&host::Host::Variant(parameters), function)
}

/// What generated functions call a feature of a row.
fn feature_name(feature: Feature) -> Ident {
    format_ident!("{}", feature.name())
}

fn name(value: Value) -> Ident {
    format_ident!("v{}", value.0, span = Span::call_site())
}

/// What a callee's function for the device or the host is called.
fn part_name(text: &str, part: Part) -> Ident {
    match part {
        Part::Result => format_ident!("{text}"),
        Part::Derivative(place) => format_ident!("{text}_derivative_{place}"),
    }
}

/// The name that a helper's argument has in generated text: none of its own, which might be that
/// of a step.
fn argument_name(place: usize) -> Ident {
    format_ident!("argument_{place}")
}

/// The name that a callee has in generated text.
fn callee_name(place: usize) -> Ident {
    format_ident!("Callee{place}")
}

/// Names for all callees. A type's name keeps to one error, at the call, for a path that is no
/// function of the language.
fn callee_aliases(callees: &[Callee]) -> TokenStream {
    let aliases = callees.iter().enumerate().map(|(place, callee)| {
        let (name, path) = (callee_name(place), &callee.path);
        quote!(type #name = #path;)
    });
    quote!(#(#aliases)*)
}

/// Has rustc compare the type that each call is read as with what the callee gives.
fn call_checks(function: &Function) -> TokenStream {
    fn calls<'f>(block: &'f Block, found: &mut Vec<&'f Call>) {
        for statement in &block.statements {
            match statement {
                Statement::Let { op: Op::Call(call), .. } => found.push(call),
                Statement::Let { .. } => {}
                Statement::If { then, otherwise, .. } => {
                    calls(then, found);
                    calls(otherwise, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    calls(&function.body, &mut found);
    let checks = found.iter().map(|call| {
        let (callee, result) = (callee_name(call.callee), format_ident!("{}", call.result.name()));
        let place = Span::call_site().located_at(function.callees[call.callee].path.span());
        located(quote!(gives::<#callee, #result>), place)
    });
    match found.is_empty() {
        true => TokenStream::new(),
        false => quote! {
            const _: fn() = || {
                use ::tilewright::__private::gives;
                #(#checks();)*
            };
        },
    }
}

fn operand(text: &dyn Text, operand: Operand) -> TokenStream {
    match operand {
        Operand::Value(value) => {
            let name = name(value);
            quote!(#name)
        }
        constant => text.constant(constant),
    }
}

fn block(text: &dyn Text, function: &Function, block: &Block) -> (TokenStream, Vec<TokenStream>) {
    let steps = block.statements.iter().map(|statement| step(text, function, statement));
    let steps = quote!(#(#steps)*);
    (steps, block.results.iter().map(|&result| operand(text, result)).collect())
}

fn step(text: &dyn Text, function: &Function, statement: &Statement) -> TokenStream {
    match statement {
        Statement::Let { value, op } => {
            let name = name(*value);
            if let Op::Call(call) = op {
                return call_step(text, function, &name, call);
            }
            let operands: Vec<TokenStream> =
                op.operands().iter().map(|&read| operand(text, read)).collect();
            let types: Vec<Type> =
                op.operands().iter().map(|&read| function.type_of(read)).collect();
            let operation = text.operation(op, &operands, &types);
            quote!(let #name = #operation;)
        }
        Statement::If { values, condition, then, otherwise } => {
            let names: Vec<Ident> = values.iter().map(|&value| name(value)).collect();
            let types: Vec<Type> =
                values.iter().map(|&value| function.type_of(Operand::Value(value))).collect();
            let condition = operand(text, *condition);
            text.branch(&names, &types, condition, [then, otherwise], &|inner| {
                block(text, function, inner)
            })
        }
    }
}

/// Where rustc compares a call with its callee, it blames the call as the author wrote it.
fn call_step(text: &dyn Text, function: &Function, name: &Ident, call: &Call) -> TokenStream {
    let place = function.callees[call.callee].path.span();
    let place = Span::call_site().located_at(place);
    let mut callee = callee_name(call.callee);
    callee.set_span(place);
    let (part, ty) = text.call(call);
    let arguments = call.arguments.iter().map(|argument| match *argument {
        Argument::Value(value) => located(operand(text, value), place),
        Argument::Position => quote!(at),
    });
    let ty = ty.map(|ty| quote!(: #ty));
    let call = located(quote!(#callee::#part(#(#arguments),*)), place);
    quote!(let #name #ty = #call;)
}

fn located(tokens: TokenStream, place: Span) -> TokenStream {
    let locate = |mut token: proc_macro2::TokenTree| {
        token.set_span(place);
        token
    };
    tokens.into_iter().map(locate).collect()
}
