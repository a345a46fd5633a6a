//! Method calls.

use quote::ToTokens;
use syn::ExprMethodCall;
use syn::ext::IdentExt;

use crate::check::Checker;
use crate::ir::Type;
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
    let (receiver, ty) = receiver;
    let Some(method) = methods::find(ty, &name) else {
        checker.errors.at(&call.method, unknown(ty, &name));
        return None;
    };
    if call.args.len() != method.arguments.len() {
        let message = format!("`{name}` is called as `{}`", method.form());
        match call.args.is_empty() {
            true => checker.errors.at(&call.method, message),
            false => checker.errors.at(&call.args, message),
        }
        return None;
    }
    let mut operands = vec![receiver];
    for (argument, like) in call.args.iter().zip(method.arguments) {
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
