//! What a variant's parameters are, and whether its values of them are allowed.

use std::ops::Bound;

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::tables;
use crate::signature::{Parameter, Signature};

/// `PARAMS`, which the registry and the check read.
pub fn constant(signature: &Signature) -> TokenStream {
    let infos = signature.parameters.iter().map(|parameter| {
        let name = parameter.name.unraw().to_string();
        let (kind, learned) = (tables::kind(parameter), parameter.learned);
        let range = match parameter.table {
            true => quote!(::core::option::Option::None),
            false => {
                let range = range(parameter);
                quote!(::core::option::Option::Some(#range))
            }
        };
        quote! {
            ::tilewright::language::ParamInfo {
                name: #name,
                kind: #kind,
                learned: #learned,
                range: #range,
            }
        }
    });
    quote! {
        const PARAMS: &[::tilewright::language::ParamInfo] = &[#(#infos),*];
    }
}

/// `check_params`; nothing where no parameter is a number.
pub fn check(signature: &Signature) -> TokenStream {
    let variant = signature.name.unraw().to_string();
    let numbers = signature.parameters.iter().enumerate().filter(|(_, p)| !p.table);
    let checks: Vec<TokenStream> = numbers
        .map(|(place, parameter)| {
            let name = &parameter.name;
            match parameter.learned {
                // One on a device is not read back for this.
                true => quote! {
                    if let ::core::option::Option::Some(number) = self.#name.number() {
                        PARAMS[#place].check(#variant, ::core::convert::From::from(number))?;
                    }
                },
                false => quote! {
                    PARAMS[#place].check(#variant, ::core::convert::From::from(self.#name))?;
                },
            }
        })
        .collect();
    if checks.is_empty() {
        return TokenStream::new();
    }
    quote! {
        fn check_params(
            &self,
        ) -> ::core::result::Result<(), ::tilewright::language::ParamError> {
            #(#checks)*
            ::core::result::Result::Ok(())
        }
    }
}

fn range(parameter: &Parameter) -> TokenStream {
    let (start, end) = (bound(parameter.range.start), bound(parameter.range.end));
    let allowed = parameter.range.allowed(parameter.ty);
    quote! {
        ::tilewright::language::ParamRange { start: #start, end: #end, allowed: #allowed }
    }
}

fn bound(bound: Bound<f64>) -> TokenStream {
    let number = |value: f64| match (value.is_finite(), value > 0.0) {
        (false, true) => quote!(f64::INFINITY),
        (false, false) => quote!(f64::NEG_INFINITY),
        (true, _) => {
            let (sign, magnitude) = (value < 0.0, Literal::f64_suffixed(value.abs()));
            if sign { quote!(-#magnitude) } else { quote!(#magnitude) }
        }
    };
    match bound {
        Bound::Included(value) => {
            let value = number(value);
            quote!(::core::ops::Bound::Included(#value))
        }
        Bound::Excluded(value) => {
            let value = number(value);
            quote!(::core::ops::Bound::Excluded(#value))
        }
        Bound::Unbounded => quote!(::core::ops::Bound::Unbounded),
    }
}
