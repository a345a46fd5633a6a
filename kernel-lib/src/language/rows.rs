//! Stages that change rows before scores are made of them, or after weights made them: queries,
//! keys, the output.

// `CubeType` and `cube` write types and functions without docs.
#![allow(missing_docs)]

use core::fmt::Debug;
use std::sync::Arc;

use cubecl::prelude::*;

use super::erased::erased;
use super::{LaunchTarget, LearnedParam, Position, TableParam, TableRead};
use crate::Strided;
use crate::algorithms::launch::Call;
use crate::algorithms::rows::launch::{self, Tensors};

/// Where an element of a row stands: what a `query_mod`, `key_mod` or `output_mod` may look at.
///
/// Functions of the language take it by this type. Generated code and the host's half of a stage
/// speak of a [`Position`] instead, with the token as its query and the dimension as its key, so that
/// tables and learned parameters are those of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Index of the sequence in the batch.
    pub batch: u32,
    /// Index of the head: a query head of queries and the output, a key head of keys.
    pub head: u32,
    /// Index of the row in its sequence, below `tokens`.
    pub token: u32,
    /// Index of the element in its row, below `dims`.
    pub dim: u32,
    /// Number of rows in the sequence.
    pub tokens: u32,
    /// Length of a row.
    pub dims: u32,
}

/// Whose rows a stage changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowTarget {
    /// `#[query_mod]`.
    Queries,
    /// `#[key_mod]`.
    Keys,
    /// `#[query_key_mod]`.
    QueriesAndKeys,
    /// `#[output_mod]`.
    Output,
}

/// Which element of a row is whose partner. Partners have each other; the last of an odd number has
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pairing {
    /// The function asks for no partner.
    None,
    /// An element of the first half and the one in its place in the second.
    Halves,
    /// 0 and 1, 2 and 3 ...
    Neighbours,
}

impl Pairing {
    /// The partner of an element.
    pub fn partner(self, dim: usize, dims: usize) -> usize {
        let half = dims / 2;
        match self {
            Pairing::Halves if dim < half => dim + half,
            Pairing::Halves if dim < 2 * half => dim - half,
            Pairing::Neighbours if dim < 2 * half => dim ^ 1,
            _ => dim,
        }
    }
}

/// What a new element changes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowInput {
    /// The element.
    Element,
    /// Its partner.
    Pair,
    /// The mean of its row.
    Mean,
    /// The mean of its row's squares.
    MeanSquare,
}

/// The device half of a stage of rows.
///
/// The attribute macros write the implementation; nobody else needs to.
#[cube]
pub trait DeviceRowStage: Send + Sync + 'static {
    /// The stage's parameters as kernel arguments.
    type Params: LaunchArg + CubeType;

    /// Which partner an element has; without one it is given 0.
    const PAIRING: Pairing;

    /// Whether the function asks for the mean of the row; else it is given 0.
    const MEAN: bool;

    /// Whether it asks for the mean of the squares.
    const MEAN_SQUARE: bool;

    /// The new element.
    fn value(
        element: f32,
        pair: f32,
        mean: f32,
        mean_square: f32,
        at: Position,
        params: &Self::Params,
    ) -> f32;

    /// The derivative of the new element with respect to one of what it is made of.
    fn slope(
        element: f32,
        pair: f32,
        mean: f32,
        mean_square: f32,
        at: Position,
        params: &Self::Params,
        #[comptime] of: RowInput,
    ) -> f32;

    /// How many sites read learned parameters.
    const LEARNED_SITES: usize;

    /// The element of a parameter that a site reads: its number, in row-major order.
    fn learned_index(at: Position, params: &Self::Params, #[comptime] site: usize) -> u32;

    /// The derivative of the new element with respect to what a site reads.
    fn learned_grad(
        element: f32,
        pair: f32,
        mean: f32,
        mean_square: f32,
        at: Position,
        params: &Self::Params,
        #[comptime] site: usize,
    ) -> f32;
}

/// A kernel's launch arguments for the parameters of stage `S`.
pub type RowParams<S> =
    <<<S as RowStage>::Device as DeviceRowStage>::Params as LaunchArg>::RuntimeArg;

/// A function of the elements of rows, as its annotation makes it. In every [`Position`] the token
/// is the query and the dimension the key. In arrays of four stand the element, its partner, and the
/// means of its row and of its squares; a partner or mean that the function does not ask for may be
/// anything.
pub trait RowStage: Clone + Debug + Send + Sync + 'static {
    /// The generated device code.
    type Device: DeviceRowStage;

    /// Whose rows it changes.
    fn target(&self) -> RowTarget;

    /// Which partner an element has.
    fn pairing(&self) -> Pairing {
        Self::Device::PAIRING
    }

    /// The parameters in the form a kernel launch takes.
    fn launch_params(&self, target: LaunchTarget<'_>) -> RowParams<Self>;

    /// The new element.
    fn value(&self, row: [f64; 4], at: &Position) -> f64;

    /// Its derivative with respect to one of what it is made of.
    fn slope(&self, row: [f64; 4], at: &Position, of: RowInput) -> f64;

    /// See [`Variant::tables`](super::Variant::tables).
    fn tables(&self) -> Vec<TableParam<'_>> {
        Vec::new()
    }

    /// See [`Variant::reads_by`](super::Variant::reads_by).
    fn reads_by(&self) -> String {
        if self.tables().is_empty() { String::new() } else { self.describe() }
    }

    /// See [`Variant::reads`](super::Variant::reads).
    fn reads(&self, _at: &Position, _visit: &mut dyn FnMut(TableRead)) {}

    /// The learned parameters, each with the sites that read it.
    fn learned(&self) -> Vec<LearnedParam> {
        Vec::new()
    }

    /// See [`Variant::learned_index`](super::Variant::learned_index).
    fn learned_index(&self, _at: &Position, _site: usize) -> usize {
        0
    }

    /// The derivative of the new element with respect to what a site reads.
    fn learned_grad(&self, _row: [f64; 4], _at: &Position, _site: usize) -> f64 {
        0.0
    }

    /// Name and parameters.
    fn describe(&self) -> String;

    /// See [`Variant::source_hash`](super::Variant::source_hash).
    fn source_hash(&self) -> u64;
}

/// The learned parameters of a stage of rows as a variant lists them: no site of a score reads them.
pub fn learned_of_rows(stage: &impl RowStage) -> Vec<LearnedParam> {
    let params = stage.learned().into_iter();
    params.map(|param| LearnedParam { sites: Vec::new(), of_rows: true, ..param }).collect()
}

/// A stage of rows whose type was forgotten.
#[derive(Clone)]
pub struct AnyRowStage(Arc<dyn ErasedRowStage>);

impl AnyRowStage {
    /// Forgets the type of a stage.
    pub fn new<S: RowStage>(stage: S) -> Self {
        Self(Arc::new(stage))
    }

    /// Whether it changes the output.
    pub fn is_of_output(&self) -> bool {
        self.target() == RowTarget::Output
    }
}

erased! {
    AnyRowStage holds ErasedRowStage of RowStage {
        fn target() -> RowTarget;
        fn pairing() -> Pairing;
        fn value(row: [f64; 4], at: &Position) -> f64;
        fn slope(row: [f64; 4], at: &Position, of: RowInput) -> f64;
        fn tables() -> Vec<TableParam<'_>>;
        fn reads_by() -> String;
        fn reads(at: &Position, visit: &mut dyn FnMut(TableRead));
        fn learned() -> Vec<LearnedParam>;
        fn learned_index(at: &Position, site: usize) -> usize;
        fn learned_grad(row: [f64; 4], at: &Position, site: usize) -> f64;
        fn describe() -> String;
        fn source_hash() -> u64;
    }
    launched {
        fn launch_values(call: &Call<'_>, tensors: &[Tensors<'_>]) = launch::values;
        fn launch_gradients(call: &Call<'_>, tensors: &[Tensors<'_>]) = launch::gradients;
        fn launch_learned(call: &Call<'_>, tensors: &[Tensors<'_>], gradients: &[Strided])
            = launch::learned;
    }
}
