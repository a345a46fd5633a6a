//! The arguments of an annotated function.

use syn::ext::IdentExt;
use syn::{Attribute, FnArg, Ident, ItemFn, Meta, Pat, PatType};

use crate::errors::Errors;
use crate::ir::{Feature, Type};
use crate::kind::Kind;
use crate::range::{self, Range};
use crate::signature::Parameter;

#[derive(Default)]
pub struct Arguments {
    pub subject: Option<Ident>,
    pub features: Vec<Feature>,
    pub position: Option<Ident>,
    pub parameters: Vec<Parameter>,
}

/// What the attributes of an argument say.
struct Marks<'a> {
    learned: Option<&'a Attribute>,
    range: Option<&'a Attribute>,
}

impl<'a> Marks<'a> {
    fn read(kind: Kind, argument: &'a PatType, errors: &mut Errors) -> Marks<'a> {
        let mut marks = Marks { learned: None, range: None };
        for attribute in &argument.attrs {
            let is_learned =
                matches!(&attribute.meta, Meta::Path(path) if path.is_ident("learned"));
            if kind == Kind::Helper {
                let message = "an argument of a `#[score_fn]` takes no attribute: what is learned, or \
                               has a range, is a parameter of the `#[score_mod]` that calls it";
                errors.at(attribute, message);
            } else if is_learned {
                marks.learned = Some(attribute);
            } else if !attribute.path().is_ident("range") {
                let message = "an argument takes no attribute here but `#[learned]` and \
                               `#[range(..)]`";
                errors.at(attribute, message);
            } else if marks.range.replace(attribute).is_some() {
                errors.at(attribute, "a parameter has one range, and this one has one already");
            }
        }
        marks
    }

    /// Refuses what only a parameter can be.
    fn refuse_on_given(&self, kind: Kind, errors: &mut Errors) {
        let subject = kind.subject().map_or(String::new(), |subject| format!("the {subject} or "));
        for (attribute, what) in [(self.learned, "is learned"), (self.range, "has a range")] {
            if let Some(attribute) = attribute {
                let message = format!("only a parameter {what}, not {subject}the position");
                errors.at(attribute, message);
            }
        }
    }

    /// The range of a parameter.
    fn range_of(&self, ty: Type, table: bool, errors: &mut Errors) -> Range {
        match (self.range, self.learned) {
            (None, _) => Range::of(ty),
            (Some(attribute), Some(_)) => {
                let message = "an optimizer moves what is learned, so no range holds it: keep it in \
                               bounds in the function, as with `t.max(0.01)`";
                errors.at(attribute, message);
                Range::of(ty)
            }
            (Some(attribute), None) if table => {
                let message = "a range is of a number, and the values of a table may lie on a device: \
                               keep them in bounds in the function, as with `bias[at.head].max(0.0)`";
                errors.at(attribute, message);
                Range::of(ty)
            }
            (Some(attribute), None) => range::read(attribute, ty, errors),
        }
    }
}

pub fn arguments(kind: Kind, function: &ItemFn, errors: &mut Errors) -> Arguments {
    let Arguments { mut subject, mut features, mut position, mut parameters } =
        Arguments::default();
    for (place, argument) in function.sig.inputs.iter().enumerate() {
        let argument = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                let message = format!(
                    "a `#[{}]` function is no method: leave `self` out and write `{}`",
                    kind.attribute(),
                    kind.form()
                );
                errors.at(receiver, message);
                continue;
            }
        };
        let marks = Marks::read(kind, argument, errors);
        let Some(name) = argument_name(&argument.pat, errors) else { continue };
        let taken = subject.iter().chain(&position).chain(parameters.iter().map(|p| &p.name));
        if taken.into_iter().any(|known| *known == name) {
            errors.at(&name, format!("a second argument is called `{name}`; give it another name"));
            continue;
        }
        let type_name = type_name(&argument.ty);
        let ty = type_name.as_deref().and_then(Type::from_name);
        let is_position = type_name.as_deref() == Some(kind.position_type());
        let feature = Feature::ALL.into_iter().find(|feature| {
            kind.is_of_rows()
                && place > 0
                && position.is_none()
                && parameters.is_empty()
                && name == feature.name()
        });
        let given = is_position || feature.is_some() || (kind.subject().is_some() && place == 0);
        if given {
            marks.refuse_on_given(kind, errors);
        }
        match kind {
            _ if kind.subject().is_some() && place == 0 && ty == Some(Type::F32) => {
                subject = Some(name);
            }
            _ if kind.subject().is_some() && place == 0 => errors.at(
                &argument.ty,
                format!(
                    "the first argument of a `#[{}]` function is the {}, of type `f32`; write `{}`",
                    kind.attribute(),
                    kind.subject().unwrap_or_default(),
                    kind.form()
                ),
            ),
            Kind::Score | Kind::Weight if place == 1 && is_position => position = Some(name),
            Kind::Mask | Kind::Sink if place == 0 && is_position => position = Some(name),
            _ if kind.is_of_rows() && is_position && position.is_none() && parameters.is_empty() => {
                position = Some(name);
            }
            _ if feature.is_some() => match (feature, ty) {
                (Some(feature), Some(Type::F32)) => features.push(feature),
                _ => {
                    let message = format!(
                        "`{name}` is a number of the element's row, of type `f32`; a parameter needs \
                         another name"
                    );
                    errors.at(&argument.ty, message);
                }
            },
            Kind::Helper if is_position && position.is_none() => position = Some(name),
            Kind::Helper if table_type(&argument.ty).is_some() => errors.at(
                argument,
                "a `#[score_fn]` takes no tables: read the element where the table is, and pass \
                 it, as in `f(score, bias[at.head])`",
            ),
            Kind::Helper => match ty {
                Some(ty) => {
                    let range = Range::of(ty);
                    parameters.push(Parameter { name, ty, table: false, learned: false, range });
                }
                None => errors.at(
                    &argument.ty,
                    "an argument is `f32`, `u32`, `i32` or `bool`, or, once, `at: Position`",
                ),
            },
            Kind::Mask | Kind::Sink if place == 0 => errors.at(
                argument,
                format!(
                    "the first argument of a `#[{}]` function is the position (a {} sees no score); write `{}`",
                    kind.attribute(),
                    if kind == Kind::Mask { "mask" } else { "sink" },
                    kind.form()
                ),
            ),
            _ if is_position => errors.at(
                argument,
                format!("the position comes before every parameter; write `{}`", kind.form()),
            ),
            _ if kind.is_of_rows() && type_name.as_deref() == Some("Position") => errors.at(
                &argument.ty,
                "an element of a row stands at `at: Element`, with its token and its dimension; a \
                 `Position` is that of a query and a key",
            ),
            _ => match table_type(&argument.ty).or(ty.map(|ty| (ty, false))) {
                Some((ty, table)) if ty != Type::Bool => {
                    let learned = marks.learned.is_some();
                    let range = marks.range_of(ty, table, errors);
                    let parameter = Parameter { name, ty, table, learned, range };
                    if learned {
                        check_learned(kind, &parameter, argument, errors);
                    }
                    parameters.push(parameter);
                }
                _ => {
                    let message = format!(
                        "a parameter is `f32`, `u32`, `i32`, `Table`, `Table<u32>` or `Table<i32>`; the \
                         position is `at: {}`, taken by value",
                        kind.position_type()
                    );
                    errors.at(&argument.ty, message);
                }
            },
        }
    }
    let what = match kind {
        Kind::Score => Some("the score as its first argument"),
        Kind::Weight => Some("the weight as its first argument"),
        Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => {
            Some("an element as its first argument")
        }
        Kind::Mask | Kind::Sink => Some("the position as its first argument"),
        Kind::Helper => None,
    };
    if let Some(what) = what
        && function.sig.inputs.is_empty()
    {
        let message =
            format!("a `#[{}]` function takes {what}; write `{}`", kind.attribute(), kind.form());
        errors.at(&function.sig.ident, message);
    }
    Arguments { subject, features, position, parameters }
}

/// The element type of a table, and `true`.
pub fn table_type(ty: &syn::Type) -> Option<(Type, bool)> {
    if type_name(ty).as_deref() == Some("Table") {
        return Some((Type::F32, true));
    }
    let syn::Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident.unraw() == "Table")?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match (&arguments.args.first(), arguments.args.len()) {
        (Some(syn::GenericArgument::Type(element)), 1) => {
            Some((type_name(element).as_deref().and_then(Type::from_name)?, true))
        }
        _ => None,
    }
}

/// What has no gradient cannot be learned.
fn check_learned(kind: Kind, parameter: &Parameter, argument: &PatType, errors: &mut Errors) {
    if kind == Kind::Mask {
        let message = "a mask has no gradient, so nothing in it is learned: leave `#[learned]` out, \
                       or change the score in a `#[score_mod]`";
        errors.at(argument, message);
    } else if parameter.ty != Type::F32 {
        let message = format!(
            "only `f32` and `Table` are learned, since `{}` does not change smoothly: leave \
             `#[learned]` out or change the type",
            parameter.written()
        );
        errors.at(argument, message);
    }
}

fn argument_name(pattern: &Pat, errors: &mut Errors) -> Option<Ident> {
    match pattern {
        Pat::Ident(pattern)
            if pattern.by_ref.is_none()
                && pattern.mutability.is_none()
                && pattern.subpat.is_none() =>
        {
            Some(pattern.ident.clone())
        }
        other => {
            errors.at(other, "an argument is a plain name, as in `name: type`");
            None
        }
    }
}

/// The last segment of a plain path.
pub fn type_name(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) if path.qself.is_none() => {
            let last = path.path.segments.last()?;
            last.arguments.is_none().then(|| last.ident.unraw().to_string())
        }
        syn::Type::Group(group) => type_name(&group.elem),
        syn::Type::Paren(paren) => type_name(&paren.elem),
        _ => None,
    }
}
