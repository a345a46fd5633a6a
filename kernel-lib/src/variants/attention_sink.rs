use tilewright_macros::sink_mod;

use crate::language::{Position, Table};

/// Softmax with a sink: each head has a learned logit of its own for attending to nothing
/// ([arXiv 2309.17453](https://arxiv.org/abs/2309.17453), as in gpt-oss,
/// [arXiv 2508.10925](https://arxiv.org/abs/2508.10925)).
///
/// Weights are `exp(s) / (exp(sinks[head]) + Σ exp(s))`. Zeros everywhere are "softmax off by one".
/// `sinks` is `[heads]`, or `[1]` for all heads alike.
///
/// ```
/// use tilewright::language::{Normaliser, Table, Variant};
/// use tilewright::variants::attention_sink;
///
/// let off_by_one = attention_sink(Table::new([8], vec![0.0; 8])?);
/// assert_eq!(off_by_one.normaliser(), Normaliser::Sink);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[sink_mod(example(table(heads)))]
pub fn attention_sink(at: Position, #[learned] sinks: Table) -> f32 {
    sinks[at.head]
}
