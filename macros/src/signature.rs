//! The signature of an annotated function, and the arguments of its attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, FnArg, Ident, ItemFn, Pat, ReturnType, Token, Visibility};

use crate::errors::Errors;
use crate::example::{self, Example};
use crate::ir::{Feature, Type};

/// Which attribute stands on the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Score,
    Mask,
    /// It multiplies normalised weights.
    Weight,
    /// It gives each row a logit for attending to nothing.
    Sink,
    /// It changes the elements of queries, of keys, of both, or of the output.
    Query,
    Key,
    QueryKey,
    Output,
    /// A function that others call.
    Helper,
}

impl Kind {
    pub fn attribute(self) -> &'static str {
        match self {
            Kind::Score => "score_mod",
            Kind::Mask => "mask_mod",
            Kind::Weight => "weight_mod",
            Kind::Sink => "sink_mod",
            Kind::Query => "query_mod",
            Kind::Key => "key_mod",
            Kind::QueryKey => "query_key_mod",
            Kind::Output => "output_mod",
            Kind::Helper => "score_fn",
        }
    }

    /// What the function changes, if it changes something: its first argument.
    fn subject(self) -> Option<&'static str> {
        match self {
            Kind::Score => Some("score"),
            Kind::Weight => Some("weight"),
            Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => Some("element"),
            Kind::Mask | Kind::Sink | Kind::Helper => None,
        }
    }

    /// Whether it changes elements of rows.
    pub fn is_of_rows(self) -> bool {
        matches!(self, Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output)
    }

    /// The type that says where something stands.
    pub fn position_type(self) -> &'static str {
        if self.is_of_rows() { "Element" } else { "Position" }
    }

    /// Its fields, and what they are called where functions of all kinds are one.
    pub fn fields(self) -> [(&'static str, &'static str); 6] {
        if self.is_of_rows() {
            [
                ("batch", "batch"),
                ("head", "head"),
                ("token", "query"),
                ("dim", "key"),
                ("tokens", "queries"),
                ("dims", "keys"),
            ]
        } else {
            ["batch", "head", "query", "key", "queries", "keys"].map(|name| (name, name))
        }
    }

    /// The signature to write instead of a wrong one.
    fn form(self) -> &'static str {
        match self {
            Kind::Score => "fn name(score: f32, at: Position, parameters...) -> f32",
            Kind::Mask => "fn name(at: Position, parameters...) -> bool",
            Kind::Weight => "fn name(weight: f32, at: Position, parameters...) -> f32",
            Kind::Sink => "fn name(at: Position, parameters...) -> f32",
            Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => {
                "fn name(x: f32, at: Element, parameters...) -> f32"
            }
            Kind::Helper => "fn name(a: f32, b: u32) -> f32",
        }
    }
}

/// How scores become weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normaliser {
    #[default]
    Softmax,
    Sigmoid,
}

/// Which element of a row is whose partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// One of the first half, and the one in its place in the second.
    Halves,
    /// Two neighbours.
    Neighbours,
}

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

    /// `example(..)`, `grad = ..` and `normaliser = ..`.
    fn read_attribute(&mut self, attribute: TokenStream, errors: &mut Errors) {
        let form = example::form(&self.parameters);
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let name = Ident::parse_any(input)?;
                if name == "grad" && self.kind == Kind::Score {
                    self.read_gradient(&name, input)?;
                    continue;
                }
                if name == "normaliser" && self.kind == Kind::Score {
                    self.read_normaliser(&name, input)?;
                    continue;
                }
                if name == "pair" && self.kind.is_of_rows() {
                    self.read_pairing(&name, input)?;
                    continue;
                }
                if name != "example" || self.kind == Kind::Helper {
                    let takes = match self.kind {
                        Kind::Score => format!(
                            "`{form}`, any number of times, `{GRADIENT_FORM}`, and \
                             `normaliser = sigmoid`"
                        ),
                        Kind::Mask | Kind::Weight | Kind::Sink => {
                            format!("`{form}`, any number of times")
                        }
                        Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => {
                            format!("`{form}`, any number of times, and `pair = halves`")
                        }
                        Kind::Helper => "none".to_owned(),
                    };
                    let message = format!(
                        "`{name}` is not an argument of `#[{}]`; it takes {takes}",
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

    /// `grad = ..`.
    fn read_gradient(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek(Token![=]) {
            let message = format!("`grad` takes a derivative: `{GRADIENT_FORM}`");
            return Err(syn::Error::new_spanned(name, message));
        }
        input.parse::<Token![=]>()?;
        let gradient: Expr = input.parse()?;
        if self.gradient.is_some() {
            let message = "a second `grad`: a function has one derivative; leave one out";
            return Err(syn::Error::new_spanned(name, message));
        }
        self.gradient = Some(gradient);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        Ok(())
    }
}

impl Signature {
    /// `normaliser = ..`.
    fn read_normaliser(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "`normaliser = sigmoid`, or `softmax`, which is usual; a softmax with a \
                            logit for nothing is a function of its own, marked `#[sink_mod]`";
        if !input.peek(Token![=]) {
            return Err(syn::Error::new_spanned(name, format!("`normaliser` is chosen: {FORM}")));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        self.normaliser = match value.to_token_stream().to_string().as_str() {
            "softmax" => Normaliser::Softmax,
            "sigmoid" => Normaliser::Sigmoid,
            other => {
                let message = format!("`{other}` is no normaliser: {FORM}");
                return Err(syn::Error::new_spanned(value, message));
            }
        };
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        Ok(())
    }
}

impl Signature {
    /// `pair = ..`.
    fn read_pairing(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "`pair = halves` (each element of the first half with the one in its place \
                            in the second) or `pair = neighbours` (0 with 1, 2 with 3 ...)";
        if !input.peek(Token![=]) {
            return Err(syn::Error::new_spanned(name, format!("partners are chosen: {FORM}")));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        self.pairing = match value.to_token_stream().to_string().as_str() {
            "halves" => Some(Pairing::Halves),
            "neighbours" => Some(Pairing::Neighbours),
            other => {
                let message = format!("`{other}` are no pairs: write {FORM}");
                return Err(syn::Error::new_spanned(value, message));
            }
        };
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        Ok(())
    }

    fn check_pairing(&self, errors: &mut Errors) {
        let attribute = self.kind.attribute();
        match (self.features.contains(&Feature::Pair), self.pairing) {
            (true, None) => {
                let message = format!(
                    "which element is the `pair` of which? Write `#[{attribute}(pair = halves)]` or \
                     `pair = neighbours`"
                );
                errors.at(&self.name, message);
            }
            (false, Some(_)) => {
                let message = "`pair = ..` is given and no argument takes it: write \
                               `fn name(x: f32, pair: f32, at: Element) -> f32`, or leave it out";
                errors.at(&self.name, message);
            }
            _ => {}
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
