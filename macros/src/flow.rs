//! Blocks, and the ways out of them: a block's value, and `return`.
//!
//! The steps know no jumps, so what follows a `return` moves to where it is reached. An `if` or
//! `match` with one arm that goes on has the rest of the function put into that arm:
//! `if c { return a; } b` is read as `if c { a } else { b }`. Where several arms go on, their
//! values are joined first, together with whether the function has returned and with what, and
//! the rest runs unless it has. Nothing is read twice, and only what Rust would run runs.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit::Visit;
use syn::{Block as Source, Expr, Stmt};

use crate::check::Checker;
use crate::given::{Expected, Given};
use crate::ir::{Operand, Type};
use crate::join::Flow;
use crate::literal::Checked;
use crate::refuse;

/// What is read after an expression, given its value or, after an error, nothing.
pub type Rest<'r, 'a> = dyn FnMut(&mut Checker<'a>, Option<Given>) -> Option<Flow> + 'r;

const UNUSED: &str = "this value is not used: only `let` and an `if` or `match` that returns stand \
                      before a block's value";

/// The first `return` in an expression, closures aside.
pub fn first_return(expression: &Expr) -> Option<&syn::ExprReturn> {
    struct First<'e>(Option<&'e syn::ExprReturn>);
    impl<'e> Visit<'e> for First<'e> {
        fn visit_expr_return(&mut self, found: &'e syn::ExprReturn) {
            self.0.get_or_insert(found);
        }
        fn visit_expr_closure(&mut self, _: &'e syn::ExprClosure) {}
        fn visit_item(&mut self, _: &'e syn::Item) {}
    }
    let mut first = First(None);
    first.visit_expr(expression);
    first.0
}

fn returns(expression: &Expr) -> bool {
    first_return(expression).is_some()
}

/// Whether every way through the expression returns.
pub fn always_returns(expression: &Expr) -> bool {
    match expression {
        Expr::Return(_) => true,
        Expr::Paren(inner) => always_returns(&inner.expr),
        Expr::Group(inner) => always_returns(&inner.expr),
        Expr::Block(inner) => block_always_returns(&inner.block),
        Expr::If(choice) => choice.else_branch.as_ref().is_some_and(|(_, otherwise)| {
            block_always_returns(&choice.then_branch) && always_returns(otherwise)
        }),
        Expr::Match(choice) => {
            !choice.arms.is_empty() && choice.arms.iter().all(|arm| always_returns(&arm.body))
        }
        _ => false,
    }
}

pub fn block_always_returns(block: &Source) -> bool {
    block.stmts.iter().any(|statement| match statement {
        Stmt::Expr(expression, _) => always_returns(expression),
        Stmt::Local(local) => local.init.as_ref().is_some_and(|init| always_returns(&init.expr)),
        _ => false,
    })
}

impl<'a> Checker<'a> {
    /// The function's result.
    pub fn body(&mut self, body: &Source) -> Option<Operand> {
        let place = match body.stmts.last() {
            Some(last) => last.to_token_stream(),
            None => body.to_token_stream(),
        };
        let expected = Expected::One(self.result);
        let end: &mut Rest<'_, 'a> = &mut |checker, value| checker.leave(value?, &place);
        Some(self.block(body, &expected, end)?.exit?.value)
    }

    /// The result of a closure with this body.
    pub fn closure_body(&mut self, body: &Expr) -> Option<Operand> {
        let place = body.to_token_stream();
        let expected = Expected::One(self.result);
        let end: &mut Rest<'_, 'a> = &mut |checker, value| checker.leave(value?, &place);
        Some(self.flow(body, &expected, end)?.exit?.value)
    }

    fn leave(&mut self, value: Given, place: &TokenStream) -> Option<Flow> {
        self.result_of(value, place).map(Flow::exit)
    }

    /// The operand of the function's result.
    fn result_of(&mut self, value: Given, place: &TokenStream) -> Option<Operand> {
        let value = self.conform(value, &Expected::One(self.result), place, "the result")?;
        match value {
            Given::One(Checked::Typed(operand, _)) => Some(operand),
            _ => None,
        }
    }

    /// An expression that may return, and what comes after it.
    pub fn flow(
        &mut self,
        expression: &Expr,
        expected: &Expected,
        rest: &mut Rest<'_, 'a>,
    ) -> Option<Flow> {
        match expression {
            Expr::Paren(inner) => self.flow(&inner.expr, expected, rest),
            Expr::Group(inner) => self.flow(&inner.expr, expected, rest),
            Expr::Return(inner) => {
                let Some(value) = &inner.expr else {
                    let ty = self.result;
                    let form = match ty {
                        Type::Bool => "return false;",
                        _ => "return a;",
                    };
                    self.errors.at(inner, format!("`return` takes the result here: `{form}`"));
                    return None;
                };
                if let Some(inner) = first_return(value) {
                    self.errors
                        .at(inner.return_token, "one `return` is enough: leave this one out");
                    return None;
                }
                let given = self.value(value, &Expected::One(self.result))?;
                self.leave(given, &value.to_token_stream())
            }
            Expr::Block(inner) if inner.label.is_none() && inner.attrs.is_empty() => {
                self.block(&inner.block, expected, rest)
            }
            Expr::If(choice) => self.if_else(choice, expected, rest),
            Expr::Match(choice) => self.match_arms(choice, expected, rest),
            Expr::Tuple(unit) if unit.elems.is_empty() => rest(self, Some(Given::NOTHING)),
            other => {
                let value = self.value(other, expected);
                if matches!(expected, Expected::Nothing) && value.is_some() {
                    self.errors.at(other, UNUSED);
                    return rest(self, Some(Given::NOTHING));
                }
                rest(self, value)
            }
        }
    }

    /// What `body` reads has a scope of its own; what comes after it does not see it.
    pub fn scoped(
        &mut self,
        rest: &mut Rest<'_, 'a>,
        body: impl FnOnce(&mut Self, &mut Rest<'_, 'a>) -> Option<Flow>,
    ) -> Option<Flow> {
        let depth = self.scopes.len();
        self.scopes.push(HashMap::new());
        let flow = body(self, &mut |checker: &mut Checker<'a>, value| {
            let inner = checker.scopes.split_off(depth);
            let flow = rest(checker, value);
            checker.scopes.truncate(depth);
            checker.scopes.extend(inner);
            flow
        });
        self.scopes.truncate(depth);
        flow
    }

    pub fn block(
        &mut self,
        block: &Source,
        expected: &Expected,
        rest: &mut Rest<'_, 'a>,
    ) -> Option<Flow> {
        self.scoped(rest, |checker, rest| match block.stmts.as_slice() {
            [] if matches!(expected, Expected::Nothing) => rest(checker, Some(Given::NOTHING)),
            [] => {
                checker.errors.at(block, "a block ends with its value, as in `{ a + b }`");
                None
            }
            statements => checker.statements(statements, expected, rest),
        })
    }

    /// At least one statement.
    fn statements(
        &mut self,
        statements: &[Stmt],
        expected: &Expected,
        rest: &mut Rest<'_, 'a>,
    ) -> Option<Flow> {
        let [first, others @ ..] = statements else { return None };
        if others.is_empty() {
            return self.last(first, expected, rest);
        }
        match first {
            Stmt::Local(local) => {
                let source = local.init.as_ref().map(|init| &*init.expr);
                match source {
                    Some(source) if returns(source) => {
                        self.after_return(source, others);
                        let annotation = self.annotation(local);
                        return self.flow(source, &annotation, &mut |checker, value| {
                            checker.bind_local(local, value, &annotation);
                            checker.statements(others, expected, rest)
                        });
                    }
                    _ => self.local(local),
                }
            }
            Stmt::Expr(expression, _) if returns(expression) && !refuse::is_refused(expression) => {
                self.after_return(expression, others);
                return self.flow(expression, &Expected::Nothing, &mut |checker, _| {
                    checker.statements(others, expected, rest)
                });
            }
            other => self.statement(other),
        }
        self.statements(others, expected, rest)
    }

    /// Refuses statements that nothing reaches.
    fn after_return(&mut self, expression: &Expr, others: &[Stmt]) {
        if always_returns(expression)
            && let [next, ..] = others
        {
            let message = "the function has returned before this: leave it out, or put `return` \
                           into an `if`";
            self.errors.at(next, message);
        }
    }

    fn last(&mut self, last: &Stmt, expected: &Expected, rest: &mut Rest<'_, 'a>) -> Option<Flow> {
        let is_statement = matches!(expected, Expected::Nothing);
        match last {
            Stmt::Expr(expression, _) if is_statement && !returns(expression) => {
                self.statement(last);
                rest(self, Some(Given::NOTHING))
            }
            Stmt::Expr(expression, None) => self.flow(expression, expected, rest),
            Stmt::Expr(expression, Some(_))
                if (is_statement || always_returns(expression)) && returns(expression) =>
            {
                self.flow(expression, &Expected::Nothing, rest)
            }
            Stmt::Expr(expression, Some(semicolon)) if !refuse::is_refused(expression) => {
                self.value(expression, expected);
                self.errors.at(semicolon, "a block ends with its value: leave this `;` out");
                None
            }
            Stmt::Local(local) if is_statement => {
                self.local(local);
                rest(self, Some(Given::NOTHING))
            }
            Stmt::Local(local) => {
                self.local(local);
                self.errors.at(local, "a block ends with its value, after the last `let`");
                None
            }
            other => {
                self.statement(other);
                None
            }
        }
    }

    /// A statement that does not return.
    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Local(local) => self.local(local),
            Stmt::Expr(expression, _) if refuse::is_refused(expression) => {
                self.errors.push(refuse::expression(expression));
            }
            Stmt::Expr(Expr::If(choice), _) => {
                let message = "`if` gives a value: bind it, as in `let a = if b < c { b } else { c };`, \
                               make it the last of the block, or `return` in it";
                self.errors.at(choice.if_token, message);
            }
            Stmt::Expr(Expr::Match(choice), _) => {
                let message = "`match` gives a value: bind it, as in `let a = match b { .. };`, make it \
                               the last of the block, or `return` in it";
                self.errors.at(choice.match_token, message);
            }
            Stmt::Expr(expression, _) => {
                self.errors.at(expression, UNUSED);
            }
            Stmt::Item(item) => {
                let message = "an item cannot stand in a function of this language: only `let` can";
                self.errors.at(item, message);
            }
            Stmt::Macro(call) => self.errors.push(refuse::macro_call(&call.mac)),
        }
    }

    /// The value of an expression that does not return.
    pub fn joined_value(&mut self, expression: &Expr, expected: &Expected) -> Option<Given> {
        if let Some(found) = first_return(expression) {
            self.errors.at(found.return_token, refuse::RETURN);
            return None;
        }
        self.flow(expression, expected, &mut |_, value| Flow::value(value))?.value
    }
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use crate::check::check;
    use crate::emit::host_text;
    use crate::errors::Errors;
    use crate::kind::Kind;
    use crate::signature::Signature;

    fn text(source: ItemFn) -> String {
        let mut errors = Errors::default();
        let signature = Signature::parse(Kind::Score, Default::default(), &source, &mut errors);
        let function = check(&signature, &source.block, &mut errors).expect("no errors");
        host_text(&signature.parameters, &function).to_string()
    }

    #[test]
    fn what_follows_a_return_is_the_other_side() {
        let returned = text(parse_quote! {
            fn f(score: f32, low: f32) -> f32 {
                if score < low {
                    return low.exp();
                } else if score > 9.0 {
                    return 9.0;
                }
                let score = score - low;
                score.ln()
            }
        });
        let chosen = text(parse_quote! {
            fn f(score: f32, low: f32) -> f32 {
                if score < low {
                    low.exp()
                } else if score > 9.0 {
                    9.0
                } else {
                    let score = score - low;
                    score.ln()
                }
            }
        });
        // Names differ: they count what was read.
        let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
        assert_eq!(shape(&returned), shape(&chosen));
    }

    #[test]
    fn what_follows_two_ways_on_is_written_once() {
        let text = text(parse_quote! {
            fn f(score: f32, kind: u32) -> f32 {
                let scaled = match kind {
                    0 => return 0.5,
                    1 => score * 2.0,
                    2 => score * 3.0,
                    _ => return score,
                };
                scaled.tanh()
            }
        });
        assert_eq!(text.matches("tanh").count(), 1, "{text}");
    }
}
