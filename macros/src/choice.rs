//! `if` and `match`.

use quote::ToTokens;
use syn::{Arm, Expr, ExprIf, ExprMatch};

use crate::check::Checker;
use crate::flow::{Rest, always_returns, block_always_returns};
use crate::given::{Expected, Given};
use crate::ir::{Binary, Operand, Type};
use crate::join::{Flow, Side};

impl<'a> Checker<'a> {
    pub fn if_else(
        &mut self,
        choice: &ExprIf,
        expected: &Expected,
        rest: &mut Rest<'_, 'a>,
    ) -> Option<Flow> {
        let condition = self.condition(&choice.cond, "a condition");
        let then_returns = block_always_returns(&choice.then_branch);
        let else_returns =
            choice.else_branch.as_ref().is_some_and(|(_, block)| always_returns(block));
        if then_returns || else_returns {
            return self.if_sides(choice, condition, expected, false, rest);
        }
        let join: &mut Rest<'_, 'a> = &mut |_, value| Flow::value(value);
        let joined = self.if_sides(choice, condition, expected, true, join);
        self.go_on(joined, rest)
    }

    fn condition(&mut self, condition: &Expr, whose: &str) -> Option<Operand> {
        if let Expr::Let(pattern) = condition {
            let message = "`if let` cannot be used here: a condition is a `bool`, as in `a < b`";
            self.errors.at(pattern, message);
            return None;
        }
        let value = self.expression(condition, Some(Type::Bool))?;
        self.expect(value, Type::Bool, condition, whose).map(|typed| typed.0)
    }

    /// `joins`: both sides give a value to the same place.
    fn if_sides(
        &mut self,
        choice: &ExprIf,
        condition: Option<Operand>,
        expected: &Expected,
        joins: bool,
        rest: &mut Rest<'_, 'a>,
    ) -> Option<Flow> {
        self.builder.open();
        let flow = self.block(&choice.then_branch, expected, rest);
        let steps = self.builder.close();
        let expected = refined(expected, joins, &flow);
        let then = Side { flow, steps, place: choice.then_branch.to_token_stream() };

        self.builder.open();
        let (flow, place) = match &choice.else_branch {
            Some((_, otherwise)) => {
                (self.flow(otherwise, &expected, rest), otherwise.to_token_stream())
            }
            None if matches!(expected, Expected::Nothing) => {
                (rest(self, Some(Given::NOTHING)), choice.if_token.to_token_stream())
            }
            None => {
                let message = "`if` needs an `else` here: both give a value, as in \
                               `if a < b { a } else { b }`";
                self.errors.at(choice.if_token, message);
                (None, choice.if_token.to_token_stream())
            }
        };
        let steps = self.builder.close();
        let otherwise = Side { flow, steps, place };
        self.join(condition, [then, otherwise], "the value of `if`")
    }

    pub fn match_arms(
        &mut self,
        choice: &ExprMatch,
        expected: &Expected,
        rest: &mut Rest<'_, 'a>,
    ) -> Option<Flow> {
        let subject = self.value(&choice.expr, &Expected::Open);
        let subject = subject.and_then(|subject| self.settle(subject, &choice.expr));
        if choice.arms.is_empty() {
            let message =
                "`match` needs an arm for every value, as in `match a { 0 => b, _ => c }`";
            self.errors.at(choice.match_token, message);
            return None;
        }
        let going_on = choice.arms.iter().filter(|arm| !always_returns(&arm.body)).count();
        if going_on <= 1 {
            return self.arms(subject.as_ref(), &choice.arms, expected, false, rest);
        }
        let join: &mut Rest<'_, 'a> = &mut |_, value| Flow::value(value);
        let joined = self.arms(subject.as_ref(), &choice.arms, expected, true, join);
        self.go_on(joined, rest)
    }

    /// Each arm against all after it. The last one takes what is left: rustc sees to it, in the
    /// function as it is written, that the arms leave nothing out.
    fn arms(
        &mut self,
        subject: Option<&Given>,
        arms: &[Arm],
        expected: &Expected,
        joins: bool,
        rest: &mut Rest<'_, 'a>,
    ) -> Option<Flow> {
        let [arm, others @ ..] = arms else { return None };
        let is_last = others.is_empty();
        let (mut test, mut steps) = (None, Vec::new());
        let flow = self.scoped(rest, |checker, rest| {
            test = checker.pattern(&arm.pat, subject);
            if let Some((_, guard)) = &arm.guard {
                let guard_value = checker.condition(guard, "a guard");
                test = test
                    .zip(guard_value)
                    .map(|(test, guard)| checker.builder.binary(Binary::And, test, guard));
                if is_last {
                    let message =
                        "the last arm takes what is left, without a guard: end with `_ => ..`";
                    checker.errors.at(guard, message);
                }
            }
            if is_last {
                return checker.flow(&arm.body, expected, rest);
            }
            checker.builder.open();
            let flow = checker.flow(&arm.body, expected, rest);
            steps = checker.builder.close();
            flow
        });
        if is_last {
            return flow;
        }
        let expected = refined(expected, joins, &flow);
        let first = Side { flow, steps, place: arm.body.to_token_stream() };
        self.builder.open();
        let flow = self.arms(subject, others, &expected, joins, rest);
        let steps = self.builder.close();
        let place = others[0].body.to_token_stream();
        self.join(test, [first, Side { flow, steps, place }], "the value of `match`")
    }
}

/// What the first of two sides says about the second.
fn refined(expected: &Expected, joins: bool, flow: &Option<Flow>) -> Expected {
    match flow.as_ref().and_then(|flow| flow.value.as_ref()) {
        Some(given) if joins && !matches!(expected, Expected::Nothing) => {
            match given.expectation() {
                Expected::Open => expected.clone(),
                known => known,
            }
        }
        _ => expected.clone(),
    }
}
