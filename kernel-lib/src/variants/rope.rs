use tilewright_macros::query_key_mod;

use crate::functions::rotary_angle;
use crate::language::Element;

/// Rotary position embedding: pairs of elements of queries and keys turn with their token, so that a
/// score depends on the distance of query and key
/// ([arXiv 2104.09864](https://arxiv.org/abs/2104.09864)).
///
/// The pair `i` of a row of `dims` elements turns by `token · theta^(-2i / dims)`; `theta` is 10000
/// in the paper. Partners are half a row apart, as in Llama and GPT-NeoX;
/// [`rope_neighbours`](fn@crate::variants::rope_neighbours) pairs neighbours, as the paper does. The
/// last element of an odd number stays. Angles are computed in `f64`, so that they are right at a million
/// tokens too.
///
/// ```
/// use tilewright::prelude::*;
///
/// assert_eq!(rope(10_000.0).row_stages().len(), 1);
/// let causal_rope = rope(10_000.0).and(causal());
/// assert_eq!(causal_rope.describe(), "rope(theta=10000) and causal");
/// ```
#[query_key_mod(example(100.0), pair = halves)]
pub fn rope(x: f32, pair: f32, at: Element, #[range(> 0.0)] theta: f32) -> f32 {
    let half = at.dims / 2;
    if at.dim >= 2 * half {
        return x;
    }
    let angle = rotary_angle(at.token, at.dim % half, half, theta);
    let turned = if at.dim < half { -pair } else { pair };
    x * angle.cos() + turned * angle.sin()
}
