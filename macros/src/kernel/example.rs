//! `example(n = 42, d = 8, scale = 0.35)`: sizes and scalars to run a kernel with.

use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Expr, Ident, Lit, Token, UnOp};

use super::signature::{ScalarKind, Signature};
use crate::errors::Errors;
use crate::near::list;

/// A size where nobody says.
const USUAL: usize = 16;

pub struct Example {
    /// In the order of [`Signature::sizes`].
    pub sizes: Vec<(String, usize)>,
    /// In the order of the function.
    pub scalars: Vec<f64>,
}

impl Example {
    /// What is run where there is no `example`.
    pub fn usual(signature: &Signature) -> Example {
        Example {
            sizes: signature.sizes().iter().map(|name| ((*name).to_owned(), USUAL)).collect(),
            scalars: vec![1.0; signature.scalars.len()],
        }
    }

    /// After the word `example`.
    pub fn parse(
        word: &Ident,
        input: ParseStream<'_>,
        signature: &Signature,
        errors: &mut Errors,
    ) -> syn::Result<Option<Example>> {
        if !input.peek(syn::token::Paren) {
            let message = "`example` gives sizes and scalars by name: `example(n = 42, d = 8)`";
            return Err(syn::Error::new_spanned(word, message));
        }
        let content;
        syn::parenthesized!(content in input);
        let sizes = signature.sizes();
        let mut given: Vec<(String, f64)> = Vec::new();
        let mut wrong = false;
        while !content.is_empty() {
            let name = Ident::parse_any(&content)?;
            content.parse::<Token![=]>()?;
            let value: Expr = content.parse()?;
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
            let text = name.to_string();
            let scalar = signature.scalars.iter().find(|scalar| scalar.name == name);
            let (read, accepted) = match (scalar.map(|s| s.kind), sizes.contains(&text.as_str())) {
                (Some(ScalarKind::F32), _) => (number(&value), "a number, as in `0.5` or `-2`"),
                (Some(ScalarKind::U32), _) => (whole(&value, 0), "a whole number, as in `16`"),
                (None, true) => (whole(&value, 1), "a size, as in `42`"),
                (None, false) => {
                    let scalars = signature.scalars.iter().map(|scalar| scalar.name.to_string());
                    let all: Vec<String> =
                        sizes.iter().map(|s| (*s).to_owned()).chain(scalars).collect();
                    let message =
                        format!("the kernel has no size or scalar `{name}`: it has {}", list(all));
                    errors.at(&name, message);
                    wrong = true;
                    continue;
                }
            };
            match read {
                Some(read) => given.push((text, read)),
                None => {
                    errors.at(&value, format!("`{name}` is {accepted}"));
                    wrong = true;
                }
            }
        }
        if wrong {
            return Ok(None);
        }
        let find = |name: &str| given.iter().find(|(known, _)| known == name).map(|(_, v)| *v);
        let scalars = signature.scalars.iter().map(|scalar| scalar.name.to_string());
        let all = sizes.iter().map(|size| (*size).to_owned()).chain(scalars.clone());
        let missing: Vec<String> = all.filter(|name| find(name).is_none()).collect();
        if !missing.is_empty() {
            errors.at(word, format!("this example gives no value for {}", list(missing)));
            return Ok(None);
        }
        Ok(Some(Example {
            sizes: sizes
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), find(name)? as usize)))
                .collect(),
            scalars: scalars.filter_map(|name| find(&name)).collect(),
        }))
    }
}

fn number(value: &Expr) -> Option<f64> {
    match value {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => number(&unary.expr).map(|x| -x),
        Expr::Lit(literal) => match &literal.lit {
            Lit::Float(number) => number.base10_parse::<f32>().ok().map(f64::from),
            Lit::Int(number) => number.base10_parse::<f32>().ok().map(f64::from),
            _ => None,
        },
        _ => None,
    }
    .filter(|x| x.is_finite())
}

fn whole(value: &Expr, least: u32) -> Option<f64> {
    let Expr::Lit(literal) = value else { return None };
    let Lit::Int(number) = &literal.lit else { return None };
    number.base10_parse::<u32>().ok().filter(|&n| n >= least).map(f64::from)
}
