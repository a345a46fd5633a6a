//! From steps to text: one walk for every language, which differs in what an operation looks like.

mod device;
mod host;
mod item;
mod tables;

pub use item::{doc_text, item, source_hash, variant_name};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use crate::ir::{Block, Function, Input, Op, Operand, Statement, Type, Value};

/// How one of the texts is written.
trait Text {
    fn input(&self, input: Input) -> TokenStream;

    fn constant(&self, operand: Operand) -> TokenStream;

    fn operation(&self, op: &Op, operands: &[TokenStream], types: &[Type]) -> TokenStream;

    /// The number of an element in its table, given the indices that a site has.
    fn place(&self, parameter: usize, indices: &[TokenStream], types: &[Type]) -> TokenStream;

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
    body(&host::Host { parameters }, function)
}

fn name(value: Value) -> Ident {
    format_ident!("v{}", value.0, span = Span::call_site())
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
