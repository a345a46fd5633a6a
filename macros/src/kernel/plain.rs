//! What makes a function more than a plain one, and is refused.

use quote::ToTokens;
use syn::{ItemFn, ReturnType};

use crate::errors::Errors;

const FORM: &str = "fn name(x: &Tensor, out: &mut Tensor, #[tune(1, 2)] rows: Rows)";

pub fn check(function: &ItemFn, errors: &mut Errors) {
    let signature = &function.sig;
    let generics = &signature.generics;
    let found: [(Option<proc_macro2::TokenStream>, &str); 6] = [
        (signature.constness.map(ToTokens::into_token_stream), "`const`"),
        (signature.asyncness.map(ToTokens::into_token_stream), "`async`"),
        (signature.unsafety.map(ToTokens::into_token_stream), "`unsafe`"),
        (signature.abi.as_ref().map(ToTokens::to_token_stream), "`extern`"),
        ((!generics.params.is_empty()).then(|| generics.to_token_stream()), "generic"),
        (generics.where_clause.as_ref().map(ToTokens::to_token_stream), "generic"),
    ];
    for (tokens, what) in found {
        if let Some(tokens) = tokens {
            let why = if what == "generic" {
                ": its tensors take every element type, and sizes are `#[tune(..)]` parameters"
            } else {
                ""
            };
            errors.at(tokens, format!("a kernel cannot be {what}{why}; write `{FORM}`"));
        }
    }
    if let ReturnType::Type(_, ty) = &signature.output {
        errors.at(ty, "a kernel returns nothing: it writes to its `&mut Tensor` parameters");
    }
    for attribute in &function.attrs {
        let known = ["doc", "allow", "expect", "warn", "deny", "cfg"];
        if !known.iter().any(|name| attribute.path().is_ident(name)) {
            errors.at(attribute, "a kernel takes doc comments and lint levels, no other attribute");
        }
    }
}
