use tilewright_macros::score_mod;

use crate::language::{Position, Table};

/// A score shrinks towards 0 with the distance of query and key, at a learned rate for each head, as
/// with the smoothing parameters of ETSformer's heads
/// ([arXiv 2202.01381](https://arxiv.org/abs/2202.01381)).
///
/// `score · 2^(-|query - key| · 2^log_rate)`: [`distance_decay`](fn@crate::variants::distance_decay)
/// with a half-life of `2^(-log_rate)` positions, so that any number is allowed and gradients meet
/// no border. `log_rates` is `[heads]`, or `[1]` for all heads alike. Queries and keys count from
/// the same start.
///
#[doc = include_str!("../../docs/variants/learned_distance_decay.svg")]
///
/// ```
/// use tilewright::prelude::*;
///
/// let log_rates = Table::new([2], vec![0.0f32, -1.0])?;
/// let at = |head| Position { batch: 0, head, query: 5, key: 3, queries: 8, keys: 8 };
/// let decay = learned_distance_decay(log_rates);
/// assert!((decay.score(4.0, &at(0)) - 1.0).abs() < 1e-12);
/// assert!((decay.score(4.0, &at(1)) - 2.0).abs() < 1e-12);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[score_mod(example(table(heads)))]
pub fn learned_distance_decay(score: f32, at: Position, #[learned] log_rates: Table) -> f32 {
    let rate = log_rates[at.head].exp2();
    score * (-(at.query.abs_diff(at.key) as f32) * rate).exp2()
}
