//! Reverse-mode differentiation of a function.
//!
//! The derivative is a function again: the original steps, then the adjoint of each step from
//! the last to the first. A value's adjoint is the derivative of the result with respect to that
//! value; each step adds to the adjoints of what it read. Two things keep the text short. Only
//! *active* values have adjoints: those that depend, through `f32` arithmetic, on an input that
//! is asked for. And unread steps are dropped when a block closes, so the derivative of a sum
//! is the constant 1 and keeps nothing of the original.
//!
//! An `if` is reversed as an `if` of its own. Both texts then run only the chosen block, and an
//! operation that is undefined in the other one (`ln` of a negative number, say) cannot turn the
//! derivative into NaN.
//!
//! Where a function has a kink the derivative is one of its one-sided ones, and 0 for `abs`, as
//! in PyTorch: `a.max(b)` belongs to `b` where both are equal. Rounding, casts and comparisons
//! have the derivative 0.

use std::collections::{HashMap, HashSet};

use crate::builder::Builder;
use crate::ir::{
    Argument, Binary, Block, Call, Function, Input, Op, Operand, Part, Statement, Type, Unary,
    Value, type_of,
};
use crate::slopes;

/// The derivatives of the first result with respect to each of `inputs`, as the results of a
/// function with the same inputs.
pub fn differentiate(function: &Function, inputs: &[Input]) -> Function {
    let wanted: Vec<Option<Value>> = inputs
        .iter()
        .map(|input| function.inputs.iter().find(|(known, _)| known == input).map(|known| known.1))
        .collect();
    let mut active: HashSet<Value> = wanted.iter().flatten().copied().collect();
    mark_active(&function.body, &function.types, &mut active);

    let mut reverse = Reverse { builder: Builder::following(function), active };
    reverse.builder.copy(&function.body.statements);
    let mut adjoints = Adjoints::new();
    reverse.add(&mut adjoints, function.body.results[0], Operand::F32(1.0));
    reverse.statements(&function.body.statements, &mut adjoints);
    let results = wanted
        .iter()
        .map(|value| value.and_then(|value| adjoints.get(&value)).copied().unwrap_or(ZERO))
        .collect();
    reverse.builder.finish(results)
}

pub const ZERO: Operand = Operand::F32(0.0);
pub const ONE: Operand = Operand::F32(1.0);

type Adjoints = HashMap<Value, Operand>;

/// Adds the values that depend on those already in `active`.
fn mark_active(block: &Block, types: &[Type], active: &mut HashSet<Value>) {
    for statement in &block.statements {
        match statement {
            Statement::Let { value, op } => {
                let is_float = type_of(types, Operand::Value(*value)) == Type::F32;
                let reads = differentiable_operands(op);
                if is_float && reads.iter().any(|&read| is_active(read, active)) {
                    active.insert(*value);
                }
            }
            Statement::If { values, then, otherwise, .. } => {
                mark_active(then, types, active);
                mark_active(otherwise, types, active);
                for (column, &value) in values.iter().enumerate() {
                    let results = [then.results[column], otherwise.results[column]];
                    let is_float = type_of(types, Operand::Value(value)) == Type::F32;
                    if is_float && results.iter().any(|&result| is_active(result, active)) {
                        active.insert(value);
                    }
                }
            }
        }
    }
}

fn is_active(operand: Operand, active: &HashSet<Value>) -> bool {
    matches!(operand, Operand::Value(value) if active.contains(&value))
}

/// The operands that the operation's result changes with smoothly.
fn differentiable_operands(op: &Op) -> Vec<Operand> {
    match *op {
        Op::Unary(Unary::Not | Unary::Floor | Unary::Ceil | Unary::Trunc, _) => vec![],
        Op::Unary(_, a) => vec![a],
        Op::Binary(op, ..) if op.is_comparison() => vec![],
        Op::Binary(_, a, b) => vec![a, b],
        Op::Select(_, a, b) => vec![a, b],
        Op::Cast(..) => vec![],
        Op::Read(read) => read.site.map(Operand::Value).into_iter().collect(),
        Op::Call(_) => op.operands(),
    }
}

struct Reverse {
    builder: Builder,
    active: HashSet<Value>,
}

impl Reverse {
    fn add(&mut self, adjoints: &mut Adjoints, to: Operand, contribution: Operand) {
        if let Operand::Value(value) = to
            && self.active.contains(&value)
            && contribution != ZERO
        {
            let sum = match adjoints.get(&value) {
                Some(&known) => self.builder.binary(Binary::Add, known, contribution),
                None => contribution,
            };
            adjoints.insert(value, sum);
        }
    }

    fn statements(&mut self, statements: &[Statement], adjoints: &mut Adjoints) {
        for statement in statements.iter().rev() {
            match statement {
                Statement::Let { value, op } => {
                    if let Some(adjoint) = adjoints.get(value).copied() {
                        self.name_adjoint(*value, adjoint);
                        self.operation(op, Operand::Value(*value), adjoint, adjoints);
                    }
                }
                Statement::If { values, condition, then, otherwise } => {
                    let seeds: Vec<Operand> = values
                        .iter()
                        .map(|value| adjoints.get(value).copied().unwrap_or(ZERO))
                        .collect();
                    if seeds.iter().any(|&seed| seed != ZERO) {
                        for (&value, &seed) in values.iter().zip(&seeds) {
                            self.name_adjoint(value, seed);
                        }
                        self.branch(*condition, then, otherwise, &seeds, adjoints);
                    }
                }
            }
        }
    }

    /// The adjoint of what the author calls `x` is called `d_x`.
    fn name_adjoint(&mut self, value: Value, adjoint: Operand) {
        if let Some(name) = self.builder.name_of(value) {
            let name = format!("d_{name}");
            self.builder.set_name(adjoint, &name);
        }
    }

    fn branch(
        &mut self,
        condition: Operand,
        then: &Block,
        otherwise: &Block,
        seeds: &[Operand],
        adjoints: &mut Adjoints,
    ) {
        let mut outer = then.free_values();
        outer.extend(
            otherwise.free_values().iter().filter(|value| !then.free_values().contains(value)),
        );
        outer.retain(|value| self.active.contains(value));
        let [then, otherwise] = [then, otherwise].map(|block| self.block(block, seeds, &outer));
        let contributions = self.builder.branch(condition, then, otherwise);
        for (&value, contribution) in outer.iter().zip(contributions) {
            self.add(adjoints, Operand::Value(value), contribution);
        }
    }

    /// The block that gives what `block` contributes to the adjoints of `outer`.
    fn block(&mut self, block: &Block, seeds: &[Operand], outer: &[Value]) -> Block {
        self.builder.open();
        self.builder.copy(&block.statements);
        let mut adjoints = Adjoints::new();
        for (&result, &seed) in block.results.iter().zip(seeds) {
            self.add(&mut adjoints, result, seed);
        }
        self.statements(&block.statements, &mut adjoints);
        let results =
            outer.iter().map(|value| adjoints.get(value).copied().unwrap_or(ZERO)).collect();
        Block::new(self.builder.close(), results)
    }

    fn operation(&mut self, op: &Op, result: Operand, adjoint: Operand, adjoints: &mut Adjoints) {
        match *op {
            Op::Unary(op, a) => {
                if is_active(a, &self.active)
                    && let Some(contribution) =
                        slopes::unary(&mut self.builder, op, a, result, adjoint)
                {
                    self.add(adjoints, a, contribution);
                }
            }
            Op::Binary(op, a, b) => {
                if is_active(a, &self.active) {
                    let contribution = slopes::binary_first(&mut self.builder, op, a, b, adjoint);
                    self.add(adjoints, a, contribution);
                }
                if is_active(b, &self.active) {
                    let contribution =
                        slopes::binary_second(&mut self.builder, op, a, b, result, adjoint);
                    self.add(adjoints, b, contribution);
                }
            }
            Op::Select(condition, a, b) => {
                for (choice, [yes, no]) in [(a, [adjoint, ZERO]), (b, [ZERO, adjoint])] {
                    if is_active(choice, &self.active) {
                        let contribution = self.builder.select(condition, yes, no);
                        self.add(adjoints, choice, contribution);
                    }
                }
            }
            Op::Cast(..) => {}
            Op::Read(read) => {
                if let Some(site) = read.site {
                    self.add(adjoints, Operand::Value(site), adjoint);
                }
            }
            Op::Call(ref call) => {
                for (place, &argument) in call.arguments.iter().enumerate() {
                    if let Argument::Value(argument) = argument
                        && is_active(argument, &self.active)
                    {
                        let part = Part::Derivative(place);
                        let slope = self.builder.call(Call { part, ..call.clone() });
                        let contribution = self.builder.binary(Binary::Mul, adjoint, slope);
                        self.add(adjoints, argument, contribution);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::*;
    use crate::check::check;
    use crate::emit::host_text;
    use crate::errors::Errors;
    use crate::kind::Kind;
    use crate::signature::Signature;

    /// The host's text of the derivative.
    fn derivative(source: ItemFn) -> String {
        let mut errors = Errors::default();
        let signature = Signature::parse(Kind::Score, Default::default(), &source, &mut errors);
        let function = check(&signature, &source.block, &mut errors).expect("no errors");
        let gradient = differentiate(&function, &[Input::Subject]);
        host_text(&signature.parameters, &gradient).to_string()
    }

    fn assert_text(given: String, expected: proc_macro2::TokenStream) {
        assert_eq!(given, expected.to_string());
    }

    #[test]
    fn what_the_score_has_no_part_in_leaves_no_trace() {
        let sum = derivative(parse_quote! {
            fn f(score: f32, at: Position, slope: f32) -> f32 {
                score - slope * (at.query.abs_diff(at.key) as f32).exp()
            }
        });
        assert_text(sum, parse_quote!(1f64));
        let constant = derivative(parse_quote! {
            fn f(score: f32, slope: f32) -> f32 { slope.exp() + score.floor() }
        });
        assert_text(constant, parse_quote!(0f64));
    }

    #[test]
    fn a_factor_that_cancels_is_not_divided_by() {
        let softcap = derivative(parse_quote! {
            fn softcap(score: f32, cap: f32) -> f32 { cap * (score / cap).tanh() }
        });
        assert_text(
            softcap,
            parse_quote! {
                let v0 = subject;
                let v1 = f64::from(self.cap);
                let v2 = v0 / v1;
                let v3 = v2.tanh();
                let v5 = v3 * v3;
                let v6 = 1f64 - v5;
                v6
            },
        );
    }

    #[test]
    fn an_if_is_reversed_as_an_if() {
        let bent = derivative(parse_quote! {
            fn bent(score: f32) -> f32 { if score > 1.0 { score.ln() } else { score } }
        });
        assert_text(
            bent,
            parse_quote! {
                let v0 = subject;
                let v1 = v0 > 1f64;
                let (v5,) = if v1 {
                    let v4 = 1f64 / v0;
                    (v4,)
                } else {
                    (1f64,)
                };
                v5
            },
        );
    }

    #[test]
    fn several_inputs_share_one_reversal() {
        let source: ItemFn = parse_quote! {
            fn f(score: f32, a: f32, b: f32) -> f32 { a * score + b }
        };
        let mut errors = Errors::default();
        let signature = Signature::parse(Kind::Score, Default::default(), &source, &mut errors);
        let function = check(&signature, &source.block, &mut errors).expect("no errors");
        let inputs = [Input::Subject, Input::Parameter(0), Input::Parameter(1)];
        let gradient = differentiate(&function, &inputs);
        let value = |input: Input| {
            let known = function.inputs.iter().find(|(known, _)| *known == input);
            Operand::Value(known.expect("every parameter is an input").1)
        };
        let expected = [value(Input::Parameter(0)), value(Input::Subject), ONE];
        assert_eq!(gradient.body.results, expected);
        assert_eq!(gradient.body.statements, []);
    }
}
