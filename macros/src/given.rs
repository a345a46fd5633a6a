//! Values and tuples of them, and what their place says about their types.

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::arguments::type_name;
use crate::check::Checker;
use crate::ir::{Operand, Type};
use crate::literal::{self, Checked};

/// What an expression gives.
#[derive(Clone, Debug)]
pub enum Given {
    One(Checked),
    /// With no parts: nothing, as an `if` without `else` gives.
    Tuple(Vec<Given>),
}

/// What is known about an expression's type before it is read.
#[derive(Clone, Debug)]
pub enum Expected {
    Open,
    /// The expression is a statement.
    Nothing,
    One(Type),
    Tuple(Vec<Expected>),
}

impl Given {
    pub const NOTHING: Given = Given::Tuple(Vec::new());

    pub fn typed(operand: Operand, ty: Type) -> Given {
        Given::One(Checked::Typed(operand, ty))
    }

    /// As in "a tuple of 2".
    pub fn describe(&self) -> String {
        match self {
            Given::One(Checked::Typed(_, ty)) => format!("`{ty}`"),
            Given::One(Checked::Integer(_)) => "a whole number".to_owned(),
            Given::Tuple(parts) if parts.is_empty() => "nothing".to_owned(),
            Given::Tuple(parts) => format!("a tuple of {}", parts.len()),
        }
    }

    /// The type that another value in the same place must have.
    pub fn expectation(&self) -> Expected {
        match self {
            Given::One(Checked::Typed(_, ty)) => Expected::One(*ty),
            Given::One(Checked::Integer(_)) => Expected::Open,
            Given::Tuple(parts) => Expected::Tuple(parts.iter().map(Given::expectation).collect()),
        }
    }

    /// Its values, from left to right.
    pub fn leaves(&self) -> Vec<Checked> {
        match self {
            Given::One(value) => vec![*value],
            Given::Tuple(parts) => parts.iter().flat_map(Given::leaves).collect(),
        }
    }

    /// The same shape with other values.
    pub fn with_leaves(&self, leaves: &mut dyn Iterator<Item = Checked>) -> Given {
        match self {
            Given::One(value) => Given::One(leaves.next().unwrap_or(*value)),
            Given::Tuple(parts) => {
                Given::Tuple(parts.iter().map(|part| part.with_leaves(leaves)).collect())
            }
        }
    }

    pub fn has_shape_of(&self, other: &Given) -> bool {
        match (self, other) {
            (Given::One(_), Given::One(_)) => true,
            (Given::Tuple(a), Given::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.has_shape_of(b))
            }
            _ => false,
        }
    }
}

/// `(a, b, c)`.
pub fn tuple_form(parts: usize) -> String {
    let names: Vec<String> = ('a'..='z').take(parts).map(String::from).collect();
    format!("({})", names.join(", "))
}

impl Expected {
    pub fn of(ty: Option<Type>) -> Expected {
        ty.map_or(Expected::Open, Expected::One)
    }

    /// The type of a single value.
    pub fn one(&self) -> Option<Type> {
        match self {
            Expected::One(ty) => Some(*ty),
            _ => None,
        }
    }

    pub fn part(&self, place: usize) -> Expected {
        match self {
            Expected::Tuple(parts) => parts.get(place).cloned().unwrap_or(Expected::Open),
            _ => Expected::Open,
        }
    }

    /// From a type as it is written, or the place of what is no type here.
    pub fn parse(ty: &syn::Type) -> Result<Expected, TokenStream> {
        match ty {
            syn::Type::Tuple(tuple) if !tuple.elems.is_empty() => tuple
                .elems
                .iter()
                .map(Expected::parse)
                .collect::<Result<_, _>>()
                .map(Expected::Tuple),
            syn::Type::Paren(inner) => Expected::parse(&inner.elem),
            syn::Type::Group(inner) => Expected::parse(&inner.elem),
            syn::Type::Infer(_) => Ok(Expected::Open),
            other => type_name(other)
                .as_deref()
                .and_then(Type::from_name)
                .map(Expected::One)
                .ok_or_else(|| other.to_token_stream()),
        }
    }
}

impl Checker<'_> {
    /// The value with the types that its place asks for.
    pub fn conform(
        &mut self,
        given: Given,
        expected: &Expected,
        place: &dyn ToTokens,
        whose: &str,
    ) -> Option<Given> {
        match (given, expected) {
            (Given::One(value), Expected::One(ty)) => {
                let (operand, ty) = self.expect(value, *ty, place.to_token_stream(), whose)?;
                Some(Given::typed(operand, ty))
            }
            (Given::Tuple(parts), Expected::Tuple(types)) if parts.len() == types.len() => {
                let parts: Vec<Option<Given>> = parts
                    .into_iter()
                    .zip(types)
                    .map(|(part, ty)| self.conform(part, ty, place, whose))
                    .collect();
                parts.into_iter().collect::<Option<Vec<Given>>>().map(Given::Tuple)
            }
            (given, Expected::Open | Expected::Nothing) => Some(given),
            (given, expected) => {
                let wanted = match expected {
                    Expected::Tuple(parts) => format!("a tuple of {}", parts.len()),
                    _ => "one value".to_owned(),
                };
                let form = match (expected, &given) {
                    (Expected::Tuple(parts), _) => format!("write `{}`", tuple_form(parts.len())),
                    _ => "give one of its parts, as in `a.0`".to_owned(),
                };
                let message =
                    format!("{whose} is {wanted} and this is {}: {form}", given.describe());
                self.errors.at(place.to_token_stream(), message);
                None
            }
        }
    }

    /// Two values for one place, with one type.
    pub fn agree(
        &mut self,
        first: Checked,
        second: Checked,
        places: [&dyn ToTokens; 2],
        whose: &str,
    ) -> Option<(Operand, Operand, Type)> {
        let [first_place, second_place] = places.map(|place| place.to_token_stream());
        match (first, second) {
            (Checked::Typed(first, ty), second) => {
                let (second, _) = self.expect(second, ty, second_place, whose)?;
                Some((first, second, ty))
            }
            (first, Checked::Typed(second, ty)) => {
                let (first, _) = self.expect(first, ty, first_place, whose)?;
                Some((first, second, ty))
            }
            // Both are bare literals, and nothing around them says more.
            (Checked::Integer(a), Checked::Integer(b)) => {
                let ty = Type::I32;
                match (literal::integer(a, ty), literal::integer(b, ty)) {
                    (Ok(a), Ok(b)) => Some((a, b, ty)),
                    (Err(message), _) => {
                        self.errors.at(first_place, message);
                        None
                    }
                    (_, Err(message)) => {
                        self.errors.at(second_place, message);
                        None
                    }
                }
            }
        }
    }
}
