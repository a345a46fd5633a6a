use core::marker::PhantomData;

use cubecl::prelude::*;

use super::and::{BothParams, BothParamsLaunch};
use super::{HeadsError, joined};
use crate::language::{
    DeviceVariant, LaunchParams, LaunchTarget, LearnedStage, Mask, MaskScope, Normaliser,
    ParamError, Position, Stages, TableParam, TableRead, Variant,
};

/// What either of two masks keeps: made by [`Variant::or`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Or<A, B> {
    first: A,
    second: B,
}

impl<A, B> Or<A, B> {
    pub(in crate::language) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

/// The device half of [`Or`].
pub struct OrDevice<A, B>(PhantomData<(A, B)>);

#[cube]
impl<A: DeviceVariant, B: DeviceVariant> DeviceVariant for OrDevice<A, B> {
    type Params = BothParams<A::Params, B::Params>;

    fn score(score: f32, _at: Position, _params: &Self::Params) -> f32 {
        score
    }

    fn score_grad(_score: f32, _at: Position, _params: &Self::Params) -> f32 {
        f32::new(1.0)
    }

    fn keep(at: Position, params: &Self::Params) -> bool {
        A::keep(at, &params.first) || B::keep(at, &params.second)
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

impl<A: Mask, B: Mask> Mask for Or<A, B> {}

impl<A: Mask, B: Mask> Variant for Or<A, B> {
    type Device = OrDevice<A::Device, B::Device>;

    fn stages(&self) -> Stages {
        Stages { score: false, mask: true }
    }

    fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self> {
        let Self { first, second } = self;
        BothParamsLaunch::new(first.launch_params(target), second.launch_params(target))
    }

    fn score(&self, score: f64, _at: &Position) -> f64 {
        score
    }

    fn score_grad(&self, _score: f64, _at: &Position) -> f64 {
        1.0
    }

    fn keep(&self, at: &Position) -> bool {
        self.first.keep(at) || self.second.keep(at)
    }

    fn mask_scope(&self) -> MaskScope {
        self.first.mask_scope().union(self.second.mask_scope())
    }

    fn mask_known_on_host(&self) -> bool {
        self.first.mask_known_on_host() && self.second.mask_known_on_host()
    }

    fn tables(&self) -> Vec<TableParam<'_>> {
        joined::tables(&self.first, &self.second)
    }

    fn reads_by(&self) -> String {
        joined::reads_by(&self.first, &self.second)
    }

    fn reads(&self, at: &Position, visit: &mut dyn FnMut(TableRead)) {
        self.first.reads(at, visit);
        joined::reads_of_second(&self.first, &self.second, at, visit);
    }

    fn check_heads(&self, heads: usize) -> Result<(), HeadsError> {
        self.first.check_heads(heads)?;
        self.second.check_heads(heads)
    }

    fn check_params(&self) -> Result<(), ParamError> {
        self.first.check_params()?;
        self.second.check_params()
    }

    fn describe(&self) -> String {
        // `and` binds tighter, as in Rust.
        format!("({} or {})", self.first.describe(), self.second.describe())
    }

    fn source_hash(&self) -> u64 {
        super::source_hash("or", &[self.first.source_hash(), self.second.source_hash()])
    }
}
