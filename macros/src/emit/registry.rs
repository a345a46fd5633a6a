//! A variant's entry in the registry.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, Lit, Meta};

use super::tables;
use crate::kind::Kind;
use crate::signature::Signature;

/// With its name, parameters, examples and doc comment.
pub fn registry_entry(signature: &Signature, hash: &TokenStream, variant: &Ident) -> TokenStream {
    let name = signature.name.unraw().to_string();
    let examples = signature.examples.iter().map(|example| {
        let values = example.iter().map(tables::example);
        quote!(&[#(#values),*])
    });
    let fields: Vec<&Ident> = signature.parameters.iter().map(|p| &p.name).collect();
    let values = signature
        .parameters
        .iter()
        .enumerate()
        .map(|(place, parameter)| tables::registered_value(place, parameter));
    let value = match fields.as_slice() {
        [] => quote!(#variant),
        _ => quote!(#variant { #(#fields: #values),* }),
    };
    let doc = doc_text(&signature.docs);
    let (is_score, is_mask) = (signature.kind == Kind::Score, signature.kind == Kind::Mask);
    quote! {
        ::tilewright::__private::inventory::submit! {
            ::tilewright::language::RegisteredVariant {
                name: #name,
                module: ::core::module_path!(),
                source_hash: #hash,
                stages: ::tilewright::language::Stages { score: #is_score, mask: #is_mask },
                params: PARAMS,
                examples: &[#(#examples),*],
                build: |values: &[::tilewright::language::ParamValue]| ::tilewright::language::AnyVariant::new(#value),
                doc: #doc,
            }
        }
    }
}

/// The doc comment as text.
pub fn doc_text(docs: &[Attribute]) -> String {
    let lines = docs.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
