//! The signature of an annotated function.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Expr, FnArg, Ident, ItemFn, ReturnType, Visibility};

use crate::arguments::{Arguments, arguments, type_name};
use crate::errors::Errors;
use crate::example::{self, Example};
use crate::ir::{Feature, Type};
use crate::kind::{Kind, Normaliser, Pairing};
use crate::range::Range;

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
    /// What it may be, where it is a number.
    pub range: Range,
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
            let usual = example::usual(&signature.name, &signature.parameters, errors);
            signature.examples.push(usual);
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
