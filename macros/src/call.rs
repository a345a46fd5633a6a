//! Calls: methods of numbers, and functions of the language.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprCall, ExprMethodCall, Token};

use crate::check::{Binding, Checker};
use crate::ir::{Argument, Operand, Type};
use crate::kind::Kind;
use crate::literal::Checked;
use crate::methods;
use crate::near::{list, near};

pub fn method(checker: &mut Checker<'_>, call: &ExprMethodCall) -> Option<Checked> {
    let name = call.method.unraw().to_string();
    if let Some(turbofish) = &call.turbofish {
        checker.errors.at(turbofish, format!("methods are not generic here: write `.{name}(..)`"));
    }
    let receiver = match checker.expression(&call.receiver, None)? {
        Checked::Typed(operand, ty) => (operand, ty),
        Checked::Integer(number) => {
            let message =
                format!("the type of {number} is open: write `{number}u32` or `{number}.0`");
            checker.errors.at(&call.receiver, message);
            return None;
        }
    };
    let operand = Receiver { operand: receiver.0, ty: receiver.1 };
    numeric(checker, operand, &call.method, &call.args.iter().collect::<Vec<_>>(), &call.args)
}

struct Receiver {
    operand: Operand,
    ty: Type,
}

/// The method `name` of a number.
fn numeric(
    checker: &mut Checker<'_>,
    receiver: Receiver,
    name: &syn::Ident,
    arguments: &[&Expr],
    place: &dyn ToTokens,
) -> Option<Checked> {
    let (ident, name, ty) = (name, name.unraw().to_string(), receiver.ty);
    let Some(method) = methods::find(ty, &name) else {
        checker.errors.at(ident, unknown(ty, &name));
        return None;
    };
    if arguments.len() != method.arguments.len() {
        let message = format!("`{name}` is called as `{}`", method.form());
        match arguments.is_empty() {
            true => checker.errors.at(ident, message),
            false => checker.errors.at(place.to_token_stream(), message),
        }
        return None;
    }
    let mut operands = vec![receiver.operand];
    for (argument, like) in arguments.iter().zip(method.arguments) {
        let wanted = like.of(ty);
        let whose = format!("the argument of `{name}`");
        let value = checker.expression(argument, Some(wanted));
        let place = argument.to_token_stream();
        operands.extend(
            value
                .and_then(|value| checker.expect(value, wanted, place, &whose))
                .map(|typed| typed.0),
        );
    }
    // Fewer where an argument has an error of its own.
    (operands.len() == method.arguments.len() + 1).then(|| {
        let result = (method.lower)(&mut checker.builder, &operands);
        Checked::Typed(result, method.result.of(ty))
    })
}

/// A call by path: a method written as `f32::max(a, b)`, or another function of the language.
///
/// Such a function is known to rustc alone. Its result has the type that the call's place asks
/// for, else `f32`, and rustc compares that with the function, as it does the arguments.
pub fn function(
    checker: &mut Checker<'_>,
    call: &ExprCall,
    expected: Option<Type>,
) -> Option<Checked> {
    let Expr::Path(function) = &*call.func else {
        checker.errors.at(&call.func, "a function is called by its name, as in `sigmoid(a)`");
        return None;
    };
    let path = &function.path;
    let names: Vec<String> = path.segments.iter().map(|s| s.ident.unraw().to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let generic = path.segments.iter().find(|segment| !segment.arguments.is_none());
    if let Some(segment) = generic {
        checker.errors.at(&segment.arguments, "functions are not generic here: write `name(..)`");
        return None;
    }
    if let ["core" | "std", ty, _] | [ty, _] = names.as_slice()
        && let Some(ty) = Type::from_name(ty)
    {
        return method_by_path(checker, path, ty, &call.args);
    }
    let shown = names.join("::");
    let refused = match names.as_slice() {
        ["core" | "std" | "alloc", ..] => Some(format!(
            "`{shown}` cannot be called here: call a method of the number, as in `a.max(b)`, or a \
             function marked `#[score_fn]`"
        )),
        [.., last] if last.starts_with(char::is_uppercase) => Some(format!(
            "`{shown}(..)` makes no number: a function of this language computes with `f32`, \
             `u32`, `i32` and `bool`"
        )),
        [name] if checker.lookup(name).is_some() => Some(format!(
            "`{name}` is a value here, not a function: give one of the two another name"
        )),
        [method] if methods::find(Type::F32, method).is_some() => {
            let form = methods::find(Type::F32, method).map(methods::Method::form);
            Some(format!("`{method}` is a method: write `{}`", form.unwrap_or_default()))
        }
        _ => None,
    };
    if let Some(message) = refused {
        checker.errors.at(&call.func, message);
        return None;
    }
    let arguments: Vec<Option<Argument>> =
        call.args.iter().map(|argument| passed(checker, argument)).collect();
    let arguments = arguments.into_iter().collect::<Option<Vec<Argument>>>()?;
    let result = expected.unwrap_or(Type::F32);
    Some(Checked::Typed(checker.builder.call_path(path, arguments, result), result))
}

/// Whether the expression is a call whose type its place decides.
pub fn is_open(expression: &Expr) -> bool {
    match expression {
        Expr::Paren(inner) => is_open(&inner.expr),
        Expr::Group(inner) => is_open(&inner.expr),
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => {
                let segments = &path.path.segments;
                let owner = segments.iter().nth_back(1).map(|segment| segment.ident.to_string());
                owner.and_then(|owner| Type::from_name(&owner)).is_none()
            }
            _ => false,
        },
        _ => false,
    }
}

fn passed(checker: &mut Checker<'_>, argument: &Expr) -> Option<Argument> {
    if let Expr::Path(path) = argument
        && let Some(name) = path.path.get_ident()
        && matches!(checker.lookup(&name.unraw().to_string()), Some(Binding::Position))
    {
        if checker.kind == Kind::Sink || checker.kind.is_of_rows() {
            let (what, example) = match checker.kind {
                Kind::Sink => ("a sink belongs to a row of queries", "at.query"),
                _ => ("an element stands in a row", "at.token"),
            };
            let message = format!(
                "{what} and has no position of a query and a key to pass on: pass what the function \
                 needs, as in `f({example})`"
            );
            checker.errors.at(argument, message);
            return None;
        }
        return Some(Argument::Position);
    }
    match checker.expression(argument, None)? {
        Checked::Typed(operand, _) => Some(Argument::Value(operand)),
        Checked::Integer(number) => {
            let message = format!(
                "the type of {number} is open in a call: write `{number}.0`, `{number}u32` or \
                 `{number}i32`"
            );
            checker.errors.at(argument, message);
            None
        }
    }
}

/// `f32::max(a, b)`.
fn method_by_path(
    checker: &mut Checker<'_>,
    path: &syn::Path,
    ty: Type,
    arguments: &Punctuated<Expr, Token![,]>,
) -> Option<Checked> {
    let name = &path.segments.last()?.ident;
    if name == "from" {
        let message = format!("`{ty}::from` cannot be called here: cast, as in `a as {ty}`");
        checker.errors.at(path, message);
        return None;
    }
    let arguments: Vec<&Expr> = arguments.iter().collect();
    let [receiver, others @ ..] = arguments.as_slice() else {
        let form = methods::find(ty, &name.to_string()).map(methods::Method::form);
        let form = form.unwrap_or_else(|| format!("a.{name}(..)"));
        checker.errors.at(path, format!("`{name}` is called as `{form}`"));
        return None;
    };
    let value = checker.expression(receiver, Some(ty))?;
    let (operand, ty) = checker.expect(value, ty, receiver, "the first argument")?;
    numeric(checker, Receiver { operand, ty }, name, others, path)
}

fn unknown(receiver: Type, name: &str) -> String {
    let names: Vec<&str> = methods::of(receiver).map(|method| method.name).collect();
    if names.is_empty() {
        return format!("`{receiver}` has no methods here: join truths with `&&`, `||` and `!`");
    }
    let close = near(name, names.iter().copied());
    let others: Vec<Type> = [Type::F32, Type::U32, Type::I32]
        .into_iter()
        .filter(|&other| other != receiver && methods::find(other, name).is_some())
        .collect();
    let elsewhere = others.first().and_then(|&other| Some((other, methods::find(other, name)?)));
    if let Some((other, method)) = elsewhere {
        let call = method.form().replacen('a', &format!("(a as {other})"), 1);
        return format!("`{receiver}` has no method `{name}`, but `{other}` has: write `{call}`");
    }
    match close.as_slice() {
        [] => format!("`{receiver}` has no method `{name}` here; it has {}", list(names)),
        close => format!(
            "`{receiver}` has no method `{name}` here; did you mean {}? All of them: {}",
            list(close),
            list(names)
        ),
    }
}
