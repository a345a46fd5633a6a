use tilewright_macros::output_mod;

use crate::functions::sigmoid;
use crate::language::{Element, Table};

/// Gated attention: each element of the output is multiplied by the sigmoid of a gate
/// ([arXiv 2505.06708](https://arxiv.org/abs/2505.06708), section 2.2, where a layer of its own
/// makes the gates of its input).
///
/// `gates` is `[batch, heads, queries, value_dim]`, and a dimension of size 1 is the same for all:
/// `[batch, heads, queries, 1]` is one gate for a head. Its gradient is that of the gates before the
/// sigmoid.
///
/// ```
/// use tilewright::prelude::*;
///
/// let gates = Table::new([1, 4, 1, 1], vec![0.0; 4])?;
/// let gated = softcap(30.0).and(output_gate(gates));
/// assert_eq!(gated.row_stages().len(), 1);
/// # Ok::<(), tilewright::language::TableError>(())
/// ```
#[output_mod(example(table(batch, heads, queries, value_dim)), example(table(1, heads, 1, 1)))]
pub fn output_gate(x: f32, at: Element, #[learned] gates: Table) -> f32 {
    x * sigmoid(gates[(at.batch, at.head, at.token, at.dim)])
}
