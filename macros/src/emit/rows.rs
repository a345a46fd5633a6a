//! The items of a function that changes elements of rows: of queries, keys or the output.
//!
//! Generated code calls a token a query and a dimension a key, so that tables and learned parameters
//! are those of a matrix of scores.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::device::Device;
use super::host::Host;
use super::item::{Steps, describe, device_types, launch_params};
use super::{body, feature_name, listing, parameters, tables};
use crate::differentiate::differentiate;
use crate::ir::{Feature, Input};
use crate::kind::{Kind, Pairing};
use crate::signature::Signature;
use crate::sites::Sites;
use syn::ItemFn;

/// The features as the device's arguments.
pub fn features() -> TokenStream {
    let names = Feature::ALL.map(feature_name);
    quote!(#(#names: f32,)*)
}

/// The element and the features, as the host is given them.
pub fn row() -> TokenStream {
    let names = Feature::ALL.map(feature_name);
    quote!([subject, #(#names),*])
}

/// What the element changes smoothly with: the input, its name for people, and in generated code.
pub fn inputs(signature: &Signature) -> Vec<(Input, &'static str, Ident)> {
    let element = (Input::Subject, "element", format_ident!("Element"));
    let features = signature.features.iter().map(|&feature| {
        let generated = match feature {
            Feature::Pair => format_ident!("Pair"),
            Feature::Mean => format_ident!("Mean"),
            Feature::MeanSquare => format_ident!("MeanSquare"),
        };
        (Input::Feature(feature), feature.name(), generated)
    });
    std::iter::once(element).chain(features).collect()
}

/// The device half.
pub fn device_impl(
    signature: &Signature,
    steps: &Steps,
    sites: &Sites,
    variant: &Ident,
) -> TokenStream {
    let device = format_ident!("{variant}Device");
    let (params_type, types) = device_types(signature, variant);
    let text = Device::Variant(&signature.parameters);
    let value = body(&text, &steps.function);
    let nothing = quote!(f32::new(0.0f32));
    let slope = inputs(signature).into_iter().rev().fold(nothing, |otherwise, (input, _, name)| {
        let slope = body(&text, &differentiate(&steps.function, &[input]));
        quote!(if comptime!(of == RowInput::#name) { #slope } else { #otherwise })
    });
    let pairing = match signature.pairing {
        None => quote!(None),
        Some(Pairing::Halves) => quote!(Halves),
        Some(Pairing::Neighbours) => quote!(Neighbours),
    };
    let has = |feature| signature.features.contains(&feature);
    let (mean, mean_square) = (has(Feature::Mean), has(Feature::MeanSquare));
    let learned =
        tables::device_learned(&text, &steps.function, sites, &params_type, signature.kind);
    let features = features();
    quote! {
        #types

        #[allow(unused, missing_docs, clippy::all)]
        const _: () = {
            use ::tilewright::__private::cubecl;
            use cubecl::prelude::*;
            use ::tilewright::language::{DeviceRowStage, Pairing, Position, RowInput};
            use device::*;

            #[cubecl::cube]
            impl DeviceRowStage for #device {
                type Params = #params_type;

                const PAIRING: Pairing = Pairing::#pairing;

                const MEAN: bool = #mean;

                const MEAN_SQUARE: bool = #mean_square;

                fn value(subject: f32, #features at: Position, params: &#params_type) -> f32 {
                    #value
                }

                fn slope(
                    subject: f32,
                    #features
                    at: Position,
                    params: &#params_type,
                    #[comptime] of: RowInput,
                ) -> f32 {
                    #slope
                }

                #learned
            }
        };
    }
}

/// The host half: the stage, and the variant that has it and nothing else.
pub fn host_impl(
    signature: &Signature,
    source: &ItemFn,
    steps: &Steps,
    sites: &Sites,
    hash: &TokenStream,
    variant: &Ident,
) -> TokenStream {
    let device = format_ident!("{variant}Device");
    let text = Host::Variant(&signature.parameters);
    let target = match signature.kind {
        Kind::Query => quote!(Queries),
        Kind::Key => quote!(Keys),
        Kind::QueryKey => quote!(QueriesAndKeys),
        _ => quote!(Output),
    };
    let value = body(&text, &steps.function);
    let slopes = inputs(signature).into_iter().map(|(input, _, name)| {
        let slope = body(&text, &differentiate(&steps.function, &[input]));
        quote!(::tilewright::language::RowInput::#name => { #slope })
    });
    let tables = tables::host_methods(&text, signature, &steps.function, sites);
    let listings = listing::methods(signature, source, steps);
    let (launch_params, describe) = (launch_params(signature, variant), describe(signature));
    let check = parameters::check(signature);
    let row = row();
    quote! {
        #[allow(unused_variables, clippy::all)]
        impl ::tilewright::language::RowStage for #variant {
            type Device = device::#device;

            fn target(&self) -> ::tilewright::language::RowTarget {
                ::tilewright::language::RowTarget::#target
            }

            fn launch_params(
                &self,
                target: ::tilewright::language::LaunchTarget<'_>,
            ) -> ::tilewright::language::RowParams<Self> {
                #launch_params
            }

            fn value(&self, #row: [f64; 4], at: &::tilewright::language::Position) -> f64 {
                #value
            }

            fn slope(
                &self,
                #row: [f64; 4],
                at: &::tilewright::language::Position,
                of: ::tilewright::language::RowInput,
            ) -> f64 {
                match of {
                    #(#slopes)*
                    #[allow(unreachable_patterns)]
                    _ => 0.0,
                }
            }

            #tables

            fn describe(&self) -> ::std::string::String {
                #describe
            }

            fn source_hash(&self) -> u64 {
                const { #hash }
            }
        }

        #[allow(unused_variables, clippy::all)]
        impl ::tilewright::language::Variant for #variant {
            type Device =
                <::tilewright::variants::Softmax as ::tilewright::language::Variant>::Device;

            fn stages(&self) -> ::tilewright::language::Stages {
                ::core::default::Default::default()
            }

            fn launch_params(
                &self,
                target: ::tilewright::language::LaunchTarget<'_>,
            ) -> ::tilewright::language::LaunchParams<Self> {
            }

            fn score(&self, score: f64, at: &::tilewright::language::Position) -> f64 {
                score
            }

            fn score_grad(&self, score: f64, at: &::tilewright::language::Position) -> f64 {
                1.0
            }

            fn keep(&self, at: &::tilewright::language::Position) -> bool {
                true
            }

            fn mask_scope(&self) -> ::tilewright::language::MaskScope {
                ::tilewright::language::MaskScope::SHARED
            }

            fn mask_known_on_host(&self) -> bool {
                true
            }

            fn row_stages(&self) -> ::std::vec::Vec<::tilewright::language::AnyRowStage> {
                ::std::vec![::tilewright::language::AnyRowStage::new(
                    ::core::clone::Clone::clone(self),
                )]
            }

            fn learned(&self) -> ::std::vec::Vec<::tilewright::language::LearnedParam> {
                ::tilewright::language::learned_of_rows(self)
            }

            #check

            fn describe(&self) -> ::std::string::String {
                #describe
            }

            fn source_hash(&self) -> u64 {
                const { #hash }
            }

            #listings
        }
    }
}
