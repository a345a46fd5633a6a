//! Patterns: names and tuples in `let`, constants and ranges in `match`.

use quote::ToTokens;
use syn::{Expr, Local, Pat, RangeLimits};

use crate::check::{Binding, Checker};
use crate::given::{Expected, Given, tuple_form};
use crate::ir::{Binary, Operand, Type, Unary};
use crate::literal::{self, Checked};

const LET_FORM: &str = "`let` binds a name or a tuple of names, as in `let a = b + c;` or \
                        `let (a, b) = (b, a);`";

const MATCH_FORM: &str = "a pattern is a whole number, `true`, `false`, a range, a name, `_` or a tuple \
                          of these, as in `0 | 1`, `2..=5`, `n if n > 9` or `(0, _)`";

impl Checker<'_> {
    /// A `let` that does not return.
    pub fn local(&mut self, local: &Local) {
        let annotation = self.annotation(local);
        let value = match &local.init {
            None => {
                self.errors.at(local, "`let` needs a value, as in `let a = b + c;`");
                None
            }
            Some(init) => self.value(&init.expr, &annotation),
        };
        self.bind_local(local, value, &annotation);
    }

    /// The type that a `let` states.
    pub fn annotation(&mut self, local: &Local) -> Expected {
        let Pat::Type(typed) = &local.pat else { return Expected::Open };
        Expected::parse(&typed.ty).unwrap_or_else(|place| {
            let message = "a value is `f32`, `u32`, `i32` or `bool`, or a tuple of these";
            self.errors.at(place, message);
            Expected::Open
        })
    }

    pub fn bind_local(&mut self, local: &Local, value: Option<Given>, annotation: &Expected) {
        let pattern = match &local.pat {
            Pat::Type(typed) => &*typed.pat,
            pattern => pattern,
        };
        let mut value = value;
        if let Some(init) = &local.init {
            if let Some((_, diverge)) = &init.diverge {
                self.errors.at(diverge, "`let ... else` cannot be used here: use `if` and `else`");
            }
            value =
                value.and_then(|value| self.conform(value, annotation, &init.expr, "this `let`"));
        }
        self.bind_pattern(pattern, value);
    }

    fn bind_pattern(&mut self, pattern: &Pat, value: Option<Given>) {
        match pattern {
            Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => {
                if let Some(token) = &ident.mutability {
                    let name = &ident.ident;
                    self.errors.at(
                        token,
                        format!(
                            "names do not change here: leave `mut` out and bind the new value again, \
                             as in `let {name} = {name} + 1.0;`"
                        ),
                    );
                }
                self.bind_value(&ident.ident, value);
            }
            Pat::Wild(_) => {}
            Pat::Paren(inner) => self.bind_pattern(&inner.pat, value),
            Pat::Tuple(tuple) => {
                let parts = match value {
                    Some(Given::Tuple(parts)) if parts.len() == tuple.elems.len() => Some(parts),
                    Some(other) => {
                        let form = match &other {
                            Given::Tuple(parts) => tuple_form(parts.len()),
                            Given::One(_) => "a".to_owned(),
                        };
                        let message = format!(
                            "this takes a tuple of {} apart, and the value is {}: write \
                             `let {form} = ..;`",
                            tuple.elems.len(),
                            other.describe()
                        );
                        self.errors.at(tuple, message);
                        None
                    }
                    None => None,
                };
                for (place, element) in tuple.elems.iter().enumerate() {
                    self.bind_pattern(element, parts.as_ref().map(|parts| parts[place].clone()));
                }
            }
            other => self.errors.at(other, LET_FORM),
        }
    }

    fn bind_value(&mut self, name: &syn::Ident, value: Option<Given>) {
        if let Some(Given::One(Checked::Typed(operand, _))) = &value {
            self.builder.set_name(*operand, &name.to_string());
        }
        self.bind(name, value.map_or(Binding::Unknown, Binding::Value));
    }

    /// Whether the subject of a `match` is of this pattern, whose names are bound.
    pub fn pattern(&mut self, pattern: &Pat, subject: Option<&Given>) -> Option<Operand> {
        match pattern {
            Pat::Wild(_) => Some(Operand::Bool(true)),
            Pat::Paren(inner) => self.pattern(&inner.pat, subject),
            Pat::Ident(name) if name.by_ref.is_none() && name.mutability.is_none() => {
                let text = name.ident.to_string();
                if text.starts_with(|first: char| first.is_uppercase()) {
                    let message = format!(
                        "`{text}` is known to rustc alone: write the number, or compare with a \
                         parameter in a guard, as in `n if n == {}`",
                        text.to_lowercase()
                    );
                    self.errors.at(&name.ident, message);
                    return None;
                }
                self.bind_value(&name.ident, subject.cloned());
                match &name.subpat {
                    Some((_, inner)) => self.pattern(inner, subject),
                    None => Some(Operand::Bool(true)),
                }
            }
            Pat::Or(cases) => {
                let mut any = Some(Operand::Bool(false));
                for case in &cases.cases {
                    if let Some(name) = first_name(case) {
                        let message = "an alternative binds no name: give it an arm of its own, or bind \
                                       the whole, as in `n @ (0 | 1)`";
                        self.errors.at(name, message);
                    }
                    let test = self.pattern(case, subject);
                    any = any.zip(test).map(|(a, b)| self.builder.binary(Binary::Or, a, b));
                }
                any
            }
            Pat::Tuple(tuple) => {
                let parts = match subject? {
                    Given::Tuple(parts) if parts.len() == tuple.elems.len() => parts,
                    other => {
                        let form = match other {
                            Given::Tuple(parts) => tuple_form(parts.len()),
                            Given::One(_) => "0".to_owned(),
                        };
                        let message = format!(
                            "this pattern is a tuple of {}, and the value is {}: write `{form} => ..`",
                            tuple.elems.len(),
                            other.describe()
                        );
                        self.errors.at(tuple, message);
                        return None;
                    }
                };
                let mut all = Some(Operand::Bool(true));
                for (element, part) in tuple.elems.iter().zip(parts) {
                    let test = self.pattern(element, Some(part));
                    all = all.zip(test).map(|(a, b)| self.builder.binary(Binary::And, a, b));
                }
                all
            }
            Pat::Lit(literal) => {
                let (subject, ty) = self.subject(subject?, pattern)?;
                let constant = self.constant(&Expr::Lit(literal.clone()), ty)?;
                Some(match constant {
                    Operand::Bool(true) => subject,
                    Operand::Bool(false) => self.builder.unary(Unary::Not, subject),
                    constant => self.builder.binary(Binary::Equal, subject, constant),
                })
            }
            Pat::Path(path) => {
                let (subject, ty) = self.subject(subject?, pattern)?;
                let constant = self.constant(&Expr::Path(path.clone()), ty)?;
                Some(self.builder.binary(Binary::Equal, subject, constant))
            }
            Pat::Range(range) => self.range(range, subject?),
            other => {
                self.errors.at(other, MATCH_FORM);
                None
            }
        }
    }

    fn range(&mut self, range: &syn::PatRange, subject: &Given) -> Option<Operand> {
        let (subject, ty) = self.subject(subject, &Pat::Range(range.clone()))?;
        if !ty.is_integer() {
            self.errors.at(
                range,
                format!(
                    "a range is of whole numbers, and the value is `{ty}`: write `true` or `_`"
                ),
            );
            return None;
        }
        let mut test = Operand::Bool(true);
        if let Some(start) = &range.start {
            let start = self.constant(start, ty)?;
            let above = self.builder.binary(Binary::GreaterEqual, subject, start);
            test = self.builder.binary(Binary::And, test, above);
        }
        if let Some(end) = &range.end {
            let end = self.constant(end, ty)?;
            let comparison = match range.limits {
                RangeLimits::Closed(_) => Binary::LessEqual,
                RangeLimits::HalfOpen(_) => Binary::Less,
            };
            let below = self.builder.binary(comparison, subject, end);
            test = self.builder.binary(Binary::And, test, below);
        }
        Some(test)
    }

    /// The value that a constant is compared with.
    fn subject(&mut self, subject: &Given, pattern: &Pat) -> Option<(Operand, Type)> {
        match subject {
            Given::One(Checked::Typed(_, Type::F32)) => {
                let message = "the value is `f32`, and `match` is for whole numbers and truths: compare \
                               with `if`, as in `if a < 1.0 { b } else { c }`";
                self.errors.at(pattern, message);
                None
            }
            Given::One(value) => self.typed(*value, pattern),
            Given::Tuple(parts) => {
                let message = format!(
                    "the value is a tuple of {}: write a pattern for each part",
                    parts.len()
                );
                self.errors.at(pattern, message);
                None
            }
        }
    }

    /// A constant in a pattern.
    fn constant(&mut self, expression: &Expr, ty: Type) -> Option<Operand> {
        let value = match expression {
            Expr::Lit(literal) => {
                literal::read(&literal.lit).map_err(|e| self.errors.push(e)).ok()?
            }
            Expr::Path(path) => match literal::constant(&path.path) {
                Some(operand) => Checked::Typed(operand, self.builder.type_of(operand)),
                None => {
                    self.errors.at(path, MATCH_FORM);
                    return None;
                }
            },
            other => {
                self.errors.at(other, MATCH_FORM);
                return None;
            }
        };
        match value {
            Checked::Typed(_, given) if given != ty => {
                let form = match ty {
                    Type::Bool => "`true` or `false`",
                    _ => "a whole number, as in `3`",
                };
                let message =
                    format!("the value of this `match` is `{ty}`, not `{given}`: write {form}");
                self.errors.at(expression, message);
                None
            }
            value => self.expect(value, ty, expression, "a pattern").map(|typed| typed.0),
        }
    }

    /// Bare integer literals become `i32`, as in Rust.
    pub fn settle(&mut self, given: Given, place: &Expr) -> Option<Given> {
        let leaves: Vec<Option<Checked>> = given
            .leaves()
            .into_iter()
            .map(|leaf| self.typed(leaf, place).map(|(operand, ty)| Checked::Typed(operand, ty)))
            .collect();
        let leaves = leaves.into_iter().collect::<Option<Vec<Checked>>>()?;
        Some(given.with_leaves(&mut leaves.into_iter()))
    }
}

/// The first name that a pattern binds.
fn first_name(pattern: &Pat) -> Option<proc_macro2::TokenStream> {
    match pattern {
        Pat::Ident(name) => Some(name.to_token_stream()),
        Pat::Paren(inner) => first_name(&inner.pat),
        Pat::Tuple(tuple) => tuple.elems.iter().find_map(first_name),
        Pat::Or(cases) => cases.cases.iter().find_map(first_name),
        _ => None,
    }
}
