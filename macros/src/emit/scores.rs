//! The items of a function of one pair of query and key: of its score, its mask or its weight, and of a
//! row's sink.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ItemFn;

use super::device::Device;
use super::host::Host;
use super::item::{Steps, describe, device_types, launch_params};
use super::{body, listing, parameters, scope, tables};
use crate::kind::{Kind, Normaliser};
use crate::signature::{Parameter, Signature};
use crate::sites::Sites;

/// The device half. Its types are in a module and its code in a block of their own: `#[cube]`
/// needs CubeCL's traits in scope and names it as `cubecl`, and neither may touch the names around
/// the function; a block, unlike a module, sees the callees of a function inside a function.
pub fn device_impl(
    signature: &Signature,
    steps: &Steps,
    sites: &Sites,
    variant: &Ident,
) -> TokenStream {
    let parameters = &signature.parameters;
    let device = format_ident!("{variant}Device");
    let (params_type, types) = device_types(signature, variant);
    let text = Device::Variant(parameters);
    let stage = body(&text, steps.stage(signature.kind));
    let (mut score, mut score_grad) = (quote!(subject), quote!(f32::new(1.0f32)));
    let mut keep = quote!(bool::new(true));
    let (mut sink, mut weight) = (quote!(f32::new(0.0f32)), quote!(f32::new(1.0f32)));
    match signature.kind {
        Kind::Mask => keep = stage,
        Kind::Weight => weight = stage,
        Kind::Sink => sink = stage,
        _ => (score, score_grad) = (stage, body(&text, steps.gradient())),
    }
    let normaliser = match (signature.kind, signature.normaliser) {
        (Kind::Sink, _) => format_ident!("Sink"),
        (_, Normaliser::Softmax) => format_ident!("Softmax"),
        (_, Normaliser::Sigmoid) => format_ident!("Sigmoid"),
    };
    let weighs = signature.kind == Kind::Weight;
    let learned = tables::device_learned(
        &text,
        steps.stage(signature.kind),
        sites,
        &params_type,
        signature.kind,
    );
    quote! {
        #types

        #[allow(unused, missing_docs, clippy::all)]
        const _: () = {
            use ::tilewright::__private::cubecl;
            use cubecl::prelude::*;
            use ::tilewright::language::{DeviceVariant, Normaliser, Position};
            use device::*;

            #[cubecl::cube]
            impl DeviceVariant for #device {
                type Params = #params_type;

                fn score(subject: f32, at: Position, params: &#params_type) -> f32 {
                    #score
                }

                fn score_grad(subject: f32, at: Position, params: &#params_type) -> f32 {
                    #score_grad
                }

                fn keep(at: Position, params: &#params_type) -> bool {
                    #keep
                }

                const NORMALISER: Normaliser = Normaliser::#normaliser;

                fn sink(at: Position, params: &#params_type) -> f32 {
                    #sink
                }

                const WEIGHS: bool = #weighs;

                fn weight(at: Position, params: &#params_type) -> f32 {
                    #weight
                }

                #learned
            }
        };
    }
}

/// The host half.
pub fn host_impl(
    signature: &Signature,
    source: &ItemFn,
    steps: &Steps,
    sites: &Sites,
    hash: &TokenStream,
    variant: &Ident,
) -> TokenStream {
    let parameters = &signature.parameters;
    let device = format_ident!("{variant}Device");
    let text = Host::Variant(parameters);
    let stage = body(&text, steps.stage(signature.kind));
    let (mut score, mut score_grad) = (quote!(subject), quote!(1.0));
    let (mut keep, mut after) = (quote!(true), None);
    let mut after_score = |name: &str| {
        let name = format_ident!("{name}");
        after = Some(quote! {
            fn #name(&self, at: &::tilewright::language::Position) -> f64 {
                #stage
            }
        });
    };
    match signature.kind {
        Kind::Mask => keep = stage,
        Kind::Weight => after_score("weight"),
        Kind::Sink => after_score("sink"),
        _ => (score, score_grad) = (stage, body(&text, steps.gradient())),
    }
    let derived_grad = steps.by_hand.as_ref().map(|_| {
        let derived = body(&text, &steps.derived);
        quote! {
            fn derived_grad(
                &self,
                subject: f64,
                at: &::tilewright::language::Position,
            ) -> ::core::option::Option<f64> {
                ::core::option::Option::Some({ #derived })
            }
        }
    });
    let listings = listing::methods(signature, source, steps);
    let (launch_params, describe) = (launch_params(signature, variant), describe(signature));
    let tables = tables::host_methods(&text, signature, steps.stage(signature.kind), sites);
    let check = parameters::check(signature);
    let is_score = signature.kind == Kind::Score;
    let is_mask = signature.kind == Kind::Mask;
    let (by_batch, by_head, known_on_host) = match signature.kind {
        Kind::Mask => {
            let (by_batch, by_head) =
                (scope::sees(&steps.function, "batch"), scope::sees(&steps.function, "head"));
            // What a table holds may change.
            let constant = !parameters.iter().any(Parameter::in_memory);
            let exact = scope::is_exact(&steps.function);
            let known = quote!(#constant && #exact && !#by_batch && !#by_head);
            (by_batch, by_head, known)
        }
        _ => (quote!(false), quote!(false), quote!(true)),
    };
    let mask_marker = is_mask.then(|| quote!(impl ::tilewright::language::Mask for #variant {}));
    quote! {
        #mask_marker

        #[allow(unused_variables, clippy::all)]
        impl ::tilewright::language::Variant for #variant {
            type Device = device::#device;

            fn stages(&self) -> ::tilewright::language::Stages {
                ::tilewright::language::Stages { score: #is_score, mask: #is_mask }
            }

            fn launch_params(
                &self,
                target: ::tilewright::language::LaunchTarget<'_>,
            ) -> ::tilewright::language::LaunchParams<Self> {
                #launch_params
            }

            fn score(&self, subject: f64, at: &::tilewright::language::Position) -> f64 {
                #score
            }

            fn score_grad(&self, subject: f64, at: &::tilewright::language::Position) -> f64 {
                #score_grad
            }

            fn keep(&self, at: &::tilewright::language::Position) -> bool {
                #keep
            }

            #after

            fn mask_scope(&self) -> ::tilewright::language::MaskScope {
                ::tilewright::language::MaskScope { batch: #by_batch, head: #by_head }
            }

            fn mask_known_on_host(&self) -> bool {
                #known_on_host
            }

            #tables

            #check

            fn describe(&self) -> ::std::string::String {
                #describe
            }

            fn source_hash(&self) -> u64 {
                const { #hash }
            }

            #derived_grad

            #listings
        }
    }
}
