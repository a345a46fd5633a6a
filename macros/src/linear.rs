//! Whether a `#[weight_mod]` function multiplies the weight, and does nothing else to it.
//!
//! A weight is normalised by all scores of its row. What it is multiplied by then is known without
//! it, so the backward pass needs one factor for each cell and remains one pass.

use std::collections::HashSet;

use quote::ToTokens;
use syn::ItemFn;

use crate::differentiate::differentiate;
use crate::errors::Errors;
use crate::ir::{Binary, Block, Function, Input, Op, Operand, Statement, Unary, Value};
use crate::signature::Signature;

/// Refuses a function whose derivative changes with the weight, and one that adds something to it.
pub fn check(signature: &Signature, function: &Function, source: &ItemFn, errors: &mut Errors) {
    let Some(weight) = &signature.subject else { return };
    let place = || match source.block.stmts.last() {
        Some(last) => last.to_token_stream(),
        None => source.block.to_token_stream(),
    };
    let factor = differentiate(function, &[Input::Subject]);
    if factor.used_inputs().any(|(input, _)| *input == Input::Subject) {
        let message = format!(
            "a `#[weight_mod]` multiplies the weight, as in `{weight} * factor`, by what is known \
             without it, and here the derivative with respect to `{weight}` changes with `{weight}`: \
             make the factor of the position and the parameters, or change the score, in a \
             `#[score_mod]`"
        );
        errors.at(place(), message);
    } else if !vanishes_with_the_weight(function) {
        let message = format!(
            "a `#[weight_mod]` multiplies the weight, as in `{weight} * factor`, and this is not 0 where \
             `{weight}` is 0: leave out what is added to it"
        );
        errors.at(place(), message);
    }
}

fn vanishes_with_the_weight(function: &Function) -> bool {
    let weight = function.inputs.iter().find(|(input, _)| *input == Input::Subject);
    let mut zero: HashSet<Value> = weight.map(|(_, value)| *value).into_iter().collect();
    mark(&function.body, &mut zero);
    is_zero(function.body.results[0], &zero)
}

fn is_zero(operand: Operand, zero: &HashSet<Value>) -> bool {
    match operand {
        Operand::Value(value) => zero.contains(&value),
        constant => constant == Operand::F32(0.0),
    }
}

/// Adds the values that are 0 where those already in `zero` are. The derivative is known to be
/// without the weight, so no operation but these can make any other.
fn mark(block: &Block, zero: &mut HashSet<Value>) {
    for statement in &block.statements {
        match statement {
            Statement::Let { value, op } => {
                let is_zero = |operand| is_zero(operand, zero);
                let vanishes = match *op {
                    Op::Unary(Unary::Neg, a) => is_zero(a),
                    Op::Binary(Binary::Add | Binary::Sub, a, b) => is_zero(a) && is_zero(b),
                    Op::Binary(Binary::Mul, a, b) => is_zero(a) || is_zero(b),
                    Op::Binary(Binary::Div, a, _) => is_zero(a),
                    Op::Select(_, a, b) => is_zero(a) && is_zero(b),
                    _ => false,
                };
                if vanishes {
                    zero.insert(*value);
                }
            }
            Statement::If { values, then, otherwise, .. } => {
                mark(then, zero);
                mark(otherwise, zero);
                for (column, &value) in values.iter().enumerate() {
                    if is_zero(then.results[column], zero)
                        && is_zero(otherwise.results[column], zero)
                    {
                        zero.insert(value);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;
    use crate::check::check as steps;
    use crate::kind::Kind;

    fn refusal(source: ItemFn) -> Option<String> {
        let mut errors = Errors::default();
        let signature = Signature::parse(Kind::Weight, Default::default(), &source, &mut errors);
        let function = steps(&signature, &source.block, &mut errors).expect("no errors");
        check(&signature, &function, &source, &mut errors);
        errors.into_result().err().map(|error| error.to_string())
    }

    #[test]
    fn factors_of_all_kinds_are_taken() {
        let accepted: [ItemFn; 4] = [
            parse_quote! { fn f(weight: f32) -> f32 { weight } },
            parse_quote! { fn f(weight: f32, at: Position) -> f32 { 0.0 } },
            parse_quote! {
                fn f(w: f32, at: Position, p: f32) -> f32 {
                    if at.key == 0 { return w; }
                    -(2.0 * w / p) + if at.query > 3 { w * p.exp() } else { 0.0 }
                }
            },
            parse_quote! {
                fn f(w: f32, at: Position, p: f32) -> f32 {
                    let scaled = w * (at.key as f32).sqrt();
                    match at.head { 0 => scaled, 1 => w - scaled, _ => p * w }
                }
            },
        ];
        for source in accepted {
            let text = source.to_token_stream().to_string();
            assert_eq!(refusal(source), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_multiple_of_the_weight_is_refused() {
        let bent: [ItemFn; 5] = [
            parse_quote! { fn f(w: f32) -> f32 { w * w } },
            parse_quote! { fn f(w: f32) -> f32 { w.max(0.5) } },
            parse_quote! { fn f(w: f32) -> f32 { if w > 0.5 { w } else { 0.0 } } },
            parse_quote! { fn f(w: f32, p: f32) -> f32 { p / w } },
            parse_quote! { fn f(w: f32) -> f32 { bump(w, 2.0) } },
        ];
        for source in bent {
            let text = source.to_token_stream().to_string();
            let refusal = refusal(source).unwrap_or_default();
            assert!(refusal.contains("changes with `w`"), "{text}: {refusal}");
        }
        let shifted: [ItemFn; 3] = [
            parse_quote! { fn f(w: f32) -> f32 { w + 1.0 } },
            parse_quote! { fn f(w: f32, p: f32) -> f32 { p } },
            parse_quote! { fn f(w: f32, at: Position) -> f32 { if at.key > 2 { w } else { 1.0 } } },
        ];
        for source in shifted {
            let text = source.to_token_stream().to_string();
            let refusal = refusal(source).unwrap_or_default();
            assert!(refusal.contains("not 0 where `w` is 0"), "{text}: {refusal}");
        }
    }
}
