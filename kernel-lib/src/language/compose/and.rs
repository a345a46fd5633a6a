use core::marker::PhantomData;

use cubecl::prelude::*;

use super::{HeadsError, joined};
use crate::language::{
    AnyRowStage, DeviceVariant, LaunchParams, LaunchTarget, LearnedParam, LearnedStage, Mask,
    MaskScope, Normaliser, ParamError, Position, Stages, TableParam, TableRead, Variant,
};

/// Two variants as one: made by [`Variant::and`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct And<A, B> {
    first: A,
    second: B,
}

impl<A, B> And<A, B> {
    pub(in crate::language) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

/// The parameters of both.
#[derive(CubeType, CubeLaunch)]
pub struct BothParams<A: LaunchArg + CubeType, B: LaunchArg + CubeType> {
    pub first: A,
    pub second: B,
}

/// The device half of [`And`].
pub struct AndDevice<A, B>(PhantomData<(A, B)>);

#[cube]
impl<A: DeviceVariant, B: DeviceVariant> DeviceVariant for AndDevice<A, B> {
    type Params = BothParams<A::Params, B::Params>;

    fn score(score: f32, at: Position, params: &Self::Params) -> f32 {
        B::score(A::score(score, at, &params.first), at, &params.second)
    }

    fn score_grad(score: f32, at: Position, params: &Self::Params) -> f32 {
        // The chain rule.
        let between = A::score(score, at, &params.first);
        A::score_grad(score, at, &params.first) * B::score_grad(between, at, &params.second)
    }

    fn keep(at: Position, params: &Self::Params) -> bool {
        A::keep(at, &params.first) && B::keep(at, &params.second)
    }

    const NORMALISER: Normaliser = A::NORMALISER.then(B::NORMALISER);

    fn sink(at: Position, params: &Self::Params) -> f32 {
        if comptime!(B::NORMALISER == Normaliser::Sink) {
            B::sink(at, &params.second)
        } else {
            A::sink(at, &params.first)
        }
    }

    const WEIGHS: bool = A::WEIGHS || B::WEIGHS;

    fn weight(at: Position, params: &Self::Params) -> f32 {
        A::weight(at, &params.first) * B::weight(at, &params.second)
    }

    const LEARNED_SITES: usize = A::LEARNED_SITES + B::LEARNED_SITES;

    fn learned_index(at: Position, params: &Self::Params, #[comptime] site: usize) -> u32 {
        if comptime!(site < A::LEARNED_SITES) {
            A::learned_index(at, &params.first, site)
        } else {
            B::learned_index(at, &params.second, comptime!(site - A::LEARNED_SITES))
        }
    }

    fn learned_grad(
        score: f32,
        at: Position,
        params: &Self::Params,
        #[comptime] site: usize,
        #[comptime] stage: LearnedStage,
    ) -> f32 {
        let between = A::score(score, at, &params.first);
        if comptime!(site < A::LEARNED_SITES) {
            // The chain rule.
            let own = A::learned_grad(score, at, &params.first, site, stage);
            match comptime!(stage) {
                LearnedStage::Score => own * B::score_grad(between, at, &params.second),
                LearnedStage::Weight => own * B::weight(at, &params.second),
                LearnedStage::Sink | LearnedStage::Rows => {
                    // The second's sink stands in the place of the first's.
                    if comptime!(B::NORMALISER == Normaliser::Sink) { f32::new(0.0) } else { own }
                }
            }
        } else {
            let site = comptime!(site - A::LEARNED_SITES);
            let own = B::learned_grad(between, at, &params.second, site, stage);
            match comptime!(stage) {
                LearnedStage::Weight => own * A::weight(at, &params.first),
                LearnedStage::Score | LearnedStage::Sink | LearnedStage::Rows => own,
            }
        }
    }
}

impl<A: Mask, B: Mask> Mask for And<A, B> {}

impl<A: Variant, B: Variant> Variant for And<A, B> {
    type Device = AndDevice<A::Device, B::Device>;

    fn stages(&self) -> Stages {
        self.first.stages().union(self.second.stages())
    }

    fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self> {
        let Self { first, second } = self;
        BothParamsLaunch::new(first.launch_params(target), second.launch_params(target))
    }

    fn score(&self, score: f64, at: &Position) -> f64 {
        self.second.score(self.first.score(score, at), at)
    }

    fn score_grad(&self, score: f64, at: &Position) -> f64 {
        let between = self.first.score(score, at);
        self.first.score_grad(score, at) * self.second.score_grad(between, at)
    }

    fn derived_grad(&self, score: f64, at: &Position) -> Option<f64> {
        let between = self.first.score(score, at);
        let (first, second) =
            (self.first.derived_grad(score, at), self.second.derived_grad(between, at));
        if first.is_none() && second.is_none() {
            return None;
        }
        let first = first.unwrap_or_else(|| self.first.score_grad(score, at));
        Some(first * second.unwrap_or_else(|| self.second.score_grad(between, at)))
    }

    fn keep(&self, at: &Position) -> bool {
        self.first.keep(at) && self.second.keep(at)
    }

    fn sink(&self, at: &Position) -> f64 {
        match B::Device::NORMALISER {
            Normaliser::Sink => self.second.sink(at),
            _ => self.first.sink(at),
        }
    }

    fn weight(&self, at: &Position) -> f64 {
        self.first.weight(at) * self.second.weight(at)
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

    fn learned(&self) -> Vec<LearnedParam> {
        joined::learned(&self.first, &self.second)
    }

    fn learned_index(&self, at: &Position, site: usize) -> usize {
        joined::learned_index(&self.first, &self.second, at, site)
    }

    fn learned_grad(&self, score: f64, at: &Position, site: usize, stage: LearnedStage) -> f64 {
        let Self { first, second } = self;
        let between = first.score(score, at);
        match (site.checked_sub(joined::sites::<A>()), stage) {
            (None, LearnedStage::Score) => {
                first.learned_grad(score, at, site, stage) * second.score_grad(between, at)
            }
            (None, LearnedStage::Weight) => {
                first.learned_grad(score, at, site, stage) * second.weight(at)
            }
            (None, LearnedStage::Sink | LearnedStage::Rows) => match B::Device::NORMALISER {
                Normaliser::Sink => 0.0,
                _ => first.learned_grad(score, at, site, stage),
            },
            (Some(site), LearnedStage::Weight) => {
                second.learned_grad(between, at, site, stage) * first.weight(at)
            }
            (Some(site), _) => second.learned_grad(between, at, site, stage),
        }
    }

    fn row_stages(&self) -> Vec<AnyRowStage> {
        let mut stages = self.first.row_stages();
        stages.extend(self.second.row_stages());
        stages
    }

    fn check_heads(&self, heads: usize) -> Result<(), HeadsError> {
        self.first.check_heads(heads)?;
        self.second.check_heads(heads)
    }

    fn check_params(&self) -> Result<(), ParamError> {
        self.first.check_params()?;
        self.second.check_params()
    }

    fn source(&self) -> String {
        joined::texts(self.first.source(), self.second.source())
    }

    fn derivative(&self) -> String {
        joined::texts(self.first.derivative(), self.second.derivative())
    }

    fn describe(&self) -> String {
        format!("{} and {}", self.first.describe(), self.second.describe())
    }

    fn source_hash(&self) -> u64 {
        // Order matters: composition of scores does not commute.
        self.first.source_hash().rotate_left(1) ^ self.second.source_hash()
    }
}
