use tilewright_macros::score_mod;

use crate::language::{Position, Table};

/// The scores of each head are multiplied by a learned number of its own: a logit scale for each
/// head, as in Swin Transformer V2's attention ([arXiv 2111.09883](https://arxiv.org/abs/2111.09883)).
///
/// `scales` is `[heads]`.
///
#[doc = include_str!("../../docs/variants/per_head_scale.svg")]
///
/// ```
/// use tilewright::prelude::*;
///
/// let scales = Table::new([2], vec![1.0f32, 0.25])?;
/// let at = Position { batch: 0, head: 1, query: 0, key: 0, queries: 1, keys: 1 };
/// assert_eq!(per_head_scale(scales).score(3.0, &at), 0.75);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[score_mod]
pub fn per_head_scale(score: f32, at: Position, #[learned] scales: Table) -> f32 {
    score * scales[at.head]
}
