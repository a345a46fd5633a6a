//! Properties of the whole language, over functions made at random.
//!
//! A crate of procedural macros exports nothing else, and its own tests would have proptest, and
//! with it the heavy dependencies, compiled a second time for the host: see its `Cargo.toml`. Its
//! modules are read here instead.

// What only the macros' entry points use.
#![allow(dead_code, unused_imports)]

#[path = "../../../src/along.rs"]
mod along;
#[path = "../../../src/arguments.rs"]
mod arguments;
#[path = "../../../src/attribute.rs"]
mod attribute;
#[path = "../../../src/builder.rs"]
mod builder;
#[path = "../../../src/call.rs"]
mod call;
#[path = "../../../src/check.rs"]
mod check;
#[path = "../../../src/choice.rs"]
mod choice;
#[path = "../../../src/differentiate.rs"]
mod differentiate;
#[path = "../../../src/emit/mod.rs"]
mod emit;
#[path = "../../../src/errors.rs"]
mod errors;
#[path = "../../../src/example.rs"]
mod example;
#[path = "../../../src/flat.rs"]
mod flat;
#[path = "../../../src/flow.rs"]
mod flow;
#[path = "../../../src/given.rs"]
mod given;
#[path = "../../../src/index.rs"]
mod index;
#[path = "../../../src/ir.rs"]
mod ir;
#[path = "../../../src/join.rs"]
mod join;
#[path = "../../../src/kind.rs"]
mod kind;
#[path = "../../../src/literal.rs"]
mod literal;
#[path = "../../../src/methods.rs"]
mod methods;
#[path = "../../../src/near.rs"]
mod near;
#[path = "../../../src/operators.rs"]
mod operators;
#[path = "../../../src/pattern.rs"]
mod pattern;
#[path = "../../../src/range.rs"]
mod range;
#[path = "../../../src/refuse.rs"]
mod refuse;
#[path = "../../../src/signature.rs"]
mod signature;
#[path = "../../../src/simplify.rs"]
mod simplify;
#[path = "../../../src/sites.rs"]
mod sites;
#[path = "../../../src/slopes.rs"]
mod slopes;

mod evaluate;
mod generate;
mod golden;
mod helpers;
mod properties;

use syn::ItemFn;

use check::check;
use errors::Errors;
use ir::Function;
use kind::Kind;
use signature::Signature;

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
