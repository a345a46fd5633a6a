use tilewright_macros::score_mod;

use crate::language::{Position, Table};

/// T5's relative position bias: a learned number for each head and each bucket of distances is
/// added to the score, in both directions
/// ([arXiv 1910.10683](https://arxiv.org/abs/1910.10683), section 2.1).
///
/// Half of the `buckets` are for keys at or before the query, half for keys after it. In each half
/// the first half of the buckets hold one distance each; the others grow in powers up to
/// `max_distance`, and the last holds everything beyond. T5 has 32 buckets and a `max_distance` of
/// 128. `bias` is `[heads, buckets]`, which is T5's own table transposed; `buckets` is a multiple of 4 and
/// `max_distance` is more than `buckets / 4`. Queries and keys count from the same start.
///
#[doc = include_str!("../../docs/variants/t5_buckets.svg")]
///
/// ```
/// use tilewright::prelude::*;
///
/// let bias = Table::new([1, 32], (0..32).map(|n| n as f32).collect())?;
/// let bucket = |query, key| {
///     let at = Position { batch: 0, head: 0, query, key, queries: 300, keys: 300 };
///     t5_buckets(bias.clone(), 32, 128).score(0.0, &at)
/// };
/// // Exact near the query; 8 to 11 share a bucket; 91 and more share the last.
/// assert_eq!([bucket(9, 9), bucket(9, 2), bucket(9, 10)], [0.0, 7.0, 17.0]);
/// assert_eq!([bucket(9, 1), bucket(12, 1), bucket(13, 1)], [8.0, 8.0, 9.0]);
/// assert_eq!([bucket(0, 91), bucket(299, 0)], [31.0, 15.0]);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[score_mod(
    example(bias = table(heads, 32), buckets = 32, max_distance = 128),
    example(bias = table(heads, 8), buckets = 8, max_distance = 20)
)]
pub fn t5_buckets(
    score: f32,
    at: Position,
    #[learned] bias: Table,
    #[range(4..)] buckets: u32,
    #[range(2..)] max_distance: u32,
) -> f32 {
    let half = buckets / 2;
    let exact = half / 2;
    let distance = at.query.abs_diff(at.key);
    // Where a power meets a whole distance, rounding must not decide the bucket.
    let nudge = 1e-4;
    let growth =
        (distance.max(1) as f32 / exact as f32).ln() / (max_distance as f32 / exact as f32).ln();
    let beyond = exact + (growth * (half - exact) as f32 + nudge).max(0.0) as u32;
    let bucket = if distance < exact { distance } else { beyond.min(half - 1) };
    let after = if at.key > at.query { half } else { 0 };
    score + bias[(at.head, bucket + after)]
}
