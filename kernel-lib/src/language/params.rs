//! Parameters of variants: their types, and which values they may have.

use core::fmt;
use core::ops::{Bound, RangeBounds};

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

/// The numbers that a parameter may be: those that its `#[range(..)]` names, and else all of its
/// type but the infinite. NaN is never one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamRange {
    /// Where it starts.
    pub start: Bound<f64>,
    /// Where it ends.
    pub end: Bound<f64>,
    /// A number of it in words, as in "a whole number from 1 to 4294967295".
    pub allowed: &'static str,
}

impl ParamRange {
    /// Whether a number lies in it.
    pub fn contains(&self, value: f64) -> bool {
        // NaN lies in a range without bounds.
        !value.is_nan() && (self.start, self.end).contains(&value)
    }
}

/// One parameter of a variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamInfo {
    /// Its name in the function.
    pub name: &'static str,
    /// Its type.
    pub kind: ParamKind,
    /// Whether it is `#[learned]`.
    pub learned: bool,
    /// What it may be; nothing is known of what a table holds.
    pub range: Option<ParamRange>,
}

impl ParamInfo {
    /// Whether the parameter of a variant may be this number.
    ///
    /// # Errors
    ///
    /// The number is not of the parameter's type, or outside its range.
    pub fn check(&self, variant: &'static str, value: f64) -> Result<(), ParamError> {
        let Some(range) = self.range else { return Ok(()) };
        let fits = match self.kind {
            // As the variant will hold it.
            ParamKind::F32 => range.contains(f64::from(value as f32)),
            _ => value.fract() == 0.0 && range.contains(value),
        };
        match fits {
            true => Ok(()),
            false => Err(ParamError::Value {
                variant,
                name: self.name,
                value: written(value),
                allowed: range.allowed,
            }),
        }
    }
}

/// A number as its author wrote it: an `f32` that became an `f64` has more digits.
fn written(value: f64) -> String {
    let narrow = value as f32;
    if f64::from(narrow) == value { narrow.to_string() } else { value.to_string() }
}

/// Why parameters do not make a variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// A value that the parameter may not have.
    #[error("`{variant}`: `{name}` is {value}, but must be {allowed}")]
    Value {
        /// The variant's name.
        variant: &'static str,
        /// The parameter.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
}
