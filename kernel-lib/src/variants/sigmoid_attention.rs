use cubecl::prelude::*;

use crate::language::{
    AnyVariant, DeviceVariant, Example, LaunchParams, LaunchTarget, MaskScope, Normaliser,
    ParamInfo, ParamKind, Position, RegisteredVariant, Stages, Variant,
};
use crate::table::text_hash;

/// Sigmoid attention: each weight is `1 / (1 + exp(-(score + bias)))`, and no row is normalised
/// ([arXiv 2409.04431](https://arxiv.org/abs/2409.04431), which takes `bias = -ln(keys)`).
///
/// ```
/// use tilewright::language::{Normaliser, Variant};
/// use tilewright::variants::sigmoid_attention;
///
/// assert_eq!(sigmoid_attention(-4.0).normaliser(), Normaliser::Sigmoid);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidAttention {
    /// Added to each score.
    pub bias: f32,
}

/// Sigmoid attention: see [`SigmoidAttention`].
#[must_use]
pub fn sigmoid_attention(bias: f32) -> SigmoidAttention {
    SigmoidAttention { bias }
}

/// The device half of [`SigmoidAttention`].
pub struct SigmoidAttentionDevice;

#[cube]
impl DeviceVariant for SigmoidAttentionDevice {
    type Params = f32;

    fn score(score: f32, _at: Position, params: &f32) -> f32 {
        score + *params
    }

    fn score_grad(_score: f32, _at: Position, _params: &f32) -> f32 {
        f32::new(1.0)
    }

    fn keep(_at: Position, _params: &f32) -> bool {
        bool::new(true)
    }

    const NORMALISER: Normaliser = Normaliser::Sigmoid;

    fn sink(_at: Position, _params: &f32) -> f32 {
        f32::new(0.0)
    }

    const WEIGHS: bool = false;

    fn weight(_at: Position, _params: &f32) -> f32 {
        f32::new(1.0)
    }

    const LEARNED_SITES: usize = 0;

    fn learned_index(_at: Position, _params: &f32, #[comptime] _site: usize) -> u32 {
        u32::new(0)
    }

    fn learned_grad(_score: f32, _at: Position, _params: &f32, #[comptime] _site: usize) -> f32 {
        f32::new(0.0)
    }
}

const SOURCE_HASH: u64 = text_hash(include_str!("sigmoid_attention.rs"));

impl Variant for SigmoidAttention {
    type Device = SigmoidAttentionDevice;

    fn stages(&self) -> Stages {
        Stages { score: true, mask: false }
    }

    fn launch_params(&self, _target: LaunchTarget<'_>) -> LaunchParams<Self> {
        self.bias
    }

    fn score(&self, score: f64, _at: &Position) -> f64 {
        score + f64::from(self.bias)
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
        format!("sigmoid_attention(bias={})", self.bias)
    }

    fn source_hash(&self) -> u64 {
        SOURCE_HASH
    }
}

inventory::submit! {
    RegisteredVariant {
        name: "sigmoid_attention",
        module: module_path!(),
        source_hash: SOURCE_HASH,
        stages: Stages { score: true, mask: false },
        params: &[ParamInfo { name: "bias", kind: ParamKind::F32, learned: false }],
        examples: &[&[Example::Number(-2.0)]],
        build: |values| AnyVariant::new(sigmoid_attention(values[0].number() as f32)),
        doc: "Sigmoid attention: each weight is the sigmoid of its score, and no row is normalised.",
    }
}
