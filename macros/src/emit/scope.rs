//! What a function looks at, its callees included, as constant expressions: a macro sees one item.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::callee_name;
use crate::ir::{Function, Input, Type};

/// Whether the function reads a field of the position.
pub fn sees(function: &Function, field: &'static str) -> TokenStream {
    let own = function.used_inputs().any(|(input, _)| *input == Input::Field(field));
    let constant = format_ident!("SEES_{}", field.to_uppercase());
    let others = (0..function.callees.len()).map(callee_name);
    quote!((#own #(|| #others::#constant)*))
}

/// Whether the function is integer arithmetic: `f32` is `f64` on the host.
pub fn is_exact(function: &Function) -> TokenStream {
    let own = !function.types.contains(&Type::F32);
    let others = (0..function.callees.len()).map(callee_name);
    quote!((#own #(&& #others::IS_EXACT)*))
}
