use cubecl::prelude::*;

use crate::language::{
    AnyVariant, DeviceVariant, LaunchParams, LaunchTarget, LearnedStage, Mask, MaskScope,
    Normaliser, Position, RegisteredVariant, Stages, Variant,
};

/// Plain attention: no score is changed and no key is masked
/// ([arXiv 1706.03762](https://arxiv.org/abs/1706.03762)).
///
/// The one variant without an annotated function: it has no stage at all, so its kernels contain
/// no trace of it, and it is the neutral element of [`and`](Variant::and).
///
#[doc = include_str!("../../docs/variants/softmax.svg")]
///
/// ```
/// use tilewright::language::{Stages, Variant};
/// use tilewright::variants::softmax;
///
/// assert_eq!(softmax().stages(), Stages { score: false, mask: false });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Softmax;

/// Plain attention: see [`Softmax`].
#[must_use]
pub fn softmax() -> Softmax {
    Softmax
}

/// The device half of [`Softmax`].
pub struct SoftmaxDevice;

#[cube]
impl DeviceVariant for SoftmaxDevice {
    type Params = ();

    fn score(score: f32, _at: Position, _params: &()) -> f32 {
        score
    }

    fn score_grad(_score: f32, _at: Position, _params: &()) -> f32 {
        f32::new(1.0)
    }

    fn keep(_at: Position, _params: &()) -> bool {
        bool::new(true)
    }

    const NORMALISER: Normaliser = Normaliser::Softmax;

    fn sink(_at: Position, _params: &()) -> f32 {
        f32::new(0.0)
    }

    const WEIGHS: bool = false;

    fn weight(_at: Position, _params: &()) -> f32 {
        f32::new(1.0)
    }

    const LEARNED_SITES: usize = 0;

    fn learned_index(_at: Position, _params: &(), #[comptime] _site: usize) -> u32 {
        u32::new(0)
    }

    fn learned_grad(
        _score: f32,
        _at: Position,
        _params: &(),
        #[comptime] _site: usize,
        #[comptime] _stage: LearnedStage,
    ) -> f32 {
        f32::new(0.0)
    }
}

/// Nothing distinguishes one version of the identity from another.
const SOURCE_HASH: u64 = 0;

impl Mask for Softmax {}

impl Variant for Softmax {
    type Device = SoftmaxDevice;

    fn stages(&self) -> Stages {
        Stages::default()
    }

    fn launch_params(&self, _target: LaunchTarget<'_>) -> LaunchParams<Self> {}

    fn score(&self, score: f64, _at: &Position) -> f64 {
        score
    }

    fn score_grad(&self, _score: f64, _at: &Position) -> f64 {
        1.0
    }

    fn keep(&self, _at: &Position) -> bool {
        true
    }

    fn mask_scope(&self) -> MaskScope {
        MaskScope::SHARED
    }

    fn mask_known_on_host(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "softmax".to_owned()
    }

    fn source_hash(&self) -> u64 {
        SOURCE_HASH
    }
}

inventory::submit! {
    RegisteredVariant {
        name: "softmax",
        module: module_path!(),
        source_hash: SOURCE_HASH,
        stages: Stages { score: false, mask: false },
        params: &[],
        examples: &[&[]],
        build: |_| AnyVariant::new(Softmax),
        doc: "Plain attention: no score is changed and no key is masked.",
    }
}
