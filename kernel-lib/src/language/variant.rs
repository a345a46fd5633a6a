use core::fmt::Debug;

use cubecl::prelude::*;

use super::{And, Position};

/// The device half of a variant, called inline by every kernel.
///
/// `#[score_mod]` and `#[mask_mod]` write the implementation; nobody else needs to.
#[cube]
#[allow(missing_docs, reason = "CubeCL's expansion methods have no docs")]
pub trait DeviceVariant: Send + Sync + 'static {
    /// The variant's parameters as kernel arguments.
    type Params: LaunchArg + CubeType;

    /// The modified score, given the scaled product of one query and one key.
    fn score(score: f32, at: Position, params: &Self::Params) -> f32;

    /// The derivative of [`score`](DeviceVariant::score) with respect to its first argument.
    fn score_grad(score: f32, at: Position, params: &Self::Params) -> f32;

    /// Whether this query may see this key.
    fn keep(at: Position, params: &Self::Params) -> bool;
}

/// A kernel's launch arguments for the parameters of variant `V`.
pub type LaunchParams<V> =
    <<<V as Variant>::Device as DeviceVariant>::Params as LaunchArg>::RuntimeArg;

/// Which stages of attention a variant changes; a stage left alone costs nothing in a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stages {
    /// It has a `score_mod`.
    pub score: bool,
    /// It has a `mask_mod`.
    pub mask: bool,
}

impl Stages {
    /// The stages of two variants composed.
    pub fn union(self, other: Self) -> Self {
        Self { score: self.score || other.score, mask: self.mask || other.mask }
    }
}

/// What makes one attention differ from `softmax(Q Kᵀ · scale) V`.
///
/// An annotated function is a variant; so is a composition made with [`and`](Variant::and).
/// The methods that take a [`Position`] run on the host in `f64`: the reference and the
/// gradient checks use them.
pub trait Variant: Clone + Debug + Send + Sync + 'static {
    /// The generated device code.
    type Device: DeviceVariant;

    /// The stages that this variant changes.
    fn stages(&self) -> Stages;

    /// The parameters in the form a kernel launch takes.
    fn launch_params(&self) -> LaunchParams<Self>;

    /// The modified score.
    fn score(&self, score: f64, at: &Position) -> f64;

    /// The derivative of [`score`](Variant::score) with respect to the score.
    fn score_grad(&self, score: f64, at: &Position) -> f64;

    /// The derivative that was derived, where one written by hand stands in its place and is what
    /// [`score_grad`](Variant::score_grad) gives. See [`check_gradient`](super::check_gradient).
    fn derived_grad(&self, score: f64, at: &Position) -> Option<f64> {
        let _ = (score, at);
        None
    }

    /// Whether this query may see this key.
    fn keep(&self, at: &Position) -> bool;

    /// The function in the usual layout, then the functions it calls; empty for what is not
    /// written in the language.
    fn source(&self) -> String {
        String::new()
    }

    /// The derivative with respect to the score as a function of the language, then those of the
    /// functions it calls; empty for a mask and for what is not written in the language.
    fn derivative(&self) -> String {
        String::new()
    }

    /// Name and parameters, as in `softcap(cap=30)`.
    fn describe(&self) -> String;

    /// A hash of the source text and of all functions that it calls, for tables and caches:
    /// parameters do not change it.
    fn source_hash(&self) -> u64;

    /// Both variants: `other` modifies the score that `self` made, and a key must pass both masks.
    fn and<B: Variant>(self, other: B) -> And<Self, B> {
        And::new(self, other)
    }
}
