use tilewright_macros::score_mod;

/// Every score is multiplied by one learned number, which takes the place of the fixed scale, as in
/// query-key normalisation ([arXiv 2010.04245](https://arxiv.org/abs/2010.04245)).
///
/// `t` is given as a number or, where an optimizer owns it, as a table of one element. It comes on
/// top of the scale of a call; set that to 1 if `t` shall be the whole of it.
///
#[doc = include_str!("../../docs/variants/temperature.svg")]
///
/// ```
/// use tilewright::language::LearnedStage;
/// use tilewright::prelude::*;
///
/// let at = Position { batch: 0, head: 0, query: 0, key: 0, queries: 1, keys: 1 };
/// assert_eq!(temperature(0.5).score(3.0, &at), 1.5);
/// assert_eq!(temperature(0.5).learned_grad(3.0, &at, 0, LearnedStage::Score), 3.0);
/// ```
#[score_mod(example(0.7), example(-1.5))]
pub fn temperature(score: f32, #[learned] t: f32) -> f32 {
    score * t
}
