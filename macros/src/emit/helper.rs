//! The items that stand beside a function marked `#[score_fn]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ItemFn;
use syn::ext::IdentExt;

use super::device::Device;
use super::hash::hash;
use super::host::{self, Host};
use super::{Text, argument_name, body, call_checks, callee_aliases, listing, part_name, scope};
use crate::differentiate::differentiate;
use crate::ir::{Function, Input, Part, Type};
use crate::signature::Signature;

/// The function as it is written, which rustc compares with its calls, and a type of the same name
/// that has the function and its derivatives for the device and the host. Both are imported by one
/// `use`: a path that names the function names the type.
pub fn helper(signature: &Signature, source: &ItemFn, function: &Function) -> TokenStream {
    let (name, visibility) = (&signature.name, &signature.visibility);
    let parts = parts(signature, function);
    let arguments = |text: &str| -> Vec<TokenStream> {
        let mut place = 0;
        source
            .sig
            .inputs
            .iter()
            .map(|input| {
                if is_position(signature, input) {
                    return match text {
                        "host" => quote!(at: &::tilewright::language::Position),
                        _ => quote!(at: Position),
                    };
                }
                let (name, ty) = (argument_name(place), signature.parameters[place].ty);
                place += 1;
                let ty = match text {
                    "host" => host::type_of(ty),
                    _ => device_type(ty),
                };
                quote!(#name: #ty)
            })
            .collect()
    };
    let functions = |text: &dyn Text, name: &str, ty: &dyn Fn(Type) -> TokenStream| {
        let arguments = arguments(name);
        let functions = parts.iter().map(|(part, function)| {
            let name = part_name(name, *part);
            let result = ty(function.type_of(function.body.results[0]));
            let steps = body(text, function);
            quote!(pub fn #name(#(#arguments),*) -> #result { #steps })
        });
        quote!(#(#functions)*)
    };
    let host = functions(&Host::Helper, "host", &host::type_of);
    let device = functions(&Device::Helper, "device", &device_type);
    let aliases = callee_aliases(&function.callees);
    let checks = call_checks(function);
    let result = device_type(signature.result);
    let (sees_batch, sees_head) = (scope::sees(function, "batch"), scope::sees(function, "head"));
    let is_exact = scope::is_exact(function);
    let hash = hash(signature, source, &function.callees);
    let listings = listing::helper(signature, source, &parts);
    let about = format!("What [`{0}`](fn@{0}) is to the functions that call it.", name.unraw());

    quote! {
        #source

        #[doc = #about]
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #visibility enum #name {}

        const _: () = {
            #aliases
            type Own = #name;
            #checks

            impl ::tilewright::__private::Gives<#result> for Own {}

            #[allow(unused, missing_docs, clippy::all)]
            impl Own {
                pub const SOURCE_HASH: u64 = #hash;
                pub const SEES_BATCH: bool = #sees_batch;
                pub const SEES_HEAD: bool = #sees_head;
                pub const IS_EXACT: bool = #is_exact;

                #listings

                #host
            }

            #[allow(unused, missing_docs, clippy::all)]
            const _: () = {
                use ::tilewright::__private::cubecl;
                use cubecl::prelude::*;
                use ::tilewright::language::Position;

                #[cubecl::cube]
                impl Own {
                    #device
                }
            };
        };
    }
}

/// The function, and its derivative with respect to each argument that is `f32`, by the argument's
/// place in the call.
fn parts(signature: &Signature, function: &Function) -> Vec<(Part, Function)> {
    let mut parts = vec![(Part::Result, function.clone())];
    if signature.result != Type::F32 {
        return parts;
    }
    for (place, parameter) in signature.parameters.iter().enumerate() {
        if parameter.ty == Type::F32 {
            let in_call = match signature.position_place {
                Some(position) if position <= place => place + 1,
                _ => place,
            };
            let derivative = differentiate(function, &[Input::Parameter(place)]);
            parts.push((Part::Derivative(in_call), derivative));
        }
    }
    parts
}

fn is_position(signature: &Signature, input: &syn::FnArg) -> bool {
    match (input, &signature.position) {
        (syn::FnArg::Typed(argument), Some(position)) => {
            matches!(&*argument.pat, syn::Pat::Ident(name) if name.ident == *position)
        }
        _ => false,
    }
}

fn device_type(ty: Type) -> TokenStream {
    let name = format_ident!("{}", ty.name());
    quote!(#name)
}
