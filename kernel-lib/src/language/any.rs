use std::fmt;
use std::sync::Arc;

use super::{
    AnyRowStage, HeadsError, LearnedParam, LearnedStage, MaskScope, Normaliser, Position, Stages,
    TableParam, TableRead, Variant,
};
use crate::algorithms::launch::{self, Call, Gradients};

/// A variant whose type was forgotten: what registries, configurations and operators pass around.
///
/// Every [`Variant`] converts into one. Its kernels remain statically composed; only the choice
/// between them is dynamic, once for each launch.
#[derive(Clone)]
pub struct AnyVariant(Arc<dyn ErasedVariant>);

trait ErasedVariant: Send + Sync {
    fn stages(&self) -> Stages;
    fn score(&self, score: f64, at: &Position) -> f64;
    fn score_grad(&self, score: f64, at: &Position) -> f64;
    fn derived_grad(&self, score: f64, at: &Position) -> Option<f64>;
    fn normaliser(&self) -> Normaliser;
    fn mask_scope(&self) -> MaskScope;
    fn mask_known_on_host(&self) -> bool;
    fn sink(&self, at: &Position) -> f64;
    fn weight(&self, at: &Position) -> f64;
    fn keep(&self, at: &Position) -> bool;
    fn tables(&self) -> Vec<TableParam<'_>>;
    fn reads_by(&self) -> String;
    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead));
    fn learned(&self) -> Vec<LearnedParam>;
    fn learned_index(&self, at: &Position, site: usize) -> usize;
    fn learned_grad(&self, score: f64, at: &Position, site: usize, stage: LearnedStage) -> f64;
    fn row_stages(&self) -> Vec<AnyRowStage>;
    fn check_heads(&self, heads: usize) -> Result<(), HeadsError>;
    fn source(&self) -> String;
    fn derivative(&self) -> String;
    fn describe(&self) -> String;
    fn source_hash(&self) -> u64;
    fn launch_forward(&self, call: &Call<'_>);
    fn launch_backward(&self, call: &Call<'_>, gradients: &Gradients<'_>);
}

impl<V: Variant> ErasedVariant for V {
    fn stages(&self) -> Stages {
        Variant::stages(self)
    }

    fn score(&self, score: f64, at: &Position) -> f64 {
        Variant::score(self, score, at)
    }

    fn score_grad(&self, score: f64, at: &Position) -> f64 {
        Variant::score_grad(self, score, at)
    }

    fn derived_grad(&self, score: f64, at: &Position) -> Option<f64> {
        Variant::derived_grad(self, score, at)
    }

    fn normaliser(&self) -> Normaliser {
        Variant::normaliser(self)
    }

    fn mask_scope(&self) -> MaskScope {
        Variant::mask_scope(self)
    }

    fn mask_known_on_host(&self) -> bool {
        Variant::mask_known_on_host(self)
    }

    fn sink(&self, at: &Position) -> f64 {
        Variant::sink(self, at)
    }

    fn weight(&self, at: &Position) -> f64 {
        Variant::weight(self, at)
    }

    fn keep(&self, at: &Position) -> bool {
        Variant::keep(self, at)
    }

    fn tables(&self) -> Vec<TableParam<'_>> {
        Variant::tables(self)
    }

    fn reads_by(&self) -> String {
        Variant::reads_by(self)
    }

    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        Variant::reads(self, at, visit);
    }

    fn learned(&self) -> Vec<LearnedParam> {
        Variant::learned(self)
    }

    fn learned_index(&self, at: &Position, site: usize) -> usize {
        Variant::learned_index(self, at, site)
    }

    fn learned_grad(&self, score: f64, at: &Position, site: usize, stage: LearnedStage) -> f64 {
        Variant::learned_grad(self, score, at, site, stage)
    }

    fn row_stages(&self) -> Vec<AnyRowStage> {
        Variant::row_stages(self)
    }

    fn check_heads(&self, heads: usize) -> Result<(), HeadsError> {
        Variant::check_heads(self, heads)
    }

    fn source(&self) -> String {
        Variant::source(self)
    }

    fn derivative(&self) -> String {
        Variant::derivative(self)
    }

    fn describe(&self) -> String {
        Variant::describe(self)
    }

    fn source_hash(&self) -> u64 {
        Variant::source_hash(self)
    }

    fn launch_forward(&self, call: &Call<'_>) {
        launch::forward(self, call);
    }

    fn launch_backward(&self, call: &Call<'_>, gradients: &Gradients<'_>) {
        launch::backward(self, call, gradients);
    }
}

impl AnyVariant {
    /// Forgets the type of a variant.
    pub fn new<V: Variant>(variant: V) -> Self {
        Self(Arc::new(variant))
    }

    /// See [`Variant::stages`].
    pub fn stages(&self) -> Stages {
        self.0.stages()
    }

    /// See [`Variant::score`].
    pub fn score(&self, score: f64, at: &Position) -> f64 {
        self.0.score(score, at)
    }

    /// See [`Variant::score_grad`].
    pub fn score_grad(&self, score: f64, at: &Position) -> f64 {
        self.0.score_grad(score, at)
    }

    /// See [`Variant::derived_grad`].
    pub fn derived_grad(&self, score: f64, at: &Position) -> Option<f64> {
        self.0.derived_grad(score, at)
    }

    /// See [`Variant::normaliser`].
    pub fn normaliser(&self) -> Normaliser {
        self.0.normaliser()
    }

    /// See [`Variant::mask_scope`].
    pub fn mask_scope(&self) -> MaskScope {
        self.0.mask_scope()
    }

    /// See [`Variant::mask_known_on_host`].
    pub fn mask_known_on_host(&self) -> bool {
        self.0.mask_known_on_host()
    }

    /// See [`Variant::sink`].
    pub fn sink(&self, at: &Position) -> f64 {
        self.0.sink(at)
    }

    /// See [`Variant::weight`].
    pub fn weight(&self, at: &Position) -> f64 {
        self.0.weight(at)
    }

    /// See [`Variant::keep`].
    pub fn keep(&self, at: &Position) -> bool {
        self.0.keep(at)
    }

    /// See [`Variant::tables`].
    pub fn tables(&self) -> Vec<TableParam<'_>> {
        self.0.tables()
    }

    /// See [`Variant::reads_by`].
    pub fn reads_by(&self) -> String {
        self.0.reads_by()
    }

    /// See [`Variant::reads`].
    pub fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        self.0.reads(at, visit);
    }

    /// See [`Variant::learned`].
    pub fn learned(&self) -> Vec<LearnedParam> {
        self.0.learned()
    }

    /// See [`Variant::learned_index`].
    pub fn learned_index(&self, at: &Position, site: usize) -> usize {
        self.0.learned_index(at, site)
    }

    /// See [`Variant::learned_grad`].
    pub fn learned_grad(&self, score: f64, at: &Position, site: usize, stage: LearnedStage) -> f64 {
        self.0.learned_grad(score, at, site, stage)
    }

    /// See [`Variant::row_stages`].
    pub fn row_stages(&self) -> Vec<AnyRowStage> {
        self.0.row_stages()
    }

    /// See [`Variant::check_heads`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn check_heads(&self, heads: usize) -> Result<(), HeadsError> {
        self.0.check_heads(heads)
    }

    /// See [`Variant::source`].
    pub fn source(&self) -> String {
        self.0.source()
    }

    /// See [`Variant::derivative`].
    pub fn derivative(&self) -> String {
        self.0.derivative()
    }

    /// See [`Variant::describe`].
    pub fn describe(&self) -> String {
        self.0.describe()
    }

    /// See [`Variant::source_hash`].
    pub fn source_hash(&self) -> u64 {
        self.0.source_hash()
    }

    pub(crate) fn launch_forward(&self, call: &Call<'_>) {
        self.0.launch_forward(call);
    }

    pub(crate) fn launch_backward(&self, call: &Call<'_>, gradients: &Gradients<'_>) {
        self.0.launch_backward(call, gradients);
    }
}

impl<V: Variant> From<V> for AnyVariant {
    fn from(variant: V) -> Self {
        Self::new(variant)
    }
}

impl From<&AnyVariant> for AnyVariant {
    fn from(variant: &AnyVariant) -> Self {
        variant.clone()
    }
}

impl fmt::Debug for AnyVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
