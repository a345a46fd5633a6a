#![doc = include_str!("../LANGUAGE.md")]

mod along;
mod arguments;
mod attribute;
mod builder;
mod call;
mod check;
mod choice;
mod differentiate;
mod emit;
mod errors;
mod example;
mod flat;
mod flow;
mod given;
mod gradient;
mod index;
mod ir;
mod join;
mod kernel;
mod kind;
mod linear;
mod literal;
mod methods;
mod near;
mod operators;
mod pattern;
mod range;
mod refuse;
mod signature;
mod simplify;
mod sites;
mod slopes;

use proc_macro::TokenStream;

use errors::Errors;
use kind::Kind;
use signature::Signature;

/// Makes a function of a score a variant: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn score_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Score, attribute, item)
}

/// Makes a function of a position a mask: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn mask_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Mask, attribute, item)
}

/// Makes a function of a normalised weight a variant: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn weight_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Weight, attribute, item)
}

/// Makes a function that gives a row the logit of nothing a variant: see the
/// [crate's guide](crate).
#[proc_macro_attribute]
pub fn sink_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Sink, attribute, item)
}

/// Makes a function of an element of a query a variant: see the [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn query_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Query, attribute, item)
}

/// Makes a function of an element of a key a variant: see the [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn key_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Key, attribute, item)
}

/// Makes a function of an element of a query or a key a variant: see the
/// [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn query_key_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::QueryKey, attribute, item)
}

/// Makes a function of an element of the output a variant: see the [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn output_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Output, attribute, item)
}

/// Makes a function over tiles a kernel: see the [crate's guide](crate#whole-kernels).
#[proc_macro_attribute]
pub fn kernel(attribute: TokenStream, item: TokenStream) -> TokenStream {
    kernel::expand(attribute.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

/// Makes a function one that functions of the language call: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn score_fn(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Helper, attribute, item)
}

fn expand(kind: Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    try_expand(kind, attribute.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

fn try_expand(
    kind: Kind,
    attribute: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> syn::Result<proc_macro2::TokenStream> {
    let function: syn::ItemFn = syn::parse2(item).map_err(|error| {
        let message =
            format!("`#[{}]` stands on a function with a body: {error}", kind.attribute());
        syn::Error::new(error.span(), message)
    })?;
    let mut errors = Errors::default();
    let signature = Signature::parse(kind, attribute, &function, &mut errors);
    if kind != Kind::Helper && emit::variant_name(&signature.name) == signature.name {
        errors.at(
            &signature.name,
            "a function's name is in snake case here, as in `sliding_window`: its struct is called \
             `SlidingWindow`",
        );
    }
    // With a wrong signature the body's names would be blamed for it.
    let checked = match errors.is_empty() {
        true => check::check(&signature, &function.block, &mut errors),
        false => None,
    };
    let by_hand = match (&checked, &signature.gradient) {
        (Some(checked), Some(gradient)) => {
            gradient::check(&signature, gradient, checked, &mut errors)
        }
        _ => None,
    };
    if let (Kind::Weight, Some(checked)) = (kind, &checked) {
        linear::check(&signature, checked, &function, &mut errors);
    }
    errors.into_result()?;
    let mut checked = checked.expect("a body without errors has steps");
    if kind == Kind::Helper {
        return Ok(emit::helper(&signature, &function, &checked));
    }
    // It marks what is learned, so it comes before any derivative.
    let sites = sites::find(&mut checked, by_hand.as_ref(), &signature.parameters);
    let steps = emit::Steps::new(checked, by_hand);
    Ok(emit::item(&signature, &function, &steps, &sites))
}
