//! From a function's body to its steps: names are resolved, types checked, calls written out.
//!
//! Everything the language does not say is refused here, at its exact place and with the form
//! to write instead. An error in one expression does not hide those in others.

use std::collections::HashMap;

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, ExprIf, Local, Member, Pat, Stmt};

use crate::builder::Builder;
use crate::errors::Errors;
use crate::index::{self, Tables};
use crate::ir::{Block, Function, Input, Operand, Type};
use crate::literal::{self, Checked};
use crate::near::{list, near};
use crate::signature::{Signature, type_name};
use crate::{call, refuse};

/// The fields of `Position`; each is a `u32`.
pub const FIELDS: [&str; 6] = ["batch", "head", "query", "key", "queries", "keys"];

/// What a name stands for.
#[derive(Clone, Copy)]
enum Binding {
    Value(Checked),
    Position,
    /// A parameter that is a table, by its place.
    Table(usize),
    /// Its definition has an error of its own.
    Unknown,
}

/// The steps of `body`, or nothing where it has errors.
pub fn check(signature: &Signature, body: &syn::Block, errors: &mut Errors) -> Option<Function> {
    let mut checker = Checker {
        builder: Builder::new(),
        scopes: vec![HashMap::new()],
        tables: Tables::of(signature),
        errors,
    };
    if let Some(score) = &signature.score {
        let operand = checker.builder.input(Input::Score, Type::F32);
        checker.bind(score, Binding::Value(Checked::Typed(operand, Type::F32)));
    }
    if let Some(position) = &signature.position {
        checker.bind(position, Binding::Position);
    }
    for (place, parameter) in signature.parameters.iter().enumerate() {
        let binding = match (parameter.table, parameter.learned) {
            (true, _) => Binding::Table(place),
            (false, true) => Binding::Value(index::learned_number(&mut checker, place)),
            (false, false) => {
                let operand = checker.builder.input(Input::Parameter(place), parameter.ty);
                Binding::Value(Checked::Typed(operand, parameter.ty))
            }
        };
        checker.bind(&parameter.name, binding);
    }
    let result = checker.block(body, Some(signature.kind.result()))?;
    let place = checker.tail_of(body);
    let (result, _) = checker.expect(result, signature.kind.result(), &place, "the result")?;
    let Checker { builder, tables, .. } = checker;
    if !errors.is_empty() {
        return None;
    }
    let function = builder.finish(vec![result]);
    tables.check(signature, &function, errors);
    errors.is_empty().then_some(function)
}

pub struct Checker<'a> {
    pub builder: Builder,
    scopes: Vec<HashMap<String, Binding>>,
    pub tables: Tables,
    pub errors: &'a mut Errors,
}

impl Checker<'_> {
    fn bind(&mut self, name: &syn::Ident, binding: Binding) {
        let scope = self.scopes.last_mut().expect("the function's own scope is open");
        scope.insert(name.unraw().to_string(), binding);
    }

    /// The table that a name stands for, by its place.
    pub fn table(&self, name: &str) -> Option<usize> {
        match self.lookup(name) {
            Some(Binding::Table(place)) => Some(place),
            _ => None,
        }
    }

    fn lookup(&self, name: &str) -> Option<Binding> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).copied()
    }

    /// The tokens to blame for a block's result.
    fn tail_of(&self, block: &syn::Block) -> proc_macro2::TokenStream {
        match block.stmts.last() {
            Some(last) => last.to_token_stream(),
            None => block.to_token_stream(),
        }
    }

    fn block(&mut self, block: &syn::Block, expected: Option<Type>) -> Option<Checked> {
        self.scopes.push(HashMap::new());
        let result = self.statements(block, expected);
        self.scopes.pop();
        result
    }

    fn statements(&mut self, block: &syn::Block, expected: Option<Type>) -> Option<Checked> {
        let Some((last, before)) = block.stmts.split_last() else {
            self.errors.at(block, "a block ends with its value, as in `{ a + b }`");
            return None;
        };
        for statement in before {
            self.statement(statement);
        }
        match last {
            Stmt::Expr(expression, None) => self.expression(expression, expected),
            Stmt::Expr(expression, Some(semicolon)) if !refuse::is_refused(expression) => {
                self.expression(expression, expected);
                self.errors.at(semicolon, "a block ends with its value: leave this `;` out");
                None
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

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Local(local) => self.local(local),
            Stmt::Expr(expression, _) if refuse::is_refused(expression) => {
                self.errors.push(refuse::expression(expression));
            }
            Stmt::Expr(Expr::If(branch), _) => {
                let message = "`if` gives a value: bind it, as in `let a = if b < c { b } else { c };`, \
                               or make it the last of the block";
                self.errors.at(branch.if_token, message);
            }
            Stmt::Expr(expression, _) => {
                let message = "this value is not used: only `let` stands before a block's value";
                self.errors.at(expression, message);
            }
            Stmt::Item(item) => {
                let message = "an item cannot stand in a score or mask function: only `let` can";
                self.errors.at(item, message);
            }
            Stmt::Macro(call) => self.errors.push(refuse::macro_call(&call.mac)),
        }
    }

    fn local(&mut self, local: &Local) {
        let (pattern, annotation) = match &local.pat {
            Pat::Type(typed) => (&*typed.pat, Some(&typed.ty)),
            pattern => (pattern, None),
        };
        let name = match pattern {
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
                Some(&ident.ident)
            }
            Pat::Wild(_) => None,
            other => {
                self.errors.at(other, "`let` binds one name, as in `let a = b + c;`");
                None
            }
        };
        let mut binding = Binding::Unknown;
        match &local.init {
            None => self.errors.at(local, "`let` needs a value, as in `let a = b + c;`"),
            Some(init) => {
                if let Some((_, diverge)) = &init.diverge {
                    self.errors
                        .at(diverge, "`let ... else` cannot be used here: use `if` and `else`");
                }
                let ty = annotation.and_then(|ty| {
                    let known = type_name(ty).as_deref().and_then(Type::from_name);
                    if known.is_none() {
                        self.errors.at(ty, "a value is `f32`, `u32`, `i32` or `bool`");
                    }
                    known
                });
                if let Some(value) = self.expression(&init.expr, ty) {
                    binding = match ty {
                        None => Binding::Value(value),
                        Some(ty) => match self.expect(value, ty, &init.expr, "this `let`") {
                            Some((operand, ty)) => Binding::Value(Checked::Typed(operand, ty)),
                            None => Binding::Unknown,
                        },
                    };
                }
            }
        }
        if let Some(name) = name {
            self.bind(name, binding);
        }
    }

    /// The value of an expression, or nothing after an error. `expected` is the type that a bare
    /// integer literal takes.
    pub fn expression(&mut self, expression: &Expr, expected: Option<Type>) -> Option<Checked> {
        match expression {
            Expr::Paren(inner) => self.expression(&inner.expr, expected),
            Expr::Group(inner) => self.expression(&inner.expr, expected),
            Expr::Lit(inner) => {
                let value =
                    literal::read(&inner.lit).map_err(|error| self.errors.push(error)).ok()?;
                match (value, expected) {
                    (Checked::Integer(_), Some(ty)) if ty.is_integer() => {
                        let (operand, ty) = self.expect(value, ty, inner, "this place")?;
                        Some(Checked::Typed(operand, ty))
                    }
                    _ => Some(value),
                }
            }
            Expr::Path(path) => self.path(path),
            Expr::Block(inner) if inner.label.is_none() && inner.attrs.is_empty() => {
                self.block(&inner.block, expected)
            }
            Expr::If(inner) => self.branch(inner, expected),
            Expr::Unary(inner) => self.unary(inner, expected),
            Expr::Binary(inner) => self.binary(inner, expected),
            Expr::Cast(inner) => self.cast(inner),
            Expr::Field(inner) => self.field(inner),
            Expr::MethodCall(inner) => call::method(self, inner),
            Expr::Index(inner) => index::read(self, inner),
            other => {
                self.errors.push(refuse::expression(other));
                None
            }
        }
    }

    /// The operand for a value where type `ty` is needed.
    pub fn expect(
        &mut self,
        value: Checked,
        ty: Type,
        place: impl ToTokens,
        whose: &str,
    ) -> Option<(Operand, Type)> {
        match value {
            Checked::Typed(operand, given) if given == ty => Some((operand, ty)),
            Checked::Typed(_, given) => {
                let hint = literal::cast_hint(given, ty);
                self.errors.at(place, format!("{whose} is `{ty}` and this is `{given}`{hint}"));
                None
            }
            Checked::Integer(number) => match literal::integer(number, ty) {
                Ok(operand) => Some((operand, ty)),
                Err(message) => {
                    self.errors.at(place, message);
                    None
                }
            },
        }
    }

    /// A value that must have a type by now; a bare integer literal becomes `i32`, as in Rust.
    pub fn typed(&mut self, value: Checked, place: impl ToTokens) -> Option<(Operand, Type)> {
        match value {
            Checked::Typed(operand, ty) => Some((operand, ty)),
            Checked::Integer(_) => self.expect(value, Type::I32, place, "this place"),
        }
    }

    fn path(&mut self, path: &syn::ExprPath) -> Option<Checked> {
        if let Some(name) = path.path.get_ident() {
            let text = name.unraw().to_string();
            return match self.lookup(&text) {
                Some(Binding::Value(value)) => Some(value),
                Some(Binding::Unknown) => None,
                Some(Binding::Position) => {
                    let fields = list(FIELDS);
                    self.errors.at(
                        name,
                        format!("a position is read by its fields, as in `{text}.query`: {fields}"),
                    );
                    None
                }
                Some(Binding::Table(place)) => {
                    let message = self.tables.must_be_indexed(place);
                    self.errors.at(name, message);
                    None
                }
                None => {
                    let known: Vec<&String> = self.scopes.iter().flat_map(HashMap::keys).collect();
                    let close = near(&text, known.into_iter().map(String::as_str));
                    let hint = match close.as_slice() {
                        [] => "a score or mask function sees its arguments, its own `let`s and \
                               constants such as `f32::INFINITY` and `core::f32::consts::PI`"
                            .to_owned(),
                        close => format!("did you mean {}?", list(close)),
                    };
                    self.errors.at(name, format!("there is no `{text}` here: {hint}"));
                    None
                }
            };
        }
        match literal::constant(&path.path) {
            Some(operand) => Some(Checked::Typed(operand, self.builder.type_of(operand))),
            None => {
                let known = list(literal::CONSTANTS.iter().map(|constant| constant.0));
                let message = format!(
                    "this constant is not known here; the known ones are those of \
                     `core::f32::consts`, {known}"
                );
                self.errors.at(path, message);
                None
            }
        }
    }

    fn branch(&mut self, branch: &ExprIf, expected: Option<Type>) -> Option<Checked> {
        if let Expr::Let(pattern) = &*branch.cond {
            let message = "`if let` cannot be used here: a condition is a `bool`, as in `a < b`";
            self.errors.at(pattern, message);
            return None;
        }
        let condition = self.expression(&branch.cond, None);
        let condition =
            condition.and_then(|value| self.expect(value, Type::Bool, &branch.cond, "a condition"));

        self.builder.open();
        let then = self.block(&branch.then_branch, expected);
        let then_steps = self.builder.close();
        let Some((_, otherwise)) = &branch.else_branch else {
            let message = "`if` needs an `else` here: both give a value, as in \
                           `if a < b { a } else { b }`";
            self.errors.at(branch.if_token, message);
            return None;
        };
        let expected = match then {
            Some(Checked::Typed(_, ty)) => Some(ty),
            _ => expected,
        };
        self.builder.open();
        let other = match &**otherwise {
            Expr::Block(block) => self.block(&block.block, expected),
            other => self.expression(other, expected),
        };
        let other_steps = self.builder.close();

        let (condition, _) = condition?;
        let (then, other) = (then?, other?);
        if let (Checked::Integer(_), Checked::Integer(_)) = (then, other) {
            // Both are bare literals, and nothing around them says more.
            let then = self.typed(then, &branch.then_branch)?;
            let other = self.typed(other, otherwise)?;
            let value = self.builder.select(condition, then.0, other.0);
            return Some(Checked::Typed(value, Type::I32));
        }
        let (then, other, ty) = match (then, other) {
            (Checked::Typed(operand, ty), other) => {
                let (other, _) = self.expect(other, ty, otherwise, "the value of `if`")?;
                (operand, other, ty)
            }
            (then, Checked::Typed(operand, ty)) => {
                let place = &branch.then_branch;
                let (then, _) = self.expect(then, ty, place, "the value of `else`")?;
                (then, operand, ty)
            }
            _ => return None,
        };
        let then = Block::new(then_steps, vec![then]);
        let other = Block::new(other_steps, vec![other]);
        let value = self.builder.branch(condition, then, other)[0];
        Some(Checked::Typed(value, ty))
    }

    fn field(&mut self, field: &syn::ExprField) -> Option<Checked> {
        let base = match &*field.base {
            Expr::Path(path) => path.path.get_ident().map(|name| name.unraw().to_string()),
            _ => None,
        };
        match base.as_deref().and_then(|name| self.lookup(name)) {
            Some(Binding::Position) => {}
            Some(Binding::Unknown) => return None,
            Some(Binding::Value(_) | Binding::Table(_)) => {
                self.errors.at(field, "only the position has fields, as in `at.query`");
                return None;
            }
            None => {
                // An unknown name, or an expression with a value of its own.
                if self.expression(&field.base, None).is_some() {
                    self.errors.at(field, "only the position has fields, as in `at.query`");
                }
                return None;
            }
        }
        let known = match &field.member {
            Member::Named(name) => FIELDS.into_iter().find(|known| name == known),
            Member::Unnamed(_) => None,
        };
        let Some(known) = known else {
            let name = field.member.to_token_stream();
            let fields = list(FIELDS);
            self.errors
                .at(&field.member, format!("`Position` has no field `{name}`; it has {fields}"));
            return None;
        };
        Some(Checked::Typed(self.builder.input(Input::Field(known), Type::U32), Type::U32))
    }
}
