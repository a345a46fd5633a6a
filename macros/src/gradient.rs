//! A derivative written by hand: `#[score_mod(grad = ..)]`.

use quote::ToTokens;
use syn::{Expr, ExprClosure, Ident, Pat, ReturnType};

use crate::arguments::{table_type, type_name};
use crate::check::Checker;
use crate::errors::Errors;
use crate::index;
use crate::ir::{Argument, Function, Input, Type};
use crate::signature::{GRADIENT_FORM, Signature, table_name};

/// The steps of the derivative, a function of the same inputs as the score function itself, whose
/// callees it knows too.
pub fn check(
    signature: &Signature,
    gradient: &Expr,
    function: &Function,
    errors: &mut Errors,
) -> Option<Function> {
    let mut checker = Checker::new(signature, errors);
    checker.builder.knows_callees(&function.callees);
    checker.tables.follow(function);
    match gradient {
        Expr::Closure(closure) => check_closure(signature, closure, checker),
        Expr::Path(path) => {
            if let Some(table) = signature.parameters.iter().find(|parameter| parameter.table) {
                let message = format!(
                    "`{}` is a table, and a `#[score_fn]` takes numbers alone: write the derivative \
                     as a closure, `{GRADIENT_FORM}`, which may read the table",
                    table.name
                );
                checker.errors.at(path, message);
                return None;
            }
            let mut arguments = vec![checker.builder.input(Input::Subject, Type::F32)];
            for (place, parameter) in signature.parameters.iter().enumerate() {
                arguments.push(match parameter.learned {
                    true => index::learned_number(&mut checker, place),
                    false => checker.builder.input(Input::Parameter(place), parameter.ty),
                });
            }
            let mut arguments: Vec<Argument> = arguments.into_iter().map(Argument::Value).collect();
            if signature.position.is_some() {
                arguments.insert(1, Argument::Position);
            }
            let result = checker.builder.call_path(&path.path, arguments, Type::F32);
            checker.finish(result).map(|(function, ..)| function)
        }
        other => {
            let message = format!(
                "a derivative is a closure with the arguments of the function, `{GRADIENT_FORM}`, or \
                 the path of a `#[score_fn]` with the same arguments"
            );
            checker.errors.at(other, message);
            None
        }
    }
}

fn check_closure(
    signature: &Signature,
    closure: &ExprClosure,
    mut checker: Checker<'_>,
) -> Option<Function> {
    let errors = &mut *checker.errors;
    let plain = closure.asyncness.is_none()
        && closure.movability.is_none()
        && closure.capture.is_none()
        && closure.constness.is_none()
        && closure.lifetimes.is_none();
    if !plain {
        errors.at(closure, format!("a derivative is a plain closure: `{GRADIENT_FORM}`"));
    }
    if let ReturnType::Type(_, ty) = &closure.output
        && type_name(ty).as_deref() != Some("f32")
    {
        errors.at(ty, "a derivative is `f32`: leave the type out, or write `-> f32`");
    }
    let mut wanted = vec![("score".to_owned(), "f32".to_owned())];
    wanted.extend(signature.position.iter().map(|_| ("at".to_owned(), "Position".to_owned())));
    let parameters = signature.parameters.iter();
    wanted.extend(parameters.map(|parameter| (parameter.name.to_string(), parameter.written())));
    if closure.inputs.len() != wanted.len() {
        let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!(
            "a derivative takes the arguments of the function: write `grad = |{}| ..`",
            names.join(", ")
        );
        let place = match closure.inputs.is_empty() {
            true => closure.or1_token.to_token_stream(),
            false => closure.inputs.to_token_stream(),
        };
        errors.at(place, message);
        return None;
    }
    let names: Vec<Option<&Ident>> = closure
        .inputs
        .iter()
        .zip(&wanted)
        .map(|(pattern, (_, ty))| argument(pattern, ty, errors))
        .collect();
    let (score, others) = names.split_first()?;
    let (position, parameters) = match signature.position {
        Some(_) => (*others.first()?, &others[1..]),
        None => (None, others),
    };
    checker.bind_arguments(signature, *score, position, parameters.to_vec());
    let result = checker.closure_body(&closure.body)?;
    let (function, tables, errors) = checker.finish(result)?;
    tables.check_indices(&function, errors);
    errors.is_empty().then_some(function)
}

/// The name of an argument, or nothing for `_`.
fn argument<'p>(pattern: &'p Pat, ty: &str, errors: &mut Errors) -> Option<&'p Ident> {
    match pattern {
        Pat::Type(typed) => {
            let given = match table_type(&typed.ty) {
                Some((element, _)) => Some(table_name(element)),
                None => type_name(&typed.ty),
            };
            if given.as_deref() != Some(ty) {
                let message = format!("this argument is `{ty}`: write that, or leave the type out");
                errors.at(&typed.ty, message);
            }
            argument(&typed.pat, ty, errors)
        }
        Pat::Wild(_) => None,
        Pat::Ident(name)
            if name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none() =>
        {
            Some(&name.ident)
        }
        other => {
            errors.at(other, "an argument is a plain name or `_`, as in `|score, _| ..`");
            None
        }
    }
}
