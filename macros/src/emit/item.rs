//! The items that stand in the place of an annotated function.

use proc_macro2::{Ident, Literal, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Expr, FnArg, ItemFn, Lit, Meta};

use super::body;
use super::device::Device;
use super::host::Host;
use super::tables;
use crate::differentiate::differentiate;
use crate::ir::{Function, Input, Type};
use crate::signature::{Kind, Parameter, Signature};
use crate::sites::Sites;

/// The struct, its constructor, the host and device halves, the registry entry; and the function
/// itself, which nothing calls, so that rustc's own checks and an editor see it.
pub fn item(
    signature: &Signature,
    source: &ItemFn,
    function: &Function,
    sites: &Sites,
) -> TokenStream {
    let Signature { kind, name, visibility, docs, parameters, .. } = signature;
    let variant = variant_name(name);
    let fields: Vec<&Ident> = parameters.iter().map(|parameter| &parameter.name).collect();
    let types: Vec<TokenStream> = parameters.iter().map(tables::field_type).collect();
    let field_docs = fields.iter().map(|field| format!("Parameter `{}`.", field.unraw()));

    let item = match fields.as_slice() {
        [] => quote!(#visibility struct #variant;),
        _ => quote!(#visibility struct #variant { #(#[doc = #field_docs] pub #fields: #types,)* }),
    };
    let device = device_module(signature, function, sites, &variant);
    let host = host_impl(signature, source, function, sites, &variant);
    let entry = registry_entry(signature, source, &variant);
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
            #device
            #host
            #entry
        };

        const _: () = {
            #[allow(dead_code)]
            #(#lints)*
            #signature_text #block
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

/// The device half in a module of its own: `#[cube]` needs CubeCL's traits in scope and names it
/// as `cubecl`, and neither may touch the names around the function.
fn device_module(
    signature: &Signature,
    function: &Function,
    sites: &Sites,
    variant: &Ident,
) -> TokenStream {
    let parameters = &signature.parameters;
    let device = format_ident!("{variant}Device");
    let params = format_ident!("{variant}Params");
    let (params_type, params_item) = match parameters.as_slice() {
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
    let text = Device { parameters };
    let (score, score_grad, keep) = match signature.kind {
        Kind::Score => {
            let gradient = differentiate(function, &[Input::Score]);
            (body(&text, function), body(&text, &gradient), quote!(bool::new(true)))
        }
        Kind::Mask => (quote!(score), quote!(f32::new(1.0f32)), body(&text, function)),
    };
    let learned = tables::device_learned(&text, function, sites, &params_type);
    quote! {
        #[allow(unused, missing_docs, clippy::all)]
        mod device {
            use ::tilewright::__private::cubecl;
            use cubecl::prelude::*;
            use ::tilewright::language::{DeviceVariant, Normaliser, Position};

            #params_item

            pub struct #device;

            #[cubecl::cube]
            impl DeviceVariant for #device {
                type Params = #params_type;

                fn score(score: f32, at: Position, params: &#params_type) -> f32 {
                    #score
                }

                fn score_grad(score: f32, at: Position, params: &#params_type) -> f32 {
                    #score_grad
                }

                fn keep(at: Position, params: &#params_type) -> bool {
                    #keep
                }

                const NORMALISER: Normaliser = Normaliser::Softmax;

                fn sink(at: Position, params: &#params_type) -> f32 {
                    f32::new(0.0f32)
                }

                const WEIGHS: bool = false;

                fn weight(at: Position, params: &#params_type) -> f32 {
                    f32::new(1.0f32)
                }

                #learned
            }
        }
    }
}

fn host_impl(
    signature: &Signature,
    source: &ItemFn,
    function: &Function,
    sites: &Sites,
    variant: &Ident,
) -> TokenStream {
    let parameters = &signature.parameters;
    let device = format_ident!("{variant}Device");
    let fields: Vec<&Ident> = parameters.iter().map(|parameter| &parameter.name).collect();
    let text = Host { parameters };
    let (score, score_grad, keep) = match signature.kind {
        Kind::Score => {
            let gradient = differentiate(function, &[Input::Score]);
            (body(&text, function), body(&text, &gradient), quote!(true))
        }
        Kind::Mask => (quote!(score), quote!(1.0), body(&text, function)),
    };
    let launch_params = match fields.as_slice() {
        [] => quote!(()),
        _ => {
            let launch = format_ident!("{variant}ParamsLaunch");
            let arguments = parameters.iter().map(tables::launch_argument);
            quote!(device::#launch::new(#(#arguments),*))
        }
    };
    let name = signature.name.unraw().to_string();
    let describe = match fields.as_slice() {
        [] => quote!(::std::string::String::from(#name)),
        fields => {
            let values: Vec<String> =
                fields.iter().map(|field| format!("{}={{}}", field.unraw())).collect();
            let format = format!("{name}({})", values.join(", "));
            quote!(::std::format!(#format, #(self.#fields),*))
        }
    };
    let tables = tables::host_methods(&text, signature, function, sites);
    let hash = Literal::u64_suffixed(source_hash(signature.kind.attribute(), source));
    let is_score = signature.kind == Kind::Score;
    let is_mask = !is_score;
    let reads =
        |field| is_mask && function.used_inputs().any(|(input, _)| *input == Input::Field(field));
    let (by_batch, by_head) = (reads("batch"), reads("head"));
    // `f32` is `f64` on the host, and what a table holds may change.
    let exact = is_score
        || !function.types.contains(&Type::F32) && !parameters.iter().any(Parameter::in_memory);
    let known_on_host = exact && !by_batch && !by_head;
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

            fn score(&self, score: f64, at: &::tilewright::language::Position) -> f64 {
                #score
            }

            fn score_grad(&self, score: f64, at: &::tilewright::language::Position) -> f64 {
                #score_grad
            }

            fn keep(&self, at: &::tilewright::language::Position) -> bool {
                #keep
            }

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
                #hash
            }
        }
    }
}

fn registry_entry(signature: &Signature, source: &ItemFn, variant: &Ident) -> TokenStream {
    let name = signature.name.unraw().to_string();
    let hash = Literal::u64_suffixed(source_hash(signature.kind.attribute(), source));
    let parameters = signature.parameters.iter().map(|parameter| {
        let name = parameter.name.unraw().to_string();
        let (kind, learned) = (tables::kind(parameter), parameter.learned);
        quote! {
            ::tilewright::language::ParamInfo { name: #name, kind: #kind, learned: #learned }
        }
    });
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
                params: &[#(#parameters),*],
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

/// FNV-1a over the attribute's name and the tokens of signature and body: comments, layout and
/// visibility do not change it, and neither does the compiler's way of printing tokens.
pub fn source_hash(attribute: &str, source: &ItemFn) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    add_text(&mut hash, attribute);
    add_tokens(&mut hash, source.sig.to_token_stream());
    add_tokens(&mut hash, source.block.to_token_stream());
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
    use super::*;
    use syn::parse_quote;

    #[test]
    fn layout_and_visibility_do_not_change_the_hash_and_the_body_does() {
        let hash = |source: ItemFn| source_hash(Kind::Score.attribute(), &source);
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
    fn names_become_types() {
        let name = |text: &str| variant_name(&format_ident!("{text}")).to_string();
        assert_eq!(name("sliding_window"), "SlidingWindow");
        assert_eq!(name("alibi"), "Alibi");
    }
}
