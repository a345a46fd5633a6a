//! The signature of an annotated function.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, FnArg, Ident, ItemFn, Pat, ReturnType, Visibility};

use crate::errors::Errors;
use crate::example::Example;
use crate::ir::{Feature, Type};
use crate::kind::{Kind, Normaliser, Pairing};

/// How a derivative is given by hand.
pub const GRADIENT_FORM: &str = "grad = |score, at, parameters...| ..";

/// A parameter of a variant.
pub struct Parameter {
    pub name: Ident,
    /// The type of the number, or of a table's elements.
    pub ty: Type,
    pub table: bool,
    /// Whether its gradient is wanted.
    pub learned: bool,
}

impl Parameter {
    /// Whether kernels read it from memory.
    pub fn in_memory(&self) -> bool {
        self.table || self.learned
    }

    /// Its type as it is written.
    pub fn written(&self) -> String {
        match self.table {
            false => self.ty.name().to_owned(),
            true => table_name(self.ty),
        }
    }
}

/// The type of a table as it is written.
pub fn table_name(element: Type) -> String {
    match element {
        Type::F32 => "Table".to_owned(),
        element => format!("Table<{element}>"),
    }
}

/// What the signature says.
pub struct Signature {
    pub kind: Kind,
    pub name: Ident,
    pub visibility: Visibility,
    /// The doc comment.
    pub docs: Vec<Attribute>,
    /// What the function changes.
    pub subject: Option<Ident>,
    /// What else of its row an element is given.
    pub features: Vec<Feature>,
    pub pairing: Option<Pairing>,
    pub position: Option<Ident>,
    /// Which argument the position is.
    pub position_place: Option<usize>,
    pub parameters: Vec<Parameter>,
    pub result: Type,
    /// A derivative that replaces the derived one.
    pub gradient: Option<Expr>,
    pub normaliser: Normaliser,
    /// Values of the parameters to test with, one list for each `example`.
    pub examples: Vec<Vec<Example>>,
}

impl Signature {
    pub fn parse(
        kind: Kind,
        attribute: TokenStream,
        function: &ItemFn,
        errors: &mut Errors,
    ) -> Signature {
        check_plain(kind, function, errors);
        let Arguments { subject, features, position, parameters } =
            arguments(kind, function, errors);
        let result = result(kind, function, errors);
        let position_place = function.sig.inputs.iter().position(|input| {
            matches!(input, FnArg::Typed(argument)
                if type_name(&argument.ty).as_deref() == Some(kind.position_type()))
        });
        let mut signature = Signature {
            kind,
            name: function.sig.ident.clone(),
            visibility: function.vis.clone(),
            docs: function.attrs.iter().filter(|a| a.path().is_ident("doc")).cloned().collect(),
            subject,
            features,
            pairing: None,
            position,
            position_place,
            parameters,
            result,
            gradient: None,
            normaliser: Normaliser::default(),
            examples: Vec::new(),
        };
        signature.read_attribute(attribute, errors);
        signature.check_pairing(errors);
        if signature.examples.is_empty() {
            signature.examples.push(signature.parameters.iter().map(Example::usual).collect());
        }
        signature
    }

    /// The parameter at a place among a helper's arguments.
    pub fn parameter_at(&self, place: usize) -> Option<usize> {
        match self.position_place {
            Some(position) if position == place => None,
            Some(position) if position < place => Some(place - 1),
            _ => Some(place),
        }
    }
}

/// Refuses what makes a function more than a plain one.
fn check_plain(kind: Kind, function: &ItemFn, errors: &mut Errors) {
    let signature = &function.sig;
    let mut refuse = |tokens: &dyn ToTokens, what: &str| {
        errors.at(
            TokensOf(tokens),
            format!(
                "a `#[{}]` function cannot be {what}; write `{}`",
                kind.attribute(),
                kind.form()
            ),
        );
    };
    if let Some(token) = &signature.constness {
        refuse(token, "`const`");
    }
    if let Some(token) = &signature.asyncness {
        refuse(token, "`async`");
    }
    if let Some(token) = &signature.unsafety {
        refuse(token, "`unsafe`");
    }
    if let Some(token) = &signature.abi {
        refuse(token, "`extern`");
    }
    if !signature.generics.params.is_empty() {
        refuse(&signature.generics, "generic");
    }
    if let Some(clause) = &signature.generics.where_clause {
        refuse(clause, "generic");
    }
    if let Some(token) = &signature.variadic {
        refuse(token, "variadic");
    }
    for attribute in &function.attrs {
        let path = attribute.path();
        let known = ["doc", "allow", "expect", "warn", "deny", "cfg"];
        if !known.iter().any(|name| path.is_ident(name)) {
            errors.at(
                attribute,
                format!(
                    "a `#[{}]` function takes doc comments and lint levels, no other attribute",
                    kind.attribute()
                ),
            );
        }
    }
}

struct TokensOf<'a>(&'a dyn ToTokens);

impl ToTokens for TokensOf<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

#[derive(Default)]
struct Arguments {
    subject: Option<Ident>,
    features: Vec<Feature>,
    position: Option<Ident>,
    parameters: Vec<Parameter>,
}

fn arguments(kind: Kind, function: &ItemFn, errors: &mut Errors) -> Arguments {
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
        let learned = argument.attrs.iter().find(|a| a.path().is_ident("learned"));
        for attribute in &argument.attrs {
            if kind == Kind::Helper {
                let message = "an argument of a `#[score_fn]` takes no attribute: what is learned is a \
                               parameter of the `#[score_mod]` that calls it";
                errors.at(attribute, message);
            } else if !matches!(&attribute.meta, syn::Meta::Path(path) if path.is_ident("learned"))
            {
                let message = "an argument takes no attribute here but `#[learned]`";
                errors.at(attribute, message);
            }
        }
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
        if let (Some(attribute), true) = (learned, given) {
            let subject =
                kind.subject().map_or(String::new(), |subject| format!("the {subject} or "));
            let message = format!("only a parameter is learned, not {subject}the position");
            errors.at(attribute, message);
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
                    parameters.push(Parameter { name, ty, table: false, learned: false });
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
                    let learned = learned.is_some();
                    let parameter = Parameter { name, ty, table, learned };
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
fn check_learned(kind: Kind, parameter: &Parameter, argument: &syn::PatType, errors: &mut Errors) {
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

fn result(kind: Kind, function: &ItemFn, errors: &mut Errors) -> Type {
    let (expected, what) = match kind {
        Kind::Score => (Some(Type::F32), "the new score, `-> f32`"),
        Kind::Mask => (Some(Type::Bool), "whether the query may see the key, `-> bool`"),
        Kind::Weight => (Some(Type::F32), "the new weight, `-> f32`"),
        Kind::Sink => (Some(Type::F32), "the logit of attending to nothing, `-> f32`"),
        Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => {
            (Some(Type::F32), "the new element, `-> f32`")
        }
        Kind::Helper => (None, "one value, as in `-> f32`, `-> u32`, `-> i32` or `-> bool`"),
    };
    let message = format!("a `#[{}]` function returns {what}", kind.attribute());
    let given = match &function.sig.output {
        ReturnType::Default => {
            errors.at(&function.sig.ident, message);
            None
        }
        ReturnType::Type(_, ty) => {
            let given = type_name(ty).as_deref().and_then(Type::from_name);
            if given.is_none() || expected.is_some() && given != expected {
                errors.at(ty, message);
            }
            given
        }
    };
    expected.or(given).unwrap_or(Type::F32)
}
