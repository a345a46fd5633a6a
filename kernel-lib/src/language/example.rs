//! Variants made from a function's `example`s.

use super::table::needed;
use super::{AnyVariant, ParamKind, RegisteredVariant, Table, TableElement};
use crate::Problem;
use crate::random::Random;

/// The sizes that the example of a table is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExampleSizes {
    /// Sequences.
    pub batch: usize,
    /// Query heads.
    pub heads: usize,
    /// Queries in a sequence.
    pub queries: usize,
    /// Keys in a sequence.
    pub keys: usize,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
}

impl ExampleSizes {
    /// Batch, heads, queries, keys, and the lengths of keys and values, to compute with.
    pub fn each(&self) -> [i64; 6] {
        let Self { batch, heads, queries, keys, head_dim, value_dim } = *self;
        [batch, heads, queries, keys, head_dim, value_dim].map(|size| size as i64)
    }
}

impl From<&Problem> for ExampleSizes {
    fn from(problem: &Problem) -> Self {
        let Problem { batch, heads, seq_q, seq_k, head_dim, value_dim, .. } = *problem;
        Self { batch, heads, queries: seq_q, keys: seq_k, head_dim, value_dim }
    }
}

/// A parameter to test with, as `example(..)` says it.
#[derive(Clone, Copy, Debug)]
pub enum Example {
    /// This number.
    Number(f64),
    /// A table of random values, as large as what the function reads.
    Fitting,
    /// A table of random values of this shape.
    Table(fn(&ExampleSizes) -> Vec<usize>),
}

impl Example {
    /// The number, unless it is a table.
    pub fn number(&self) -> Option<f64> {
        match self {
            Example::Number(number) => Some(*number),
            Example::Fitting | Example::Table(_) => None,
        }
    }
}

/// The value of a parameter whose type was forgotten.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// `f32`, `u32` or `i32`.
    Number(f64),
    /// `Table`.
    Table(Table),
    /// `Table<u32>`.
    TableU32(Table<u32>),
    /// `Table<i32>`.
    TableI32(Table<i32>),
}

impl ParamValue {
    /// The number.
    ///
    /// # Panics
    ///
    /// Where it is a table.
    pub fn number(&self) -> f64 {
        match self {
            ParamValue::Number(number) => *number,
            table => panic!("{table:?} was given where a number is needed"),
        }
    }

    /// The table.
    ///
    /// # Panics
    ///
    /// Where it is a number, or a table of another type.
    pub fn table<T: TableElement>(&self) -> Table<T> {
        let table: &dyn core::any::Any = match self {
            ParamValue::Number(number) => number,
            ParamValue::Table(table) => table,
            ParamValue::TableU32(table) => table,
            ParamValue::TableI32(table) => table,
        };
        let table = table.downcast_ref::<Table<T>>();
        table
            .unwrap_or_else(|| panic!("{self:?} was given where a table of {} is", T::NAME))
            .clone()
    }
}

/// Integers of random tables are below this, so that equal ones occur.
const BELOW: u64 = 4;

/// The most elements of a random table: a function that reads farther is wrong at these sizes, and
/// the check before a launch says so.
const MOST: usize = 1 << 26;

/// The variant of an example, its tables filled with numbers that depend on their shapes alone.
pub(super) fn variant(
    registered: &RegisteredVariant,
    example: &[Example],
    sizes: &ExampleSizes,
) -> AnyVariant {
    let mut shapes: Vec<Vec<usize>> = example
        .iter()
        .map(|example| match example {
            Example::Table(shape) => shape(sizes),
            Example::Number(_) | Example::Fitting => vec![1],
        })
        .collect();
    let build = |shapes: &[Vec<usize>]| {
        let params = registered.params.iter().zip(example).zip(shapes);
        let values: Vec<ParamValue> = params
            .map(|((param, example), shape)| match example {
                Example::Number(number) => ParamValue::Number(*number),
                Example::Fitting | Example::Table(_) => random_table(param.kind, shape),
            })
            .collect();
        (registered.build)(&values)
    };
    let mut variant = build(&shapes);
    // A table that tells where another is read is known only when it has its size.
    for _ in 0..registered.params.len() {
        let needed = needed(&variant, sizes);
        let mut changed = false;
        let mut tables = needed.into_iter();
        for (place, param) in registered.params.iter().enumerate() {
            if !param.kind.is_table() && !param.learned {
                continue;
            }
            let Some(needed) = tables.next().filter(|needed| is_sane(needed)) else { continue };
            if matches!(example[place], Example::Fitting) && shapes[place] != needed {
                shapes[place] = needed;
                changed = true;
            }
        }
        if !changed {
            break;
        }
        variant = build(&shapes);
    }
    variant
}

fn is_sane(shape: &[usize]) -> bool {
    shape.iter().try_fold(1usize, |len, &size| len.checked_mul(size)).is_some_and(|len| len <= MOST)
}

/// Numbers between -1 and 1, or small integers.
fn random_table(kind: ParamKind, shape: &[usize]) -> ParamValue {
    let len: usize = shape.iter().product();
    let mut random = Random::new(len as u64);
    let made = match kind {
        ParamKind::TableU32 => {
            let values = (0..len).map(|_| (random.bits() % BELOW) as u32).collect();
            Table::new(shape, values).map(ParamValue::TableU32)
        }
        ParamKind::TableI32 => {
            let values = (0..len).map(|_| (random.bits() % BELOW) as i32).collect();
            Table::new(shape, values).map(ParamValue::TableI32)
        }
        _ => {
            let values = (0..len).map(|_| (2.0 * random.unit() - 1.0) as f32).collect();
            Table::new(shape, values).map(ParamValue::Table)
        }
    };
    made.unwrap_or_else(|error| panic!("example of a table: {error}"))
}
