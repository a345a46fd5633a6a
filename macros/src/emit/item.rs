//! The items that stand in the place of an annotated function.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{FnArg, ItemFn};

use super::device::Device;
use super::hash::hash;
use super::host::Host;
use super::registry::registry_entry;
use super::{body, call_checks, callee_aliases, listing, rows, scope, tables};
use crate::differentiate::differentiate;
use crate::ir::{Function, Input};
use crate::kind::{Kind, Normaliser};
use crate::signature::{Parameter, Signature};
use crate::sites::Sites;

/// A variant's function with its derivatives with respect to the score.
pub struct Steps {
    pub function: Function,
    pub derived: Function,
    /// Written by hand: used in place of the derived one.
    pub by_hand: Option<Function>,
}

impl Steps {
    pub fn new(function: Function, by_hand: Option<Function>) -> Steps {
        let derived = differentiate(&function, &[Input::Subject]);
        Steps { function, derived, by_hand }
    }

    fn gradient(&self) -> &Function {
        self.by_hand.as_ref().unwrap_or(&self.derived)
    }

    /// What the stage computes: of a function that multiplies weights, the factor.
    fn stage(&self, kind: Kind) -> &Function {
        match kind {
            Kind::Weight => &self.derived,
            _ => &self.function,
        }
    }

    /// The one with every callee.
    pub fn last(&self) -> &Function {
        self.by_hand.as_ref().unwrap_or(&self.function)
    }
}

/// The struct, its constructor, the host and device halves, the registry entry; and the function
/// itself, which nothing calls, so that rustc's own checks and an editor see it.
pub fn item(signature: &Signature, source: &ItemFn, steps: &Steps, sites: &Sites) -> TokenStream {
    let Signature { kind, name, visibility, docs, parameters, .. } = signature;
    let variant = variant_name(name);
    let fields: Vec<&Ident> = parameters.iter().map(|parameter| &parameter.name).collect();
    let types: Vec<TokenStream> = parameters.iter().map(tables::field_type).collect();
    let field_docs = fields.iter().map(|field| format!("Parameter `{}`.", field.unraw()));

    let item = match fields.as_slice() {
        [] => quote!(#visibility struct #variant;),
        _ => quote!(#visibility struct #variant { #(#[doc = #field_docs] pub #fields: #types,)* }),
    };
    let callees = &steps.last().callees;
    let aliases = callee_aliases(callees);
    let checks: TokenStream =
        steps.by_hand.iter().chain([&steps.function]).map(call_checks).collect();
    let hash = hash(signature, source, callees);
    let (device, host) = match signature.kind.is_of_rows() {
        true => (
            rows::device_impl(signature, steps, sites, &variant),
            rows::host_impl(signature, source, steps, sites, &hash, &variant),
        ),
        false => (
            device_impl(signature, steps, sites, &variant),
            host_impl(signature, source, steps, sites, &hash, &variant),
        ),
    };
    let entry = registry_entry(signature, &hash, &variant);
    let by_hand = signature.gradient.as_ref().map(|gradient| {
        let types = source.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(&argument.ty),
            FnArg::Receiver(_) => None,
        });
        quote!(const _: fn(#(#types),*) -> f32 = #gradient;)
    });
    let lints = source.attrs.iter().filter(|attribute| !attribute.path().is_ident("doc"));
    let (signature_text, block) = (plain_signature(&source.sig), &source.block);
    let made_by = format!("The variant that [`{0}`](fn@{0}) makes.", name.unraw());
    let constructor_docs = match docs.as_slice() {
        [] => {
            let text = format!("A variant, made by `#[{}]`.", kind.attribute());
            quote!(#[doc = #text])
        }
        docs => quote!(#(#docs)*),
    };

    // Tables are shared, and a copy of one is counted.
    let copy = match parameters.iter().any(Parameter::in_memory) {
        true => None,
        false => Some(quote!(::core::marker::Copy,)),
    };
    let arguments = parameters.iter().map(tables::argument_type);
    let value = match fields.as_slice() {
        [] => quote!(#variant),
        _ => {
            let values = parameters.iter().map(tables::field_value);
            quote!(#variant { #(#values),* })
        }
    };

    quote! {
        #[doc = #made_by]
        #[derive(
            ::core::clone::Clone,
            #copy
            ::core::fmt::Debug,
            ::core::cmp::PartialEq,
        )]
        #item

        #constructor_docs
        #[must_use]
        #visibility fn #name(#(#fields: #arguments),*) -> #variant {
            #value
        }

        const _: () = {
            #[allow(dead_code)]
            #(#lints)*
            #signature_text #block
            #by_hand
        };

        const _: () = {
            #aliases
            #checks
            #device
            #host
            #entry
        };
    }
}

/// The signature without the attributes of its arguments, which are ours.
fn plain_signature(signature: &syn::Signature) -> syn::Signature {
    let mut plain = signature.clone();
    for argument in &mut plain.inputs {
        if let FnArg::Typed(argument) = argument {
            argument.attrs.clear();
        }
    }
    plain
}

/// `sliding_window` becomes `SlidingWindow`.
pub fn variant_name(name: &Ident) -> Ident {
    let camel: String = name
        .unraw()
        .to_string()
        .split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string());
            [first.unwrap_or_default(), letters.collect()]
        })
        .collect();
    Ident::new(&camel, name.span())
}

/// The device half. Its types are in a module and its code in a block of their own: `#[cube]`
/// needs CubeCL's traits in scope and names it as `cubecl`, and neither may touch the names around
/// the function; a block, unlike a module, sees the callees of a function inside a function.
fn device_impl(
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

/// The type of the parameters in kernels; and a module with it and the type of the device half.
pub fn device_types(signature: &Signature, variant: &Ident) -> (TokenStream, TokenStream) {
    let device = format_ident!("{variant}Device");
    let params = format_ident!("{variant}Params");
    let (params_type, params_item) = match signature.parameters.as_slice() {
        [] => (quote!(()), None),
        parameters => {
            let names = parameters.iter().map(|parameter| &parameter.name);
            let types = parameters.iter().map(tables::device_type);
            let item = quote! {
                #[derive(cubecl::CubeType, cubecl::CubeLaunch)]
                pub struct #params { #(pub #names: #types,)* }
            };
            (quote!(#params), Some(item))
        }
    };
    let types = quote! {
        #[allow(unused, missing_docs, clippy::all)]
        mod device {
            use ::tilewright::__private::cubecl;
            use cubecl::prelude::*;

            #params_item

            pub struct #device;
        }
    };
    (params_type, types)
}

/// The parameters as a kernel's launch takes them.
pub fn launch_params(signature: &Signature, variant: &Ident) -> TokenStream {
    match signature.parameters.as_slice() {
        [] => quote!(()),
        parameters => {
            let launch = format_ident!("{variant}ParamsLaunch");
            let arguments = parameters.iter().map(tables::launch_argument);
            quote!(device::#launch::new(#(#arguments),*))
        }
    }
}

/// Name and parameters as text.
pub fn describe(signature: &Signature) -> TokenStream {
    let name = signature.name.unraw().to_string();
    let fields: Vec<&Ident> = signature.parameters.iter().map(|p| &p.name).collect();
    match fields.as_slice() {
        [] => quote!(::std::string::String::from(#name)),
        fields => {
            let values: Vec<String> =
                fields.iter().map(|field| format!("{}={{}}", field.unraw())).collect();
            let format = format!("{name}({})", values.join(", "));
            quote!(::std::format!(#format, #(self.#fields),*))
        }
    }
}

fn host_impl(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_types() {
        let name = |text: &str| variant_name(&format_ident!("{text}")).to_string();
        assert_eq!(name("sliding_window"), "SlidingWindow");
        assert_eq!(name("alibi"), "Alibi");
    }
}
