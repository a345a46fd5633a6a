//! The arguments of an attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, Token};

use crate::errors::Errors;
use crate::example;
use crate::ir::Feature;
use crate::kind::{Kind, Normaliser, Pairing};
use crate::signature::{GRADIENT_FORM, Signature};

impl Signature {
    /// `example(..)`, `grad = ..`, `normaliser = ..` and `pair = ..`.
    pub fn read_attribute(&mut self, attribute: TokenStream, errors: &mut Errors) {
        let form = example::form(&self.parameters);
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let name = Ident::parse_any(input)?;
                if name == "grad" && self.kind == Kind::Score {
                    self.read_gradient(&name, input)?;
                    continue;
                }
                if name == "normaliser" && self.kind == Kind::Score {
                    self.read_normaliser(&name, input)?;
                    continue;
                }
                if name == "pair" && self.kind.is_of_rows() {
                    self.read_pairing(&name, input)?;
                    continue;
                }
                if name != "example" || self.kind == Kind::Helper {
                    let takes = match self.kind {
                        Kind::Score => format!(
                            "`{form}`, any number of times, `{GRADIENT_FORM}`, and \
                             `normaliser = sigmoid`"
                        ),
                        Kind::Mask | Kind::Weight | Kind::Sink => {
                            format!("`{form}`, any number of times")
                        }
                        Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => {
                            format!("`{form}`, any number of times, and `pair = halves`")
                        }
                        Kind::Helper => "none".to_owned(),
                    };
                    let message = format!(
                        "`{name}` is not an argument of `#[{}]`; it takes {takes}",
                        self.kind.attribute()
                    );
                    return Err(syn::Error::new_spanned(name, message));
                }
                if !input.peek(syn::token::Paren) {
                    let message = format!("`example` takes values in parentheses: `{form}`");
                    return Err(syn::Error::new_spanned(name, message));
                }
                let content;
                syn::parenthesized!(content in input);
                let values = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
                self.examples.extend(example::read(
                    &self.name,
                    &self.parameters,
                    &name,
                    &values,
                    errors,
                ));
                end(input)?;
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(attribute) {
            errors.push(error);
        }
    }

    /// `grad = ..`.
    fn read_gradient(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek(Token![=]) {
            let message = format!("`grad` takes a derivative: `{GRADIENT_FORM}`");
            return Err(syn::Error::new_spanned(name, message));
        }
        input.parse::<Token![=]>()?;
        let gradient: Expr = input.parse()?;
        if self.gradient.is_some() {
            let message = "a second `grad`: a function has one derivative; leave one out";
            return Err(syn::Error::new_spanned(name, message));
        }
        self.gradient = Some(gradient);
        end(input)
    }

    /// `normaliser = ..`.
    fn read_normaliser(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "`normaliser = sigmoid`, or `softmax`, which is usual; a softmax with a \
                            logit for nothing is a function of its own, marked `#[sink_mod]`";
        if !input.peek(Token![=]) {
            return Err(syn::Error::new_spanned(name, format!("`normaliser` is chosen: {FORM}")));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        self.normaliser = match value.to_token_stream().to_string().as_str() {
            "softmax" => Normaliser::Softmax,
            "sigmoid" => Normaliser::Sigmoid,
            other => {
                let message = format!("`{other}` is no normaliser: {FORM}");
                return Err(syn::Error::new_spanned(value, message));
            }
        };
        end(input)
    }

    /// `pair = ..`.
    fn read_pairing(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "`pair = halves` (each element of the first half with the one in its place \
                            in the second) or `pair = neighbours` (0 with 1, 2 with 3 ...)";
        if !input.peek(Token![=]) {
            return Err(syn::Error::new_spanned(name, format!("partners are chosen: {FORM}")));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        self.pairing = match value.to_token_stream().to_string().as_str() {
            "halves" => Some(Pairing::Halves),
            "neighbours" => Some(Pairing::Neighbours),
            other => {
                let message = format!("`{other}` are no pairs: write {FORM}");
                return Err(syn::Error::new_spanned(value, message));
            }
        };
        end(input)
    }

    pub fn check_pairing(&self, errors: &mut Errors) {
        let attribute = self.kind.attribute();
        match (self.features.contains(&Feature::Pair), self.pairing) {
            (true, None) => {
                let message = format!(
                    "which element is the `pair` of which? Write `#[{attribute}(pair = halves)]` or \
                     `pair = neighbours`"
                );
                errors.at(&self.name, message);
            }
            (false, Some(_)) => {
                let message = "`pair = ..` is given and no argument takes it: write \
                               `fn name(x: f32, pair: f32, at: Element) -> f32`, or leave it out";
                errors.at(&self.name, message);
            }
            _ => {}
        }
    }
}

/// The end of the input, or a comma.
fn end(input: ParseStream<'_>) -> syn::Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}
