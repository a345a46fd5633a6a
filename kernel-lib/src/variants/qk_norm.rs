use tilewright_macros::query_key_mod;

use crate::language::{Element, Table};

/// QK-norm: queries and keys are divided by the root of their mean square and multiplied by a learned
/// scale, so that no score grows without bound
/// ([arXiv 2010.04245](https://arxiv.org/abs/2010.04245), with RMS-norm as in Gemma 3,
/// [arXiv 2503.19786](https://arxiv.org/abs/2503.19786)).
///
/// `scale` is `[head_dim]`, or `[1]`; queries and keys share it. `epsilon` keeps rows of zeros from
/// infinity. Join a `#[query_mod]` and a `#[key_mod]` of your own for scales that differ.
///
/// ```
/// use tilewright::prelude::*;
///
/// let scale = Table::new([8], vec![1.0; 8])?;
/// let normed = qk_norm(scale, 1e-6).and(rope(10_000.0));
/// assert_eq!(normed.row_stages().len(), 2);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[query_key_mod(example(table(head_dim), 0.01))]
pub fn qk_norm(
    x: f32,
    mean_square: f32,
    at: Element,
    #[learned] scale: Table,
    #[range(0.0..)] epsilon: f32,
) -> f32 {
    x / (mean_square + epsilon).sqrt() * scale[at.dim]
}
