use tilewright_macros::score_mod;

/// Logit soft-capping: scores stay strictly between `-cap` and `cap`, and small ones change little.
///
/// `cap · tanh(score / cap)`, in the units of the scaled score; Gemma 2 uses 50 in attention
/// ([arXiv 2408.00118](https://arxiv.org/abs/2408.00118), after
/// [arXiv 1611.09940](https://arxiv.org/abs/1611.09940)). `cap` is positive.
///
#[doc = include_str!("../../docs/variants/softcap.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::softcap;
///
/// let at = Position { batch: 0, head: 0, query: 0, key: 0, queries: 1, keys: 1 };
/// assert!(softcap(30.0).score(1e6, &at) <= 30.0);
/// assert_eq!(softcap(30.0).score_grad(0.0, &at), 1.0);
/// ```
#[score_mod(example(30.0), example(2.0))]
pub fn softcap(score: f32, #[range(> 0.0)] cap: f32) -> f32 {
    cap * (score / cap).tanh()
}
