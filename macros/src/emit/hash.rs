//! The hash of a function's text, for tables and caches.

use proc_macro2::{Literal, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Expr, FnArg, ItemFn};

use super::callee_name;
use crate::ir::Callee;
use crate::kind::{Normaliser, Pairing};
use crate::signature::Signature;

/// The hash as a constant expression: of the function's own text and of all that it calls.
pub fn hash(signature: &Signature, source: &ItemFn, callees: &[Callee]) -> TokenStream {
    let own = source_hash(&attribute(signature), &computing(source), signature.gradient.as_ref());
    let own = Literal::u64_suffixed(own);
    if callees.is_empty() {
        return own.into_token_stream();
    }
    let others = (0..callees.len()).map(callee_name);
    quote!(::tilewright::language::combined_hash(#own, &[#(#others::SOURCE_HASH),*]))
}

/// The attribute's name and what else it says of the computation.
fn attribute(signature: &Signature) -> String {
    let normaliser = match signature.normaliser {
        Normaliser::Softmax => "",
        Normaliser::Sigmoid => " sigmoid",
    };
    let pairing = match signature.pairing {
        None => "",
        Some(Pairing::Halves) => " halves",
        Some(Pairing::Neighbours) => " neighbours",
    };
    format!("{}{normaliser}{pairing}", signature.kind.attribute())
}

/// The function without the ranges of its parameters: what is refused changes no kernel.
fn computing(source: &ItemFn) -> ItemFn {
    let mut source = source.clone();
    for argument in &mut source.sig.inputs {
        if let FnArg::Typed(argument) = argument {
            argument.attrs.retain(|attribute| !attribute.path().is_ident("range"));
        }
    }
    source
}

/// FNV-1a over the attribute's name and the tokens of signature and body: comments, layout and
/// visibility do not change it, and neither does the compiler's way of printing tokens. A
/// derivative written by hand counts.
pub fn source_hash(attribute: &str, source: &ItemFn, gradient: Option<&Expr>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    add_text(&mut hash, attribute);
    add_tokens(&mut hash, source.sig.to_token_stream());
    add_tokens(&mut hash, source.block.to_token_stream());
    if let Some(gradient) = gradient {
        add_tokens(&mut hash, gradient.to_token_stream());
    }
    hash
}

fn add_tokens(hash: &mut u64, tokens: TokenStream) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                add_text(hash, &format!("{:?}", group.delimiter()));
                add_tokens(hash, group.stream());
                add_text(hash, "end");
            }
            TokenTree::Ident(ident) => add_text(hash, &ident.to_string()),
            TokenTree::Punct(punct) => add_text(hash, &punct.as_char().to_string()),
            TokenTree::Literal(literal) => add_text(hash, &literal.to_string()),
        }
    }
}

/// The text and an end mark, so that `ab c` and `a bc` differ.
fn add_text(hash: &mut u64, text: &str) {
    for byte in text.bytes().chain([0]) {
        *hash = (*hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;
    use crate::errors::Errors;
    use crate::kind::Kind;

    #[test]
    fn layout_and_visibility_do_not_change_the_hash_and_the_body_does() {
        let hash = |source: ItemFn| {
            let mut errors = Errors::default();
            let signature = Signature::parse(Kind::Score, Default::default(), &source, &mut errors);
            source_hash(signature.kind.attribute(), &source, signature.gradient.as_ref())
        };
        let plain = hash(parse_quote!(
            fn f(score: f32) -> f32 {
                score + 1.0
            }
        ));
        let public = hash(parse_quote! {
            /// Documented.
            pub fn f(score: f32) -> f32 {
                score + 1.0
            }
        });
        assert_eq!(plain, public);
        assert_ne!(
            plain,
            hash(parse_quote!(
                fn f(score: f32) -> f32 {
                    score + 2.0
                }
            ))
        );
    }

    #[test]
    fn ranges_do_not_change_the_hash_and_what_is_learned_does() {
        let hash = |source: ItemFn| source_hash("score_mod", &computing(&source), None);
        let plain = hash(parse_quote!(
            fn f(score: f32, cap: f32) -> f32 {
                score * cap
            }
        ));
        let ranged = hash(parse_quote!(
            fn f(score: f32, #[range(> 0.0)] cap: f32) -> f32 {
                score * cap
            }
        ));
        let learned = hash(parse_quote!(
            fn f(score: f32, #[learned] cap: f32) -> f32 {
                score * cap
            }
        ));
        assert_eq!(plain, ranged);
        assert_ne!(plain, learned);
    }
}
