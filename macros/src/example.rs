//! `example(..)`: parameters to test a variant with.
//!
//! A number is written as it is, a table as `table(heads, queries + keys)`: a seeded random one of
//! this shape, which may be an expression of the sizes of whatever is tested. Values stand in the
//! order of the parameters, or with their names, as in `example(bias = table(heads, 15))`; a table
//! that is left out is as large as what the function reads.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, Token, UnOp};

use crate::errors::Errors;
use crate::ir::{MAX_RANK, Type};
use crate::near::list;
use crate::signature::Parameter;

/// The sizes that the shape of a table may depend on; fields of `ExampleSizes`.
const SIZES: [&str; 6] = ["batch", "heads", "queries", "keys", "head_dim", "value_dim"];

/// The value of one parameter.
pub enum Example {
    Number(f64),
    /// A table as large as what the function reads.
    Fitting,
    /// A table with these dimensions.
    Table(Vec<TokenStream>),
}

/// The values where no example is given.
pub fn usual(variant: &Ident, parameters: &[Parameter], errors: &mut Errors) -> Vec<Example> {
    let value = |parameter| usual_value(variant, parameters, parameter, variant, errors);
    parameters.iter().map(value).collect()
}

/// The value where nothing is said: 1, which a range may exclude.
fn usual_value(
    variant: &Ident,
    parameters: &[Parameter],
    parameter: &Parameter,
    place: &impl ToTokens,
    errors: &mut Errors,
) -> Example {
    if parameter.table {
        return Example::Fitting;
    }
    if !parameter.range.contains(1.0) {
        let message = format!(
            "`{variant}` is tested with a `{}` of 1 where no example says another value, and it must \
             be {}: write `{}`",
            parameter.name.unraw(),
            parameter.range.allowed(parameter.ty),
            form(parameters),
        );
        errors.at(place, message);
    }
    Example::Number(1.0)
}

/// What to write.
pub fn form(parameters: &[Parameter]) -> String {
    let values = parameters.iter().map(|parameter| match parameter.table {
        true => "table(heads, queries, keys)",
        false => parameter.ty.name(),
    });
    format!("example({})", values.collect::<Vec<_>>().join(", "))
}

/// One `example(..)`; nothing after an error.
pub fn read(
    variant: &Ident,
    parameters: &[Parameter],
    keyword: &Ident,
    values: &Punctuated<Expr, Token![,]>,
    errors: &mut Errors,
) -> Option<Vec<Example>> {
    let named = values.iter().any(|value| matches!(value, Expr::Assign(_)));
    if named {
        return by_name(variant, parameters, values, errors);
    }
    if values.len() != parameters.len() {
        let message = format!(
            "`{variant}` has {}, and this example has {}; write `{}`",
            count(parameters.len(), "parameter"),
            count(values.len(), "value"),
            form(parameters),
        );
        match values.is_empty() {
            true => errors.at(keyword, message),
            false => errors.at(values, message),
        }
        return None;
    }
    let pairs = values.iter().zip(parameters);
    Some(pairs.map(|(value, parameter)| value_of(value, parameter, errors)).collect())
}

fn by_name(
    variant: &Ident,
    parameters: &[Parameter],
    values: &Punctuated<Expr, Token![,]>,
    errors: &mut Errors,
) -> Option<Vec<Example>> {
    let mut found: Vec<Option<Example>> = parameters.iter().map(|_| None).collect();
    for value in values {
        let Expr::Assign(pair) = value else {
            errors.at(value, "either every value of an example has its parameter's name, or none");
            return None;
        };
        let name = match &*pair.left {
            Expr::Path(path) => path.path.get_ident(),
            _ => None,
        };
        let place = name.and_then(|name| parameters.iter().position(|p| p.name == *name));
        let Some(place) = place else {
            let known = list(parameters.iter().map(|p| p.name.unraw().to_string()));
            let given = pair.left.to_token_stream();
            let message = format!("`{variant}` has no parameter `{given}`; it has {known}");
            errors.at(&pair.left, message);
            return None;
        };
        let example = value_of(&pair.right, &parameters[place], errors);
        if found[place].replace(example).is_some() {
            errors.at(&pair.left, "this parameter has a value already");
            return None;
        }
    }
    let filled = parameters.iter().zip(found).map(|(parameter, value)| match value {
        Some(value) => value,
        None => usual_value(variant, parameters, parameter, values, errors),
    });
    Some(filled.collect())
}

fn value_of(value: &Expr, parameter: &Parameter, errors: &mut Errors) -> Example {
    if parameter.table {
        return table(value, parameter, errors);
    }
    let read = number(value, parameter.ty);
    if read.is_none() {
        let accepted = match parameter.ty {
            Type::F32 => "a number, as in `0.5` or `-2`",
            Type::U32 => "a whole number from 0 to 4294967295, as in `16`",
            _ => "a whole number from -2147483648 to 2147483647, as in `-3`",
        };
        let message =
            format!("parameter `{}` is `{}`: write {accepted}", parameter.name, parameter.ty);
        errors.at(value, message);
    }
    if let Some(number) = read
        && !parameter.range.contains(number)
    {
        let message = format!(
            "parameter `{}` must be {}",
            parameter.name.unraw(),
            parameter.range.allowed(parameter.ty)
        );
        errors.at(value, message);
    }
    Example::Number(read.unwrap_or_default())
}

fn table(value: &Expr, parameter: &Parameter, errors: &mut Errors) -> Example {
    let call = match value {
        Expr::Call(call) if call.func.to_token_stream().to_string() == "table" => call,
        other => {
            let message = format!(
                "parameter `{}` is `{}`: write its shape, as in `table(heads, queries + keys)`",
                parameter.name,
                parameter.written()
            );
            errors.at(other, message);
            return Example::Fitting;
        }
    };
    if !(1..=MAX_RANK).contains(&call.args.len()) {
        let message = format!("a table has 1 to {MAX_RANK} dimensions: write `table(heads)`");
        errors.at(call, message);
    }
    for dimension in &call.args {
        check_dimension(dimension, errors);
    }
    Example::Table(call.args.iter().map(ToTokens::to_token_stream).collect())
}

/// A dimension is made of whole numbers and sizes.
fn check_dimension(dimension: &Expr, errors: &mut Errors) {
    match dimension {
        Expr::Lit(literal) if matches!(literal.lit, syn::Lit::Int(_)) => {}
        Expr::Path(path) if SIZES.iter().any(|size| path.path.is_ident(size)) => {}
        Expr::Paren(inner) => check_dimension(&inner.expr, errors),
        Expr::Binary(binary) if is_arithmetic(&binary.op) => {
            check_dimension(&binary.left, errors);
            check_dimension(&binary.right, errors);
        }
        other => {
            let sizes = list(SIZES);
            let message = format!(
                "a dimension is made of whole numbers, {sizes}, and `+ - *`, as in `queries + keys`"
            );
            errors.at(other, message);
        }
    }
}

fn is_arithmetic(op: &syn::BinOp) -> bool {
    matches!(op, syn::BinOp::Add(_) | syn::BinOp::Sub(_) | syn::BinOp::Mul(_))
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The number that is written, if it is one of the type.
pub fn number(value: &Expr, ty: Type) -> Option<f64> {
    match value {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) && ty != Type::U32 => {
            // The least i32 has no positive counterpart.
            match &*unary.expr {
                Expr::Lit(_) if ty == Type::I32 => {
                    let magnitude = number(&unary.expr, Type::U32)?;
                    (magnitude <= f64::from(1u32 << 31)).then_some(-magnitude)
                }
                Expr::Lit(_) => number(&unary.expr, ty).map(|value| -value),
                _ => None,
            }
        }
        Expr::Lit(literal) => match (&literal.lit, ty) {
            (syn::Lit::Float(number), Type::F32) => {
                let known = matches!(number.suffix(), "" | "f32");
                number.base10_parse::<f32>().ok().filter(|x| known && x.is_finite()).map(f64::from)
            }
            (syn::Lit::Int(number), Type::F32) if number.suffix().is_empty() => {
                number.base10_parse::<f32>().ok().map(f64::from)
            }
            (syn::Lit::Int(number), Type::U32) if matches!(number.suffix(), "" | "u32") => {
                number.base10_parse::<u32>().ok().map(f64::from)
            }
            (syn::Lit::Int(number), Type::I32) if matches!(number.suffix(), "" | "i32") => {
                number.base10_parse::<i32>().ok().map(f64::from)
            }
            _ => None,
        },
        _ => None,
    }
}
