//! Every annotated function of the program, by name.

use std::fmt;

use super::example::{self, Example, ExampleSizes, ParamValue};
use super::{AnyVariant, Stages};

/// The type of a variant's parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParamKind {
    /// `f32`.
    F32,
    /// `u32`.
    U32,
    /// `i32`.
    I32,
    /// `Table`.
    Table,
    /// `Table<u32>`.
    TableU32,
    /// `Table<i32>`.
    TableI32,
}

impl ParamKind {
    /// Whether it is a table.
    pub fn is_table(self) -> bool {
        matches!(self, ParamKind::Table | ParamKind::TableU32 | ParamKind::TableI32)
    }
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParamKind::F32 => "f32",
            ParamKind::U32 => "u32",
            ParamKind::I32 => "i32",
            ParamKind::Table => "Table",
            ParamKind::TableU32 => "Table<u32>",
            ParamKind::TableI32 => "Table<i32>",
        })
    }
}

/// One parameter of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamInfo {
    /// Its name in the function.
    pub name: &'static str,
    /// Its type.
    pub kind: ParamKind,
    /// Whether it is `#[learned]`.
    pub learned: bool,
}

impl ParamInfo {
    fn check(&self, variant: &'static str, value: f64) -> Result<(), ParamError> {
        let refuse = |allowed| {
            Err(ParamError::Value { variant, name: self.name, kind: self.kind, value, allowed })
        };
        let (least, most) = match self.kind {
            ParamKind::F32 if !value.is_finite() => return refuse("a finite number"),
            ParamKind::F32 => (f64::from(f32::MIN), f64::from(f32::MAX)),
            ParamKind::U32 => (0.0, f64::from(u32::MAX)),
            _ => (f64::from(i32::MIN), f64::from(i32::MAX)),
        };
        if self.kind != ParamKind::F32 && value.fract() != 0.0 || value.is_nan() {
            return refuse("a whole number");
        }
        if !(least..=most).contains(&value) {
            return refuse(match self.kind {
                ParamKind::F32 => "a number within the range of f32",
                ParamKind::U32 => "between 0 and 4294967295",
                _ => "between -2147483648 and 2147483647",
            });
        }
        Ok(())
    }
}

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
    /// A parameter is missing, unknown or given twice, or a value is not of its type.
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

/// Why parameters do not make a variant.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamError {
    /// The variant has no such parameter.
    #[error("`{variant}` has no parameter `{name}`; it is {signature}")]
    Unknown {
        /// The variant's name.
        variant: &'static str,
        /// The parameter that was given.
        name: String,
        /// What the variant takes.
        signature: String,
    },
    /// A parameter has no value.
    #[error("`{variant}` needs a value for `{name}`; it is {signature}")]
    Missing {
        /// The variant's name.
        variant: &'static str,
        /// The parameter without a value.
        name: &'static str,
        /// What the variant takes.
        signature: String,
    },
    /// A parameter has two values.
    #[error("`{variant}`: `{name}` is given twice")]
    Twice {
        /// The variant's name.
        variant: &'static str,
        /// The parameter.
        name: String,
    },
    /// A table, which is no number.
    #[error(
        "`{variant}`: `{name}` is a {kind}, which only a program can give: call `{variant}(..)` with a \
         table there"
    )]
    Table {
        /// The variant's name.
        variant: &'static str,
        /// The parameter.
        name: &'static str,
        /// Its type.
        kind: ParamKind,
    },
    /// A value is not of the parameter's type.
    #[error("`{variant}`: `{name}` is {value}, but it is {kind} and must be {allowed}")]
    Value {
        /// The variant's name.
        variant: &'static str,
        /// The parameter.
        name: &'static str,
        /// Its type.
        kind: ParamKind,
        /// The value that was given.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
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
