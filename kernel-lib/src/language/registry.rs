//! Every annotated function of the program, by name.

use super::example::{self, Example, ExampleSizes, ParamValue};
use super::params::{ParamError, ParamInfo};
use super::{AnyVariant, Stages};

/// An annotated function, as the registry knows it.
///
/// `#[score_mod]` and `#[mask_mod]` register every function they stand on, in every crate of the
/// program.
#[derive(Clone, Copy, Debug)]
pub struct RegisteredVariant {
    /// The function's name.
    pub name: &'static str,
    /// The module that it stands in.
    pub module: &'static str,
    /// See [`Variant::source_hash`](super::Variant::source_hash).
    pub source_hash: u64,
    /// See [`Variant::stages`](super::Variant::stages).
    pub stages: Stages,
    /// The parameters, in the order of the function.
    pub params: &'static [ParamInfo],
    /// Values of all parameters to test with; at least one list.
    pub examples: &'static [&'static [Example]],
    /// Makes the variant from values of all parameters, in order and each of its type:
    /// [`with_params`](RegisteredVariant::with_params) checks that.
    pub build: fn(&[ParamValue]) -> AnyVariant,
    /// The doc comment.
    pub doc: &'static str,
}

impl RegisteredVariant {
    /// The variant with these values of its parameters, in any order.
    ///
    /// # Errors
    ///
    /// A parameter is missing, unknown or given twice, or a value is not of its type or not in its
    /// range.
    pub fn with_params(&self, given: &[(&str, f64)]) -> Result<AnyVariant, ParamError> {
        let variant = self.name;
        for (place, (name, _)) in given.iter().enumerate() {
            let known = self.params.iter().any(|param| param.name == *name);
            if !known {
                return Err(ParamError::Unknown {
                    variant,
                    name: (*name).to_owned(),
                    signature: self.signature(),
                });
            }
            if given[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(ParamError::Twice { variant, name: (*name).to_owned() });
            }
        }
        let values = self.params.iter().map(|param| {
            if param.kind.is_table() {
                return Err(ParamError::Table { variant, name: param.name, kind: param.kind });
            }
            let Some((_, value)) = given.iter().find(|(name, _)| *name == param.name) else {
                return Err(ParamError::Missing {
                    variant,
                    name: param.name,
                    signature: self.signature(),
                });
            };
            param.check(variant, *value).map(|()| ParamValue::Number(*value))
        });
        Ok((self.build)(&values.collect::<Result<Vec<ParamValue>, ParamError>>()?))
    }

    /// The variants that the function's `example`s make, with tables for problems of these sizes.
    pub fn example_variants(&self, sizes: &ExampleSizes) -> impl Iterator<Item = AnyVariant> {
        self.examples.iter().map(|example| example::variant(self, example, sizes))
    }

    /// See [`Variant::source`](super::Variant::source).
    pub fn source(&self) -> String {
        self.smallest().map(|variant| variant.source()).unwrap_or_default()
    }

    /// See [`Variant::derivative`](super::Variant::derivative).
    pub fn derivative(&self) -> String {
        self.smallest().map(|variant| variant.derivative()).unwrap_or_default()
    }

    /// One of the variants, for what its parameters do not change.
    fn smallest(&self) -> Option<AnyVariant> {
        self.example_variants(&ExampleSizes {
            batch: 1,
            heads: 1,
            queries: 1,
            keys: 1,
            head_dim: 1,
            value_dim: 1,
        })
        .next()
    }

    /// Name and parameters with their types, as in `softcap(cap: f32)`.
    pub fn signature(&self) -> String {
        if self.params.is_empty() {
            return self.name.to_owned();
        }
        let write = |param: &ParamInfo| {
            let learned = if param.learned { "#[learned] " } else { "" };
            format!("{learned}{}: {}", param.name, param.kind)
        };
        let params: Vec<String> = self.params.iter().map(write).collect();
        format!("{}({})", self.name, params.join(", "))
    }
}

inventory::collect!(RegisteredVariant);

/// Every registered variant, sorted by name.
pub fn registered() -> impl Iterator<Item = &'static RegisteredVariant> {
    let mut all: Vec<_> = inventory::iter::<RegisteredVariant>.into_iter().collect();
    all.sort_by_key(|variant| (variant.name, variant.module));
    all.into_iter()
}

/// The variant of this name, or of this path where two modules have one of the same name.
///
/// # Errors
///
/// No variant has this name, or more than one has.
pub fn find(name: &str) -> Result<&'static RegisteredVariant, UnknownVariant> {
    let (module, short) = match name.rsplit_once("::") {
        Some((module, short)) => (Some(module), short),
        None => (None, name),
    };
    let found: Vec<_> = registered()
        .filter(|variant| variant.name == short)
        .filter(|variant| module.is_none_or(|module| variant.module == module))
        .collect();
    match found.as_slice() {
        [variant] => Ok(variant),
        [] => Err(UnknownVariant::Nowhere { name: name.to_owned(), close: close_names(short) }),
        several => Err(UnknownVariant::Several {
            name: name.to_owned(),
            paths: several.iter().map(|v| format!("{}::{}", v.module, v.name)).collect(),
        }),
    }
}

/// A name that stands for no variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownVariant {
    /// Nothing is called that.
    #[error("no variant is called `{name}`; {}", suggestion(close))]
    Nowhere {
        /// The name that was asked for.
        name: String,
        /// Names close to it, or every name.
        close: Vec<&'static str>,
    },
    /// More than one function has the name.
    #[error("`{name}` is more than one variant; write one of: {}", paths.join(", "))]
    Several {
        /// The name that was asked for.
        name: String,
        /// Their full paths.
        paths: Vec<String>,
    },
}

fn suggestion(close: &[&str]) -> String {
    match close {
        [] => "none is registered".to_owned(),
        close => format!("is it one of: {}?", close.join(", ")),
    }
}

/// The registered names close to `given`, closest first; all of them where none is close.
fn close_names(given: &str) -> Vec<&'static str> {
    let limit = (given.len() / 2).max(2);
    let mut names: Vec<(usize, &'static str)> =
        registered().map(|variant| (distance(given, variant.name), variant.name)).collect();
    names.dedup();
    names.sort();
    let close: Vec<_> =
        names.iter().filter(|(distance, _)| *distance <= limit).map(|(_, name)| *name).collect();
    if close.is_empty() { names.into_iter().map(|(_, name)| name).collect() } else { close }
}

/// Insertions, deletions and replacements of single characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
