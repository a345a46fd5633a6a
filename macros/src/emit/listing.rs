//! What a function and its derivative look like to a person, as strings in the generated code.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ItemFn;
use syn::ext::IdentExt;

use super::item::Steps;
use super::readable::{formatted, readable};
use super::{callee_name, rows};
use crate::differentiate::differentiate;
use crate::ir::{Function, Part};
use crate::kind::Kind;
use crate::signature::Signature;

/// `source` and `derivative` of a variant, with those of all that it calls.
pub fn methods(signature: &Signature, source: &ItemFn, steps: &Steps) -> TokenStream {
    let name = signature.name.unraw();
    let written = written(source);
    let derivative = match (signature.kind, &steps.by_hand) {
        (Kind::Mask | Kind::Sink, _) => String::new(),
        (Kind::Weight, _) => readable(signature, &format!("{name}_factor"), &steps.derived),
        (kind, None) if kind.is_of_rows() => rows::inputs(signature)
            .into_iter()
            .map(|(input, of, _)| {
                let slope = differentiate(&steps.function, &[input]);
                readable(signature, &format!("{name}_by_{of}"), &slope)
            })
            .collect::<Vec<String>>()
            .join("\n"),
        (_, None) => readable(signature, &format!("{name}_grad"), &steps.derived),
        (_, Some(by_hand)) => format!(
            "// Written by hand.\n{}\n// Derived, to compare with.\n{}",
            readable(signature, &format!("{name}_grad"), by_hand),
            readable(signature, &format!("{name}_derived_grad"), &steps.derived),
        ),
    };
    let callees: Vec<Ident> = (0..steps.last().callees.len()).map(callee_name).collect();
    let list = |own: String, part: &str| {
        let part = Ident::new(part, proc_macro2::Span::call_site());
        match callees.as_slice() {
            [] => quote!(::std::string::String::from(#own)),
            callees => quote! {
                let mut texts = ::std::vec![#own];
                #(#callees::#part(&mut texts);)*
                texts.join("\n")
            },
        }
    };
    let sources = list(written, "sources");
    let derivatives = match derivative.is_empty() {
        true => quote!(::std::string::String::new()),
        false => list(derivative, "derivatives"),
    };
    quote! {
        fn source(&self) -> ::std::string::String {
            #sources
        }

        fn derivative(&self) -> ::std::string::String {
            #derivatives
        }
    }
}

/// Functions that add a helper's texts, and those of all that it calls, to a list, once.
pub fn helper(signature: &Signature, source: &ItemFn, parts: &[(Part, Function)]) -> TokenStream {
    let name = signature.name.unraw();
    let written = written(source);
    let derivatives: Vec<String> = parts
        .iter()
        .filter_map(|(part, function)| {
            let Part::Derivative(place) = part else { return None };
            let parameter = &signature.parameters[signature.parameter_at(*place)?].name;
            let text = readable(signature, &format!("derivative_{place}"), function);
            Some(format!("// `{name}::derivative_{place}`: with respect to `{parameter}`.\n{text}"))
        })
        .collect();
    let derivatives = derivatives.join("\n");
    let callees: Vec<Ident> =
        parts.first().map_or(0..0, |(_, f)| 0..f.callees.len()).map(callee_name).collect();
    quote! {
        pub fn sources(texts: &mut ::std::vec::Vec<&'static str>) {
            const OWN: &str = #written;
            if !texts.contains(&OWN) {
                texts.push(OWN);
                #(#callees::sources(texts);)*
            }
        }

        pub fn derivatives(texts: &mut ::std::vec::Vec<&'static str>) {
            const OWN: &str = #derivatives;
            if !OWN.is_empty() && !texts.contains(&OWN) {
                texts.push(OWN);
                #(#callees::derivatives(texts);)*
            }
        }
    }
}

/// The function as its author wrote it, in the usual layout.
fn written(source: &ItemFn) -> String {
    let plain = ItemFn { attrs: Vec::new(), ..source.clone() };
    formatted(plain.to_token_stream())
}
