use std::sync::Arc;

use super::erased::erased;
use super::{
    AnyRowStage, HeadsError, LearnedParam, LearnedStage, MaskScope, Normaliser, ParamError,
    Position, Stages, TableParam, TableRead, Variant,
};
use crate::algorithms::launch::{self, Call, Gradients};

/// A variant whose type was forgotten: what registries, configurations and operators pass around.
///
/// Every [`Variant`] converts into one. Its kernels remain statically composed; only the choice
/// between them is dynamic, once for each launch.
#[derive(Clone)]
pub struct AnyVariant(Arc<dyn ErasedVariant>);

impl AnyVariant {
    /// Forgets the type of a variant.
    pub fn new<V: Variant>(variant: V) -> Self {
        Self(Arc::new(variant))
    }
}

erased! {
    AnyVariant holds ErasedVariant of Variant {
        fn stages() -> Stages;
        fn score(score: f64, at: &Position) -> f64;
        fn score_grad(score: f64, at: &Position) -> f64;
        fn derived_grad(score: f64, at: &Position) -> Option<f64>;
        fn normaliser() -> Normaliser;
        fn mask_scope() -> MaskScope;
        fn mask_known_on_host() -> bool;
        fn sink(at: &Position) -> f64;
        fn weight(at: &Position) -> f64;
        fn keep(at: &Position) -> bool;
        fn tables() -> Vec<TableParam<'_>>;
        fn reads_by() -> String;
        fn reads(at: &Position, visit: &mut dyn FnMut(TableRead));
        fn learned() -> Vec<LearnedParam>;
        fn learned_index(at: &Position, site: usize) -> usize;
        fn learned_grad(score: f64, at: &Position, site: usize, stage: LearnedStage) -> f64;
        fn row_stages() -> Vec<AnyRowStage>;
        /// # Errors
        ///
        /// As there.
        fn check_heads(heads: usize) -> Result<(), HeadsError>;
        /// # Errors
        ///
        /// As there.
        fn check_params() -> Result<(), ParamError>;
        fn source() -> String;
        fn derivative() -> String;
        fn describe() -> String;
        fn source_hash() -> u64;
    }
    launched {
        fn launch_forward(call: &Call<'_>) = launch::forward;
        fn launch_backward(call: &Call<'_>, gradients: &Gradients<'_>) = launch::backward;
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
