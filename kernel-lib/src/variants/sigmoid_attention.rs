use tilewright_macros::score_mod;

/// Sigmoid attention: each weight is `1 / (1 + exp(-(score + bias)))`, and no row is normalised
/// ([arXiv 2409.04431](https://arxiv.org/abs/2409.04431), which takes `bias = -ln(keys)`).
///
/// ```
/// use tilewright::language::{Normaliser, Variant};
/// use tilewright::variants::sigmoid_attention;
///
/// assert_eq!(sigmoid_attention(-4.0).normaliser(), Normaliser::Sigmoid);
/// ```
#[score_mod(example(-2.0), normaliser = sigmoid)]
pub fn sigmoid_attention(score: f32, bias: f32) -> f32 {
    score + bias
}
