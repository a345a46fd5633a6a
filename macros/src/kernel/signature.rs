//! The parameters of a kernel: tensors, scalars and tune parameters.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, Ident, ItemFn, Lit, Meta, Pat, PathArguments, Token,
    Type,
};

use crate::errors::Errors;
use crate::near::{list, near};

/// The dimensions of a tensor that has no `#[shape(..)]`.
const USUAL: [&str; 4] = ["batch", "heads", "rows", "dim"];
/// The name of a size of one.
pub const ONE: &str = "1";

/// A `&Tensor` or `&mut Tensor`.
pub struct Tensor {
    pub name: Ident,
    pub shape: [String; 4],
    pub written: bool,
    /// `Tensor<f32>`.
    pub single: bool,
}

/// The type of a scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    F32,
    U32,
}

/// An `f32` or `u32`.
pub struct Scalar {
    pub name: Ident,
    pub kind: ScalarKind,
}

/// What a tune parameter decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Rows,
    Units,
    Split,
    Value,
}

/// A `#[tune(..)]` parameter.
pub struct Tune {
    pub name: Ident,
    pub role: Role,
    pub values: Vec<usize>,
}

/// One of them, in the order of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Tensor(usize),
    Scalar(usize),
    Tune(usize),
}

#[derive(Default)]
pub struct Signature {
    pub tensors: Vec<Tensor>,
    pub scalars: Vec<Scalar>,
    pub tune: Vec<Tune>,
    pub order: Vec<Place>,
}

const FORMS: &str = "a parameter of a kernel is `&Tensor`, `&mut Tensor`, `f32`, `u32`, or with \
                     `#[tune(..)]` `Rows`, `Units`, `Split` or `usize`";

/// What a type says.
enum Kind {
    Tensor { written: bool, single: bool },
    Scalar(ScalarKind),
    Tune(Role),
}

impl Signature {
    pub fn parse(function: &ItemFn, errors: &mut Errors) -> Signature {
        let mut signature = Signature::default();
        for argument in &function.sig.inputs {
            match argument {
                FnArg::Typed(argument) => signature.parameter(argument, errors),
                FnArg::Receiver(receiver) => {
                    errors.at(receiver, "a kernel is no method: leave `self` out");
                }
            }
        }
        signature.check_whole(function, errors);
        signature
    }

    pub fn tensor(&self, name: &Ident) -> Option<usize> {
        self.tensors.iter().position(|tensor| tensor.name == *name)
    }

    /// The names of the sizes, in the order of their first use.
    pub fn sizes(&self) -> Vec<&str> {
        let mut sizes: Vec<&str> = Vec::new();
        for name in self.tensors.iter().flat_map(|tensor| &tensor.shape) {
            if name != ONE && !sizes.contains(&name.as_str()) {
                sizes.push(name);
            }
        }
        sizes
    }

    fn parameter(&mut self, argument: &syn::PatType, errors: &mut Errors) {
        let Pat::Ident(pattern) = &*argument.pat else {
            return errors.at(&argument.pat, "a parameter is a plain name, as in `x: &Tensor`");
        };
        if pattern.by_ref.is_some() || pattern.mutability.is_some() || pattern.subpat.is_some() {
            return errors.at(pattern, "a parameter is a plain name, as in `x: &Tensor`");
        }
        let name = pattern.ident.clone();
        let names = self.tensors.iter().map(|t| &t.name);
        let names = names.chain(self.scalars.iter().map(|s| &s.name));
        if names.chain(self.tune.iter().map(|t| &t.name)).any(|known| *known == name) {
            let message = format!("a second parameter is called `{name}`; give it another name");
            return errors.at(&name, message);
        }
        let Some(kind) = kind_of(&argument.ty, errors) else { return };
        let tune = take(&argument.attrs, "tune", errors);
        let shape = take(&argument.attrs, "shape", errors);
        for attribute in &argument.attrs {
            if !["tune", "shape"].iter().any(|known| attribute.path().is_ident(known)) {
                let known =
                    "a parameter takes `#[tune(..)]` or `#[shape(..)]`, and no other attribute";
                errors.at(attribute, known);
            }
        }
        if let (Some(attribute), false) = (shape, matches!(kind, Kind::Tensor { .. })) {
            errors.at(attribute, format!("`{name}` is no tensor and has no shape"));
        }
        if let (Some(attribute), false) = (tune, matches!(kind, Kind::Tune(_))) {
            let what = if matches!(kind, Kind::Tensor { .. }) { "tensor" } else { "scalar" };
            errors.at(
                attribute,
                format!(
                    "`{name}` is a {what}, which cannot be tuned: `#[tune(..)]` stands on `Rows`, \
                     `Units`, `Split` or `usize`"
                ),
            );
        }
        match kind {
            Kind::Tensor { written, single } => {
                let usual = USUAL.map(str::to_owned);
                let shape = shape.map_or(Some(usual), |shape| names_of(shape, errors));
                self.order.push(Place::Tensor(self.tensors.len()));
                let shape = shape.unwrap_or_else(|| USUAL.map(str::to_owned));
                self.tensors.push(Tensor { name, shape, written, single });
            }
            Kind::Scalar(kind) => {
                self.order.push(Place::Scalar(self.scalars.len()));
                self.scalars.push(Scalar { name, kind });
            }
            Kind::Tune(role) => {
                let second = self.tune.iter().any(|t| t.role == role && role != Role::Value);
                if second {
                    let ty = argument.ty.to_token_stream();
                    errors.at(&argument.ty, format!("a kernel has one parameter of type `{ty}`"));
                }
                let values = match tune {
                    Some(attribute) => values_of(attribute, role, errors),
                    None => {
                        let ty = argument.ty.to_token_stream();
                        let message = format!(
                            "`{name}` needs the values that it may have: `#[tune(1, 2, 4)] {name}: {ty}`"
                        );
                        errors.at(&name, message);
                        None
                    }
                };
                self.order.push(Place::Tune(self.tune.len()));
                self.tune.push(Tune { name, role, values: values.unwrap_or_else(|| vec![1]) });
            }
        }
    }

    fn check_whole(&self, function: &ItemFn, errors: &mut Errors) {
        // With a parameter that was not understood, it may be the missing one.
        if self.order.len() < function.sig.inputs.len() {
            return;
        }
        let name = &function.sig.ident;
        if !self.tensors.iter().any(|tensor| tensor.written) {
            errors.at(name, "a kernel writes its result: give it a parameter `out: &mut Tensor`");
        }
        if !self.tune.iter().any(|tune| tune.role == Role::Rows) {
            errors.at(
                name,
                "a kernel has a parameter for the rows that a unit owns: `#[tune(1, 2, 4, 16)] \
                 rows: Rows`",
            );
        }
    }
}

/// The one attribute of this name.
fn take<'a>(attributes: &'a [Attribute], name: &str, errors: &mut Errors) -> Option<&'a Attribute> {
    let mut found = attributes.iter().filter(|attribute| attribute.path().is_ident(name));
    let first = found.next();
    for second in found {
        errors.at(second, format!("`#[{name}(..)]` stands here twice"));
    }
    first
}

fn kind_of(ty: &Type, errors: &mut Errors) -> Option<Kind> {
    let (inner, reference) = match ty {
        Type::Reference(reference) => (&*reference.elem, Some(reference)),
        other => (other, None),
    };
    let Type::Path(path) = inner else {
        errors.at(ty, FORMS);
        return None;
    };
    let last = path.path.segments.last()?;
    let name = last.ident.unraw().to_string();
    let kind = match name.as_str() {
        "Tensor" => {
            let Some(reference) = reference else {
                errors
                    .at(ty, "a tensor is taken by reference: `&Tensor`, or `&mut Tensor` to write");
                return None;
            };
            let single = single(&last.arguments, errors)?;
            return Some(Kind::Tensor { written: reference.mutability.is_some(), single });
        }
        "f32" => Kind::Scalar(ScalarKind::F32),
        "u32" => Kind::Scalar(ScalarKind::U32),
        "Rows" => Kind::Tune(Role::Rows),
        "Units" => Kind::Tune(Role::Units),
        "Split" => Kind::Tune(Role::Split),
        "usize" => Kind::Tune(Role::Value),
        other => {
            let known = ["Tensor", "Rows", "Units", "Split", "f32", "u32", "usize"];
            let close = near(other, known.into_iter());
            let hint = match close.is_empty() {
                true => String::new(),
                false => format!("; is it {}?", list(close)),
            };
            errors.at(ty, format!("{FORMS}{hint}"));
            return None;
        }
    };
    if reference.is_some() || !last.arguments.is_none() {
        errors.at(ty, format!("`{name}` is taken by value and without arguments"));
        return None;
    }
    Some(kind)
}

/// Whether the element type is fixed: `Tensor<f32>`.
fn single(arguments: &PathArguments, errors: &mut Errors) -> Option<bool> {
    let PathArguments::AngleBracketed(list) = arguments else { return Some(false) };
    let only = match list.args.first() {
        Some(GenericArgument::Type(Type::Path(path))) if list.args.len() == 1 => {
            path.path.is_ident("f32")
        }
        _ => false,
    };
    if !only {
        errors.at(
            list,
            "a tensor has the element type of the call, f32, f16 or bf16: write `Tensor`, or \
             `Tensor<f32>` where it is always f32",
        );
        return None;
    }
    Some(true)
}

/// What stands in the parentheses of an attribute.
fn inside<'a>(
    attribute: &'a Attribute,
    form: &str,
    errors: &mut Errors,
) -> Option<&'a TokenStream> {
    match &attribute.meta {
        Meta::List(list) => Some(&list.tokens),
        _ => {
            errors.at(attribute, format!("write {form}"));
            None
        }
    }
}

fn names_of(attribute: &Attribute, errors: &mut Errors) -> Option<[String; 4]> {
    const FORM: &str = "`#[shape(b, h, n, d)]` for [batch, heads, rows, dim], `#[shape(n, d)]` for a \
                        matrix, with `1` for a size of one";
    inside(attribute, FORM, errors)?;
    let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
    let expressions = match attribute.parse_args_with(parser) {
        Ok(expressions) => expressions,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let mut names = Vec::new();
    for expression in &expressions {
        let name = match expression {
            Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
            Expr::Lit(literal) => match &literal.lit {
                Lit::Int(number) if number.base10_digits() == ONE => Some(ONE.to_owned()),
                _ => None,
            },
            _ => None,
        };
        let Some(name) = name else {
            errors.at(expression, format!("a size is a name or `1`: {FORM}"));
            return None;
        };
        names.push(name);
    }
    if names.len() == 2 {
        names.splice(0..0, [ONE.to_owned(), ONE.to_owned()]);
    }
    names.try_into().map_err(|_| errors.at(&expressions, format!("write {FORM}"))).ok()
}

fn values_of(attribute: &Attribute, role: Role, errors: &mut Errors) -> Option<Vec<usize>> {
    const FORM: &str = "`#[tune(1, 2, 4)]`, the preferred value first";
    inside(attribute, FORM, errors)?;
    let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
    let expressions = match attribute.parse_args_with(parser) {
        Ok(expressions) => expressions,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    if expressions.is_empty() {
        errors.at(attribute, format!("a tune parameter has at least one value: {FORM}"));
        return None;
    }
    let mut values = Vec::new();
    for expression in &expressions {
        let value = match expression {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Int(number) => number.base10_parse::<usize>().ok(),
                _ => None,
            },
            _ => None,
        };
        let allowed = match role {
            Role::Rows => (32, true, "a power of two up to 32"),
            Role::Split => (1024, true, "a power of two up to 1024"),
            Role::Units => (1024, false, "a whole number from 1 to 1024"),
            Role::Value => (1 << 20, false, "a whole number from 1 to 1048576"),
        };
        let (most, power, what) = allowed;
        let fits = |&n: &usize| n >= 1 && n <= most && (!power || n.is_power_of_two());
        match value.filter(fits) {
            Some(value) if values.contains(&value) => {
                errors.at(expression, format!("{value} stands here twice"));
                return None;
            }
            Some(value) => values.push(value),
            None => {
                errors.at(expression, format!("a value here is {what}: {FORM}"));
                return None;
            }
        }
    }
    Some(values)
}
