use core::marker::PhantomData;

use cubecl::prelude::*;

use super::{DeviceVariant, LaunchParams, Position, Stages, Variant};

/// Two variants as one: made by [`Variant::and`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct And<A, B> {
    first: A,
    second: B,
}

impl<A, B> And<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

/// The parameters of both.
#[derive(CubeType, CubeLaunch)]
pub struct BothParams<A: LaunchArg + CubeType, B: LaunchArg + CubeType> {
    first: A,
    second: B,
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
}

impl<A: Variant, B: Variant> Variant for And<A, B> {
    type Device = AndDevice<A::Device, B::Device>;

    fn stages(&self) -> Stages {
        self.first.stages().union(self.second.stages())
    }

    fn launch_params(&self) -> LaunchParams<Self> {
        BothParamsLaunch::new(self.first.launch_params(), self.second.launch_params())
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

    fn source(&self) -> String {
        joined(self.first.source(), self.second.source())
    }

    fn derivative(&self) -> String {
        joined(self.first.derivative(), self.second.derivative())
    }

    fn describe(&self) -> String {
        format!("{} and {}", self.first.describe(), self.second.describe())
    }

    fn source_hash(&self) -> u64 {
        // Order matters: composition of scores does not commute.
        self.first.source_hash().rotate_left(1) ^ self.second.source_hash()
    }
}

/// Both texts, with an empty line between them where there are two.
fn joined(first: String, second: String) -> String {
    match (first.is_empty(), second.is_empty()) {
        (_, true) => first,
        (true, _) => second,
        _ => format!("{first}\n{second}"),
    }
}
