//! The signature of an annotated function, and the arguments of its attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, FnArg, Ident, ItemFn, Pat, ReturnType, Token, Visibility};

use crate::errors::Errors;
use crate::example::{self, Example};
use crate::ir::Type;

/// Which attribute stands on the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Score,
    Mask,
}

impl Kind {
    pub fn attribute(self) -> &'static str {
        match self {
            Kind::Score => "score_mod",
            Kind::Mask => "mask_mod",
        }
    }

    pub fn result(self) -> Type {
        match self {
            Kind::Score => Type::F32,
            Kind::Mask => Type::Bool,
        }
    }

    /// The signature to write instead of a wrong one.
    fn form(self) -> &'static str {
        match self {
            Kind::Score => "fn name(score: f32, at: Position, parameters...) -> f32",
            Kind::Mask => "fn name(at: Position, parameters...) -> bool",
        }
    }
}

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
        match (self.table, self.ty) {
            (false, ty) => ty.name().to_owned(),
            (true, Type::F32) => "Table".to_owned(),
            (true, ty) => format!("Table<{ty}>"),
        }
    }
}

/// What the signature says.
pub struct Signature {
    pub kind: Kind,
    pub name: Ident,
    pub visibility: Visibility,
    /// The doc comment.
    pub docs: Vec<Attribute>,
    pub score: Option<Ident>,
    pub position: Option<Ident>,
    pub parameters: Vec<Parameter>,
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
        let (score, position, parameters) = arguments(kind, function, errors);
        check_result(kind, function, errors);
        let mut signature = Signature {
            kind,
            name: function.sig.ident.clone(),
            visibility: function.vis.clone(),
            docs: function.attrs.iter().filter(|a| a.path().is_ident("doc")).cloned().collect(),
            score,
            position,
            parameters,
            examples: Vec::new(),
        };
        signature.read_attribute(attribute, errors);
        if signature.examples.is_empty() {
            signature.examples.push(signature.parameters.iter().map(Example::usual).collect());
        }
        signature
    }

    /// `example(..)`, any number of times.
    fn read_attribute(&mut self, attribute: TokenStream, errors: &mut Errors) {
        let form = example::form(&self.parameters);
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let name = Ident::parse_any(input)?;
                if name != "example" {
                    let message = format!(
                        "`{name}` is not an argument of `#[{}]`; it takes `{form}`, any number of times",
                        self.kind.attribute()
                    );
                    return Err(syn::Error::new_spanned(name, message));
                }
                if !input.peek(syn::token::Paren) {
                    let message = format!("`example` takes values in parentheses: `{form}`");
                    return Err(syn::Error::new_spanned(name, message));
                }
                let content;
                syn::parenthesized!(content in input);
                let values = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
                self.examples.extend(example::read(
                    &self.name,
                    &self.parameters,
                    &name,
                    &values,
                    errors,
                ));
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(attribute) {
            errors.push(error);
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

type Arguments = (Option<Ident>, Option<Ident>, Vec<Parameter>);

fn arguments(kind: Kind, function: &ItemFn, errors: &mut Errors) -> Arguments {
    let (mut score, mut position, mut parameters) = (None, None, Vec::<Parameter>::new());
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
            if !matches!(&attribute.meta, syn::Meta::Path(path) if path.is_ident("learned")) {
                let message = "an argument takes no attribute here but `#[learned]`";
                errors.at(attribute, message);
            }
        }
        let Some(name) = argument_name(&argument.pat, errors) else { continue };
        let taken = score.iter().chain(&position).chain(parameters.iter().map(|p| &p.name));
        if taken.into_iter().any(|known| *known == name) {
            errors.at(&name, format!("a second argument is called `{name}`; give it another name"));
            continue;
        }
        let type_name = type_name(&argument.ty);
        let ty = type_name.as_deref().and_then(Type::from_name);
        let is_position = type_name.as_deref() == Some("Position");
        let given = is_position || (kind == Kind::Score && place == 0);
        if let (Some(attribute), true) = (learned, given) {
            errors.at(attribute, "only a parameter is learned, not the score or the position");
        }
        match kind {
            Kind::Score if place == 0 && ty == Some(Type::F32) => score = Some(name),
            Kind::Score if place == 0 => errors.at(
                &argument.ty,
                format!(
                    "the first argument of a `#[score_mod]` function is the score, of type `f32`; write `{}`",
                    kind.form()
                ),
            ),
            Kind::Score if place == 1 && is_position => position = Some(name),
            Kind::Mask if place == 0 && is_position => position = Some(name),
            Kind::Mask if place == 0 => errors.at(
                argument,
                format!(
                    "the first argument of a `#[mask_mod]` function is the position (a mask sees no score); write `{}`",
                    kind.form()
                ),
            ),
            _ if is_position => errors.at(
                argument,
                format!("the position comes before every parameter; write `{}`", kind.form()),
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
                _ => errors.at(
                    &argument.ty,
                    "a parameter is `f32`, `u32`, `i32`, `Table`, `Table<u32>` or `Table<i32>`; the position is `at: Position`, taken by value",
                ),
            },
        }
    }
    let first = function.sig.inputs.is_empty();
    if first {
        let what = match kind {
            Kind::Score => "the score as its first argument",
            Kind::Mask => "the position as its first argument",
        };
        let message =
            format!("a `#[{}]` function takes {what}; write `{}`", kind.attribute(), kind.form());
        errors.at(&function.sig.ident, message);
    }
    (score, position, parameters)
}

/// The element type of a table, and `true`.
fn table_type(ty: &syn::Type) -> Option<(Type, bool)> {
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

fn check_result(kind: Kind, function: &ItemFn, errors: &mut Errors) {
    let expected = kind.result();
    let what = match kind {
        Kind::Score => "the new score, `-> f32`",
        Kind::Mask => "whether the query may see the key, `-> bool`",
    };
    let message = format!("a `#[{}]` function returns {what}", kind.attribute());
    match &function.sig.output {
        ReturnType::Default => errors.at(&function.sig.ident, message),
        ReturnType::Type(_, ty) => {
            if type_name(ty).as_deref() != Some(expected.name()) {
                errors.at(ty, message);
            }
        }
    }
}
