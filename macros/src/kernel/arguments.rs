//! The arguments of `#[kernel(..)]`.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Path, Token};

use super::example::Example;
use super::signature::Signature;
use crate::errors::Errors;
use crate::near::{list, near};

const KNOWN: [&str; 4] = ["program", "reference", "valid", "example"];
const FORMS: &str = "`program = rows(out)` or `program = heads(out)`, `reference = path`, `valid = path`, and \
                     `example(n = 8, ..)` any number of times";

/// What one program works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Rows(usize),
    Heads(usize),
}

pub struct Arguments {
    pub program: Program,
    pub reference: Option<Path>,
    pub valid: Option<Path>,
    pub examples: Vec<Example>,
}

impl Arguments {
    pub fn parse(attribute: TokenStream, signature: &Signature, errors: &mut Errors) -> Arguments {
        let written = signature.tensors.iter().position(|tensor| tensor.written).unwrap_or(0);
        let mut arguments = Arguments {
            program: Program::Rows(written),
            reference: None,
            valid: None,
            examples: Vec::new(),
        };
        let mut seen: Vec<String> = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let name = Ident::parse_any(input)?;
                let text = name.to_string();
                if text != "example" && seen.contains(&text) {
                    return Err(syn::Error::new_spanned(
                        name,
                        format!("`{text}` stands here twice"),
                    ));
                }
                match text.as_str() {
                    "program" => arguments.program = program(input, signature)?,
                    "reference" => arguments.reference = Some(path(input)?),
                    "valid" => arguments.valid = Some(path(input)?),
                    "example" => {
                        arguments.examples.extend(Example::parse(&name, input, signature, errors)?);
                    }
                    _ => return Err(unknown(&name)),
                }
                seen.push(text);
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(attribute) {
            errors.push(error);
        }
        if arguments.examples.is_empty() {
            arguments.examples.push(Example::usual(signature));
        }
        arguments
    }
}

fn unknown(name: &Ident) -> syn::Error {
    let text = name.to_string();
    let close = near(&text, KNOWN.into_iter());
    let hint = match close.is_empty() {
        true => String::new(),
        false => format!(" (is it {}?)", list(close)),
    };
    let message = format!("`{text}` is not an argument of `#[kernel]`{hint}; it takes {FORMS}");
    syn::Error::new_spanned(name, message)
}

fn path(input: ParseStream<'_>) -> syn::Result<Path> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `= rows(q)` or `= heads(q)`.
fn program(input: ParseStream<'_>, signature: &Signature) -> syn::Result<Program> {
    input.parse::<Token![=]>()?;
    let what = Ident::parse_any(input)?;
    let make = match what.to_string().as_str() {
        "rows" => Program::Rows,
        "heads" => Program::Heads,
        _ => {
            let message = "a program works on a block of rows or on a head: `program = rows(q)` or \
                           `program = heads(q)`";
            return Err(syn::Error::new_spanned(what, message));
        }
    };
    let content;
    syn::parenthesized!(content in input);
    let tensor: Ident = content.parse()?;
    signature.tensor(&tensor).map(make).ok_or_else(|| {
        let names = list(signature.tensors.iter().map(|tensor| tensor.name.to_string()));
        let message = format!("`{tensor}` is no tensor of the kernel; its tensors are {names}");
        syn::Error::new_spanned(&tensor, message)
    })
}
