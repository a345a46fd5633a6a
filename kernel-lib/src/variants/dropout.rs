use cubecl::prelude::*;

use crate::language::{
    AnyVariant, DeviceVariant, Example, LaunchParams, LaunchTarget, MaskScope, Normaliser,
    ParamInfo, ParamKind, Position, RegisteredVariant, Stages, Variant,
};
use crate::table::text_hash;

/// Attention dropout: each weight is zero with probability `p`, the others grow by `1 / (1 - p)`
/// ([arXiv 1706.03762](https://arxiv.org/abs/1706.03762), section 5.4).
///
/// Which weights are dropped is a function of `seed` and of the place alone, computed where it is
/// needed: both passes drop the same ones, no mask lies in memory, and equal seeds give equal bits.
/// Give each training step and each layer a seed of its own. `p` lies in `[0, 1)`; below and above
/// it is taken as the nearest number there.
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::dropout;
///
/// let at = |key| Position { batch: 0, head: 0, query: 0, key, queries: 1, keys: 1000 };
/// let dropped = (0..1000).filter(|&key| dropout(0.25, 7).weight(&at(key)) == 0.0).count();
/// assert!((200..300).contains(&dropped));
/// assert_eq!(dropout(0.0, 7).weight(&at(3)), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability of a weight to be dropped.
    pub p: f32,
    /// Decides which.
    pub seed: u32,
}

/// Attention dropout: see [`Dropout`].
#[must_use]
pub fn dropout(p: f32, seed: u32) -> Dropout {
    Dropout { p, seed }
}

/// The largest probability: the others must still be finite.
const MOST: f32 = 0.999_999;

impl Dropout {
    fn probability(&self) -> f64 {
        f64::from(self.p.clamp(0.0, MOST))
    }

    /// Numbers below it are dropped.
    fn threshold(&self) -> u32 {
        (self.probability() * 4_294_967_296.0) as u32
    }

    fn growth(&self) -> f32 {
        (1.0 / (1.0 - self.probability())) as f32
    }
}

/// Arguments of the kernels.
#[derive(CubeType, CubeLaunch)]
pub struct DropoutParams {
    seed: u32,
    threshold: u32,
    growth: f32,
}

/// The device half of [`Dropout`].
pub struct DropoutDevice;

#[cube]
impl DeviceVariant for DropoutDevice {
    type Params = DropoutParams;

    fn score(score: f32, _at: Position, _params: &DropoutParams) -> f32 {
        score
    }

    fn score_grad(_score: f32, _at: Position, _params: &DropoutParams) -> f32 {
        f32::new(1.0)
    }

    fn keep(_at: Position, _params: &DropoutParams) -> bool {
        bool::new(true)
    }

    const NORMALISER: Normaliser = Normaliser::Softmax;

    fn sink(_at: Position, _params: &DropoutParams) -> f32 {
        f32::new(0.0)
    }

    const WEIGHS: bool = true;

    fn weight(at: Position, params: &DropoutParams) -> f32 {
        // Outer numbers first, so that what a row has in common is computed once for it.
        let batch = mixed(params.seed + at.batch * 0x9e37_79b9u32);
        let head = mixed(batch + at.head * 0x85eb_ca6bu32);
        let query = mixed(head + at.query * 0xc2b2_ae35u32);
        let number = mixed(query + at.key * 0x27d4_eb2fu32);
        select(number < params.threshold, 0.0f32, params.growth)
    }

    const LEARNED_SITES: usize = 0;

    fn learned_index(_at: Position, _params: &DropoutParams, #[comptime] _site: usize) -> u32 {
        u32::new(0)
    }

    fn learned_grad(
        _score: f32,
        _at: Position,
        _params: &DropoutParams,
        #[comptime] _site: usize,
    ) -> f32 {
        f32::new(0.0)
    }
}

/// A bijection of 32 bits in which every bit of `x` moves about half of the result's (lowbias32 of
/// C. Wellons' search for such functions).
#[cube]
fn mixed(x: u32) -> u32 {
    let a = (x ^ (x >> 16)) * 0x7feb_352du32;
    let b = (a ^ (a >> 15)) * 0x846c_a68bu32;
    b ^ (b >> 16)
}

/// The same on the host.
fn mixed_on_host(x: u32) -> u32 {
    let a = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let b = (a ^ (a >> 15)).wrapping_mul(0x846c_a68b);
    b ^ (b >> 16)
}

const SOURCE_HASH: u64 = text_hash(include_str!("dropout.rs"));

impl Variant for Dropout {
    type Device = DropoutDevice;

    fn stages(&self) -> Stages {
        Stages::default()
    }

    fn launch_params(&self, _target: LaunchTarget<'_>) -> LaunchParams<Self> {
        DropoutParamsLaunch::new(self.seed, self.threshold(), self.growth())
    }

    fn score(&self, score: f64, _at: &Position) -> f64 {
        score
    }

    fn score_grad(&self, _score: f64, _at: &Position) -> f64 {
        1.0
    }

    fn keep(&self, _at: &Position) -> bool {
        true
    }

    fn weight(&self, at: &Position) -> f64 {
        let add = |x: u32, n: u32, factor: u32| x.wrapping_add(n.wrapping_mul(factor));
        let batch = mixed_on_host(add(self.seed, at.batch, 0x9e37_79b9));
        let head = mixed_on_host(add(batch, at.head, 0x85eb_ca6b));
        let query = mixed_on_host(add(head, at.query, 0xc2b2_ae35));
        let number = mixed_on_host(add(query, at.key, 0x27d4_eb2f));
        if number < self.threshold() { 0.0 } else { f64::from(self.growth()) }
    }

    fn mask_scope(&self) -> MaskScope {
        MaskScope::SHARED
    }

    fn mask_known_on_host(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("dropout(p={}, seed={})", self.p, self.seed)
    }

    fn source_hash(&self) -> u64 {
        SOURCE_HASH
    }
}

inventory::submit! {
    RegisteredVariant {
        name: "dropout",
        module: module_path!(),
        source_hash: SOURCE_HASH,
        stages: Stages { score: false, mask: false },
        params: &[
            ParamInfo { name: "p", kind: ParamKind::F32, learned: false },
            ParamInfo { name: "seed", kind: ParamKind::U32, learned: false },
        ],
        examples: &[&[Example::Number(0.25), Example::Number(7.0)]],
        build: |values| {
            AnyVariant::new(dropout(values[0].number() as f32, values[1].number() as u32))
        },
        doc: "Attention dropout: each weight is zero with probability `p`.",
    }
}
