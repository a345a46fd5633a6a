//! From a function's body to its steps: names are resolved, types checked, calls written out.
//!
//! Everything the language does not say is refused here, at its exact place and with the form
//! to write instead. An error in one expression does not hide those in others.

use std::collections::HashMap;

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, Member};

use crate::builder::Builder;
use crate::errors::Errors;
use crate::given::{Expected, Given};
use crate::index::{self, Tables};
use crate::ir::{Function, Input, Operand, Type};
use crate::kind::Kind;
use crate::literal::{self, Checked};
use crate::near::{list, near};
use crate::signature::Signature;
use crate::{call, refuse};

/// What a name stands for.
#[derive(Clone)]
pub enum Binding {
    Value(Given),
    Position,
    /// A parameter that is a table, by its place.
    Table(usize),
    /// Its definition has an error of its own.
    Unknown,
}

/// The steps of `body`, or nothing where it has errors.
pub fn check(signature: &Signature, body: &syn::Block, errors: &mut Errors) -> Option<Function> {
    let mut checker = Checker::new(signature, errors);
    let names = signature.parameters.iter().map(|parameter| Some(&parameter.name)).collect();
    checker.bind_arguments(
        signature,
        signature.subject.as_ref(),
        signature.position.as_ref(),
        names,
    );
    let result = checker.body(body)?;
    let (function, tables, errors) = checker.finish(result)?;
    tables.check(signature, &function, errors);
    errors.is_empty().then_some(function)
}

pub struct Checker<'a> {
    pub builder: Builder,
    pub scopes: Vec<HashMap<String, Binding>>,
    pub tables: Tables,
    pub kind: Kind,
    /// The type of the function's result.
    pub result: Type,
    pub errors: &'a mut Errors,
}

impl<'a> Checker<'a> {
    pub fn new(signature: &Signature, errors: &'a mut Errors) -> Checker<'a> {
        let (builder, scopes) = (Builder::new(), vec![HashMap::new()]);
        let tables = Tables::of(signature);
        Checker { builder, scopes, tables, kind: signature.kind, result: signature.result, errors }
    }

    /// Makes every argument an input, under the names that the body gives them.
    pub fn bind_arguments(
        &mut self,
        signature: &Signature,
        subject: Option<&syn::Ident>,
        position: Option<&syn::Ident>,
        parameters: Vec<Option<&syn::Ident>>,
    ) {
        if signature.subject.is_some() {
            self.bind_argument(Input::Subject, Type::F32, subject);
        }
        for &feature in &signature.features {
            let name = syn::Ident::new(feature.name(), proc_macro2::Span::call_site());
            self.bind_argument(Input::Feature(feature), Type::F32, Some(&name));
        }
        if let Some(position) = position {
            self.bind(position, Binding::Position);
        }
        for (place, (parameter, name)) in signature.parameters.iter().zip(parameters).enumerate() {
            match (parameter.table, parameter.learned) {
                (true, _) => {
                    if let Some(name) = name {
                        self.bind(name, Binding::Table(place));
                    }
                }
                (false, true) => {
                    let operand = index::learned_number(self, place);
                    self.bind_operand(operand, parameter.ty, name);
                }
                (false, false) => self.bind_argument(Input::Parameter(place), parameter.ty, name),
            }
        }
    }

    fn bind_argument(&mut self, input: Input, ty: Type, name: Option<&syn::Ident>) {
        let operand = self.builder.input(input, ty);
        self.bind_operand(operand, ty, name);
    }

    fn bind_operand(&mut self, operand: Operand, ty: Type, name: Option<&syn::Ident>) {
        if let Some(name) = name {
            self.builder.set_name(operand, &name.unraw().to_string());
            self.bind(name, Binding::Value(Given::typed(operand, ty)));
        }
    }

    /// The function and what is known of its tables, unless it has errors.
    pub fn finish(self, result: Operand) -> Option<(Function, Tables, &'a mut Errors)> {
        let Checker { builder, tables, errors, .. } = self;
        errors.is_empty().then(|| (builder.finish(vec![result]), tables, errors))
    }
}

impl Checker<'_> {
    pub fn bind(&mut self, name: &syn::Ident, binding: Binding) {
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

    pub fn lookup(&self, name: &str) -> Option<Binding> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).cloned()
    }

    /// A single value, or nothing after an error. `expected` is the type that a bare integer
    /// literal or a call takes.
    pub fn expression(&mut self, expression: &Expr, expected: Option<Type>) -> Option<Checked> {
        match self.value(expression, &Expected::of(expected))? {
            Given::One(value) => Some(value),
            tuple => {
                let message = format!(
                    "this is {} and one value is needed: take it apart, as in `let (a, b) = c;`",
                    tuple.describe()
                );
                self.errors.at(expression, message);
                None
            }
        }
    }

    /// What an expression gives, or nothing after an error.
    pub fn value(&mut self, expression: &Expr, expected: &Expected) -> Option<Given> {
        let one = expected.one();
        match expression {
            Expr::Paren(inner) => self.value(&inner.expr, expected),
            Expr::Group(inner) => self.value(&inner.expr, expected),
            Expr::Block(inner) if inner.label.is_none() && inner.attrs.is_empty() => {
                self.joined_value(expression, expected)
            }
            Expr::If(_) | Expr::Match(_) => self.joined_value(expression, expected),
            Expr::Tuple(tuple) if !tuple.elems.is_empty() => self.tuple(tuple, expected),
            Expr::Path(path) => self.path(path),
            Expr::Field(inner) => self.field(inner),
            Expr::Lit(inner) => self.literal(inner, one).map(Given::One),
            Expr::Unary(inner) => self.unary(inner, one).map(Given::One),
            Expr::Binary(inner) => self.binary(inner, one).map(Given::One),
            Expr::Cast(inner) => self.cast(inner).map(Given::One),
            Expr::MethodCall(inner) => call::method(self, inner).map(Given::One),
            Expr::Call(inner) => call::function(self, inner, one).map(Given::One),
            Expr::Index(inner) => index::read(self, inner).map(Given::One),
            other => {
                self.errors.push(refuse::expression(other));
                None
            }
        }
    }

    fn literal(&mut self, literal: &syn::ExprLit, expected: Option<Type>) -> Option<Checked> {
        let value = literal::read(&literal.lit).map_err(|error| self.errors.push(error)).ok()?;
        match (value, expected) {
            (Checked::Integer(_), Some(ty)) if ty.is_integer() => {
                let (operand, ty) = self.expect(value, ty, literal, "this place")?;
                Some(Checked::Typed(operand, ty))
            }
            _ => Some(value),
        }
    }

    fn tuple(&mut self, tuple: &syn::ExprTuple, expected: &Expected) -> Option<Given> {
        let parts: Vec<Option<Given>> = tuple
            .elems
            .iter()
            .enumerate()
            .map(|(place, element)| {
                let expected = expected.part(place);
                let given = self.value(element, &expected)?;
                self.conform(given, &expected, element, "this place of the tuple")
            })
            .collect();
        parts.into_iter().collect::<Option<Vec<Given>>>().map(Given::Tuple)
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

    fn path(&mut self, path: &syn::ExprPath) -> Option<Given> {
        if let Some(name) = path.path.get_ident() {
            let text = name.unraw().to_string();
            return match self.lookup(&text) {
                Some(Binding::Value(value)) => Some(value),
                Some(Binding::Unknown) => None,
                Some(Binding::Position) => {
                    let fields = self.kind.fields().map(|(name, _)| name);
                    let (example, fields) = (fields[2], list(fields));
                    let message = format!(
                        "a position is read by its fields, as in `{text}.{example}`: {fields}"
                    );
                    self.errors.at(name, message);
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
                        [] => "a function of this language sees its arguments, its own `let`s and \
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
            Some(operand) => Some(Given::typed(operand, self.builder.type_of(operand))),
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

    fn field(&mut self, field: &syn::ExprField) -> Option<Given> {
        let base = match &*field.base {
            Expr::Path(path) => path.path.get_ident().map(|name| name.unraw().to_string()),
            _ => None,
        };
        match base.as_deref().and_then(|name| self.lookup(name)) {
            Some(Binding::Position) => self.position_field(&field.member),
            Some(Binding::Unknown) => None,
            // An unknown name, or an expression with a value of its own.
            _ => match self.value(&field.base, &Expected::Open)? {
                Given::Tuple(parts) => self.tuple_field(&field.member, parts),
                Given::One(_) => {
                    let message = "only the position and tuples have fields, as in `at.query`";
                    self.errors.at(field, message);
                    None
                }
            },
        }
    }

    fn tuple_field(&mut self, member: &Member, mut parts: Vec<Given>) -> Option<Given> {
        match member {
            Member::Unnamed(index) if (index.index as usize) < parts.len() => {
                Some(parts.swap_remove(index.index as usize))
            }
            member => {
                let name = member.to_token_stream();
                let fields = list((0..parts.len()).map(|place| place.to_string()));
                self.errors
                    .at(member, format!("this tuple has no field `{name}`; it has {fields}"));
                None
            }
        }
    }

    fn position_field(&mut self, member: &Member) -> Option<Given> {
        let known = match member {
            Member::Named(name) => {
                self.kind.fields().into_iter().find(|(known, _)| name == known).map(|(_, one)| one)
            }
            Member::Unnamed(_) => None,
        };
        let Some(known) = known else {
            let name = member.to_token_stream();
            let (ty, fields) =
                (self.kind.position_type(), list(self.kind.fields().map(|(name, _)| name)));
            self.errors.at(member, format!("`{ty}` has no field `{name}`; it has {fields}"));
            return None;
        };
        if self.kind == Kind::Sink && known == "key" {
            let message = "a sink belongs to a row of queries, not to a key: it may depend on \
                           `batch`, `head`, `query`, `queries` and `keys`";
            self.errors.at(member, message);
            return None;
        }
        Some(Given::typed(self.builder.input(Input::Field(known), Type::U32), Type::U32))
    }
}
