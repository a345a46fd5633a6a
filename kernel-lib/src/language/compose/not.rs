use core::marker::PhantomData;

use cubecl::prelude::*;

use super::HeadsError;
use crate::language::{
    DeviceVariant, LaunchParams, LaunchTarget, LearnedStage, Mask, MaskScope, Normaliser,
    ParamError, Position, Stages, TableParam, TableRead, Variant,
};

/// What a mask does not keep: made by [`Variant::not`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Not<M>(M);

impl<M> Not<M> {
    pub(in crate::language) fn new(mask: M) -> Self {
        Self(mask)
    }
}

/// The device half of [`Not`].
pub struct NotDevice<M>(PhantomData<M>);

#[cube]
impl<M: DeviceVariant> DeviceVariant for NotDevice<M> {
    type Params = M::Params;

    fn score(score: f32, _at: Position, _params: &Self::Params) -> f32 {
        score
    }

    fn score_grad(_score: f32, _at: Position, _params: &Self::Params) -> f32 {
        f32::new(1.0)
    }

    fn keep(at: Position, params: &Self::Params) -> bool {
        !M::keep(at, params)
    }

    const NORMALISER: Normaliser = Normaliser::Softmax;

    fn sink(_at: Position, _params: &Self::Params) -> f32 {
        f32::new(0.0)
    }

    const WEIGHS: bool = false;

    fn weight(_at: Position, _params: &Self::Params) -> f32 {
        f32::new(1.0)
    }

    const LEARNED_SITES: usize = 0;

    fn learned_index(_at: Position, _params: &Self::Params, #[comptime] _site: usize) -> u32 {
        u32::new(0)
    }

    fn learned_grad(
        _score: f32,
        _at: Position,
        _params: &Self::Params,
        #[comptime] _site: usize,
        #[comptime] _stage: LearnedStage,
    ) -> f32 {
        f32::new(0.0)
    }
}

impl<M: Mask> Mask for Not<M> {}

impl<M: Mask> Variant for Not<M> {
    type Device = NotDevice<M::Device>;

    fn stages(&self) -> Stages {
        Stages { score: false, mask: true }
    }

    fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self> {
        self.0.launch_params(target)
    }

    fn score(&self, score: f64, _at: &Position) -> f64 {
        score
    }

    fn score_grad(&self, _score: f64, _at: &Position) -> f64 {
        1.0
    }

    fn keep(&self, at: &Position) -> bool {
        !self.0.keep(at)
    }

    fn mask_scope(&self) -> MaskScope {
        self.0.mask_scope()
    }

    fn mask_known_on_host(&self) -> bool {
        self.0.mask_known_on_host()
    }

    fn tables(&self) -> Vec<TableParam<'_>> {
        self.0.tables()
    }

    fn reads_by(&self) -> String {
        self.0.reads_by()
    }

    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        self.0.reads(at, visit);
    }

    fn check_heads(&self, heads: usize) -> Result<(), HeadsError> {
        self.0.check_heads(heads)
    }

    fn check_params(&self) -> Result<(), ParamError> {
        self.0.check_params()
    }

    fn describe(&self) -> String {
        let mask = self.0.describe();
        // `not` binds tightest; parentheses too many do no harm.
        if mask.contains(" and ") { format!("not ({mask})") } else { format!("not {mask}") }
    }

    fn source_hash(&self) -> u64 {
        super::source_hash("not", &[self.0.source_hash()])
    }
}
