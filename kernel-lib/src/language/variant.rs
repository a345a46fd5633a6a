use core::fmt::Debug;

use cubecl::client::Client;
use cubecl::prelude::*;
use cubecl::server::Handle;

use super::{
    And, AnyRowStage, HeadsError, LearnedParam, LearnedStage, Not, Or, ParamError, Position,
    TableParam, TableRead,
};
use crate::algorithms::launch::Target;
#[cfg(feature = "cuda")]
use crate::cuda_source::Recorder;
use crate::language::{Table, TableElement};

/// The device half of a variant, called inline by every kernel.
///
/// The attribute macros write the implementation; nobody else needs to.
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

    /// How scores become weights.
    const NORMALISER: Normaliser;

    /// The logit of nothing, for [`Normaliser::Sink`].
    fn sink(at: Position, params: &Self::Params) -> f32;

    /// Whether [`weight`](DeviceVariant::weight) is ever another number than 1.
    const WEIGHS: bool;

    /// What a weight is multiplied by once it was normalised.
    fn weight(at: Position, params: &Self::Params) -> f32;

    /// How many sites read learned parameters: see [`LearnedSite`](super::LearnedSite).
    const LEARNED_SITES: usize;

    /// The element that a site reads: its number, in row-major order, in the parameter that the
    /// site reads. The same everywhere where the site's [`Along`](super::Along) says so.
    fn learned_index(at: Position, params: &Self::Params, #[comptime] site: usize) -> u32;

    /// The derivative of the site's stage with respect to the element that it reads, 0 where the
    /// function does not come by it: of [`score`](DeviceVariant::score),
    /// [`weight`](DeviceVariant::weight) or [`sink`](DeviceVariant::sink).
    fn learned_grad(
        score: f32,
        at: Position,
        params: &Self::Params,
        #[comptime] site: usize,
        #[comptime] stage: LearnedStage,
    ) -> f32;
}

/// A kernel's launch arguments for the parameters of variant `V`.
pub type LaunchParams<V> =
    <<<V as Variant>::Device as DeviceVariant>::Params as LaunchArg>::RuntimeArg;

/// Where the arguments of a launch go: to a device, or nowhere where only source is wanted.
#[derive(Clone, Copy)]
pub struct LaunchTarget<'a>(pub(crate) Target<'a>);

impl<'a> From<&'a Client> for LaunchTarget<'a> {
    fn from(client: &'a Client) -> Self {
        Self(Target::Device(client))
    }
}

impl LaunchTarget<'_> {
    pub(super) fn handle<T: TableElement>(self, table: &Table<T>) -> Handle {
        match self.0 {
            Target::Device(client) => table.upload(client),
            #[cfg(feature = "cuda")]
            Target::Source(_) => Recorder::handle(table.len() * size_of::<T>()),
        }
    }
}

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

/// How scores become weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Normaliser {
    /// `exp(s) / Σ exp(s)`.
    #[default]
    Softmax,
    /// `exp(s) / (exp(sink) + Σ exp(s))`: a row may attend to nothing.
    Sink,
    /// `1 / (1 + exp(-s))`, each weight for itself.
    Sigmoid,
}

impl Normaliser {
    /// That of two variants composed: the one that is not softmax, the second's if both are not.
    pub const fn then(self, second: Self) -> Self {
        match second {
            Normaliser::Softmax => self,
            _ => second,
        }
    }
}

/// What a mask looks at besides the places of query and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaskScope {
    /// Sequences may have masks of their own.
    pub batch: bool,
    /// Heads may.
    pub head: bool,
}

impl MaskScope {
    /// One mask for all.
    pub const SHARED: MaskScope = MaskScope { batch: false, head: false };

    /// What two masks look at between them.
    pub fn union(self, other: Self) -> Self {
        Self { batch: self.batch || other.batch, head: self.head || other.head }
    }
}

/// What makes one attention differ from `softmax(Q Kᵀ · scale) V`.
///
/// An annotated function is a variant; so is a composition made with [`and`](Variant::and), of masks
/// with [`or`](Variant::or) and [`not`](Variant::not), or by head with [`heads`](super::heads).
/// The methods that take a [`Position`] run on the host in `f64`: the reference and the
/// gradient checks use them.
pub trait Variant: Clone + Debug + Send + Sync + 'static {
    /// The generated device code.
    type Device: DeviceVariant;

    /// The stages that this variant changes.
    fn stages(&self) -> Stages;

    /// The parameters in the form a kernel launch takes.
    fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self>;

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

    /// How scores become weights.
    fn normaliser(&self) -> Normaliser {
        Self::Device::NORMALISER
    }

    /// The logit of nothing, for [`Normaliser::Sink`].
    fn sink(&self, _at: &Position) -> f64 {
        0.0
    }

    /// What a weight is multiplied by once it was normalised.
    fn weight(&self, _at: &Position) -> f64 {
        1.0
    }

    /// What [`keep`](Variant::keep) looks at.
    fn mask_scope(&self) -> MaskScope {
        MaskScope { batch: true, head: true }
    }

    /// Whether [`keep`](Variant::keep) on the host tells what the device will find, for every
    /// sequence and head alike: the mask is integer arithmetic and does not look at them. Kernels
    /// then leave out what is masked.
    fn mask_known_on_host(&self) -> bool {
        false
    }

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

    /// The parameters that are tables or learned numbers.
    fn tables(&self) -> Vec<TableParam<'_>> {
        Vec::new()
    }

    /// All that decides, besides positions and shapes, where tables are read and what is masked:
    /// calls for which it is equal share one check of their tables. What has neither says nothing,
    /// so that the seed of a dropout may change with every step.
    fn reads_by(&self) -> String {
        let says = self.stages().mask || !self.tables().is_empty();
        if says { self.describe() } else { String::new() }
    }

    /// Gives `visit` every element that the function may read at a position, whatever the score.
    fn reads(&self, _at: &Position, _visit: &mut dyn FnMut(TableRead)) {}

    /// The learned parameters, each with the sites that read it.
    fn learned(&self) -> Vec<LearnedParam> {
        Vec::new()
    }

    /// The element that a site reads: its number, in row-major order, in the parameter that the
    /// site reads.
    fn learned_index(&self, _at: &Position, _site: usize) -> usize {
        0
    }

    /// The derivative of the site's stage with respect to the element that it reads, 0 where the
    /// function does not come by it: of [`score`](Variant::score), [`weight`](Variant::weight) or
    /// [`sink`](Variant::sink).
    fn learned_grad(&self, _score: f64, _at: &Position, _site: usize, _stage: LearnedStage) -> f64 {
        0.0
    }

    /// The stages that change queries, keys and the output, in the order in which they apply.
    fn row_stages(&self) -> Vec<AnyRowStage> {
        Vec::new()
    }

    /// Whether the variant fits a call of so many query heads: see [`heads`](super::heads).
    ///
    /// # Errors
    ///
    /// A part of a per-head choice is for heads that there are not, for none, or for another's.
    fn check_heads(&self, _heads: usize) -> Result<(), HeadsError> {
        Ok(())
    }

    /// Whether the parameters have values that the variant can be computed with: no number is NaN,
    /// none infinite, and each within its `#[range(..)]`.
    ///
    /// ```
    /// use tilewright::prelude::*;
    ///
    /// assert!(dropout(0.1, 7).check_params().is_ok());
    /// let error = causal().and(dropout(1.0, 7)).check_params().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "`dropout`: `p` is 1, but must be a number, at least 0 and less than 1"
    /// );
    /// ```
    ///
    /// Every call does this first. Of a learned number on a device, and of tables, nothing is
    /// checked: NaN in them is NaN in the result.
    ///
    /// # Errors
    ///
    /// The first parameter of which it does not hold.
    fn check_params(&self) -> Result<(), ParamError> {
        Ok(())
    }

    /// Both variants: `other` modifies the score that `self` made, and a key must pass both masks.
    fn and<B: Variant>(self, other: B) -> And<Self, B> {
        And::new(self, other)
    }

    /// What this mask or the other keeps.
    ///
    /// ```
    /// use tilewright::prelude::*;
    ///
    /// let strided = sliding_window(4).or(dilated(4));
    /// let at = |key| Position { batch: 0, head: 0, query: 12, key, queries: 16, keys: 16 };
    /// let seen: Vec<u32> = (0..16).filter(|&key| strided.keep(&at(key))).collect();
    /// assert_eq!(seen, [0, 4, 8, 9, 10, 11, 12, 13, 14, 15]);
    /// ```
    ///
    /// Both must be masks:
    ///
    /// ```compile_fail,E0277
    /// use tilewright::prelude::*;
    ///
    /// let _ = causal().or(softcap(30.0));
    /// ```
    fn or<B: Mask>(self, other: B) -> Or<Self, B>
    where
        Self: Mask,
    {
        Or::new(self, other)
    }

    /// What this mask does not keep.
    ///
    /// ```
    /// use tilewright::prelude::*;
    ///
    /// let later = causal().not();
    /// let at = |key| Position { batch: 0, head: 0, query: 1, key, queries: 3, keys: 3 };
    /// assert!(!later.keep(&at(1)) && later.keep(&at(2)));
    /// ```
    ///
    /// It must be a mask:
    ///
    /// ```compile_fail,E0277
    /// use tilewright::prelude::*;
    ///
    /// let _ = softcap(30.0).and(causal()).not();
    /// ```
    fn not(self) -> Not<Self>
    where
        Self: Mask,
    {
        Not::new(self)
    }
}

/// A variant that leaves every score as it is and says only which keys a query may see: what
/// [`or`](Variant::or) and [`not`](Variant::not) make sense of.
///
/// `#[mask_mod]` functions are masks, and so are masks joined with [`and`](Variant::and),
/// [`or`](Variant::or), [`not`](Variant::not) and [`heads`](super::heads).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a mask, and only masks have an `or` and a `not`",
    label = "changes scores, or may",
    note = "a `#[mask_mod]` function is a mask, and so are masks joined with `and`, `or`, `not` and \
            `heads`",
    note = "join what changes scores with `and`, after the masks are joined with each other"
)]
pub trait Mask: Variant {}
