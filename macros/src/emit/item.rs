//! The items that stand in the place of an annotated function.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{FnArg, ItemFn};

use super::hash::hash;
use super::registry::registry_entry;
use super::{call_checks, callee_aliases, parameters, rows, scores, tables};
use crate::differentiate::differentiate;
use crate::ir::{Function, Input};
use crate::kind::Kind;
use crate::range::Range;
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

    pub fn gradient(&self) -> &Function {
        self.by_hand.as_ref().unwrap_or(&self.derived)
    }

    /// What the stage computes: of a function that multiplies weights, the factor.
    pub fn stage(&self, kind: Kind) -> &Function {
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
    let Signature { kind, name, visibility, docs, .. } = signature;
    let variant = variant_name(name);
    let fields: Vec<&Ident> =
        signature.parameters.iter().map(|parameter| &parameter.name).collect();
    let types: Vec<TokenStream> = signature.parameters.iter().map(tables::field_type).collect();
    let field_docs = signature.parameters.iter().map(field_doc);

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
            scores::device_impl(signature, steps, sites, &variant),
            scores::host_impl(signature, source, steps, sites, &hash, &variant),
        ),
    };
    let params = parameters::constant(signature);
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
    let copy = match signature.parameters.iter().any(Parameter::in_memory) {
        true => None,
        false => Some(quote!(::core::marker::Copy,)),
    };
    let arguments = signature.parameters.iter().map(tables::argument_type);
    let value = match fields.as_slice() {
        [] => quote!(#variant),
        _ => {
            let values = signature.parameters.iter().map(tables::field_value);
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
            #params
            #device
            #host
            #entry
        };
    }
}

/// What a field of the struct is.
fn field_doc(parameter: &Parameter) -> String {
    let name = parameter.name.unraw();
    match parameter.range == Range::of(parameter.ty) {
        true => format!("Parameter `{name}`."),
        false => format!("Parameter `{name}`: {}.", parameter.range.allowed(parameter.ty)),
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
