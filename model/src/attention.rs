//! Attention for the encoder: what the model asks for, and who computes it.
//!
//! With residual attention (RealFormer, the official default) layer `l` adds the raw scores of the
//! layers below to its own. Scores accumulate linearly, so with `Q_i`, `K_i` the queries and keys
//! of layer `i`
//!
//! ```text
//! S_l = scale * sum_{i <= l} Q_i K_i^T = scale * [Q_1 .. Q_l] [K_1 .. K_l]^T
//! ```
//!
//! and layer `l` is plain attention over queries and keys concatenated along the head dimension:
//! query dimension `l*d`, value dimension `d`, the scale still `1/sqrt(d)`. No score matrix leaves
//! the kernel, and gradients reach the lower layers' queries and keys through the concatenation.
//! [`AttentionKind::Vanilla`] adds scores as the official code does, and so checks the identity.

use burn::tensor::{Tensor, activation::softmax};
use tilewright::burn::Attention;
use tilewright::variants::softmax as softmax_variant;

use crate::config::AttentionKind;

/// What layers pass upward when scores accumulate: nothing before the first layer.
#[derive(Default)]
pub struct Residual {
    /// `[batch, heads, tokens, layers so far * d]`
    queries: Option<Tensor<4>>,
    keys: Option<Tensor<4>>,
    /// `[batch, heads, tokens, tokens]`, scaled, before softmax; vanilla only.
    scores: Option<Tensor<4>>,
}

/// Attention of one layer. `q`, `k`, `v`: `[batch, heads, tokens, d]`, any strides; so the result.
///
/// `residual` carries the layers below, if their scores are added.
pub fn attend(
    kind: AttentionKind,
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    residual: Option<&mut Residual>,
) -> Tensor<4> {
    let [_, _, _, d] = q.dims();
    let scale = 1.0 / (d as f32).sqrt();
    if kind == AttentionKind::Vanilla {
        return vanilla(q, k, v, scale, residual);
    }
    let (q, k) = match residual {
        Some(residual) => (append(&mut residual.queries, q), append(&mut residual.keys, k)),
        None => (q, k),
    };
    fused(kind, q, k, v, scale)
}

fn append(below: &mut Option<Tensor<4>>, this: Tensor<4>) -> Tensor<4> {
    let all = match below.take() {
        Some(below) => Tensor::cat(vec![below, this], 3),
        None => this,
    };
    *below = Some(all.clone());
    all
}

/// Matrix product, softmax, matrix product.
fn vanilla(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    scale: f32,
    residual: Option<&mut Residual>,
) -> Tensor<4> {
    let mut scores = q.matmul(k.swap_dims(2, 3)) * scale;
    if let Some(residual) = residual {
        if let Some(below) = residual.scores.take() {
            scores = scores + below;
        }
        residual.scores = Some(scores.clone());
    }
    softmax(scores, 3).matmul(v)
}

/// Tilewright's operator: one kernel forward, and no score matrix in memory unless asked for.
fn fused(kind: AttentionKind, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f32) -> Tensor<4> {
    let operator = Attention::new(softmax_variant())
        .with_scale(scale)
        .with_saved_scores(kind == AttentionKind::Saved);
    tilewright::burn::attention(q, k, v, &operator)
}
