use tilewright_macros::query_key_mod;

use crate::functions::rotary_angle;
use crate::language::Element;

/// Rotary position embedding of neighbouring elements
/// ([arXiv 2104.09864](https://arxiv.org/abs/2104.09864), equation 34).
///
/// [`rope`](fn@crate::variants::rope) with other partners: 0 and 1, 2 and 3 ...
///
/// ```
/// use tilewright::language::{Pairing, Variant};
/// use tilewright::variants::rope_neighbours;
///
/// assert_eq!(rope_neighbours(10_000.0).row_stages()[0].pairing(), Pairing::Neighbours);
/// ```
#[query_key_mod(example(100.0), pair = neighbours)]
pub fn rope_neighbours(x: f32, pair: f32, at: Element, #[range(> 0.0)] theta: f32) -> f32 {
    let half = at.dims / 2;
    if at.dim >= 2 * half {
        return x;
    }
    let angle = rotary_angle(at.token, at.dim / 2, half, theta);
    let turned = if at.dim & 1 == 0 { -pair } else { pair };
    x * angle.cos() + turned * angle.sin()
}
