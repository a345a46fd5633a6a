//! Properties of the whole language, over functions made at random.

mod evaluate;
mod generate;
mod golden;
mod helpers;
mod properties;

use syn::ItemFn;

use crate::check::check;
use crate::errors::Errors;
use crate::ir::Function;
use crate::signature::{Kind, Signature};

/// The steps of a function in source text. It must be one of the language.
fn steps_of(kind: Kind, source: &str) -> (Signature, Function) {
    let item: ItemFn =
        syn::parse_str(source).unwrap_or_else(|error| panic!("{error} in\n{source}"));
    let mut errors = Errors::default();
    let signature = Signature::parse(kind, Default::default(), &item, &mut errors);
    let function = check(&signature, &item.block, &mut errors);
    if let Err(error) = errors.into_result() {
        let messages: Vec<String> = error.into_iter().map(|error| error.to_string()).collect();
        panic!("{} in\n{source}", messages.join("; "));
    }
    (signature, function.expect("a function without errors has steps"))
}
