//! The operator as Burn's dispatcher and fusion see it.

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use burn::tensor::{DType, Shape};

use super::Attention;

/// A backend that has the attention operator.
#[backend_extension(Cube, Flex, Autodiff, Fusion)]
pub trait AttentionBackend: Backend {
    /// The output, the log-sum-exp `[batch, heads, queries, 1]` and the saved scores
    /// `[batch, heads, queries, keys]`, or one element where none are saved.
    #[fusion(meta = forward_specs)]
    fn attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        attention: Attention,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of q, k and v.
    #[allow(clippy::too_many_arguments)]
    #[fusion(meta = |q, k, v, _out, _lse, _scores, _d_out, _attention| (q.clone(), k.clone(), v.clone()))]
    fn attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        out: FloatTensor<Self>,
        lse: FloatTensor<Self>,
        scores: FloatTensor<Self>,
        d_out: FloatTensor<Self>,
        attention: Attention,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

fn forward_specs(
    q: &TensorSpec,
    k: &TensorSpec,
    v: &TensorSpec,
    attention: &Attention,
) -> (TensorSpec, TensorSpec, TensorSpec) {
    let [batch, heads, queries, _] = q.shape.dims::<4>();
    let keys = k.shape.dims::<4>()[2];
    let value_dim = v.shape.dims::<4>()[3];
    let saved =
        if attention.options.save_scores { [batch, heads, queries, keys] } else { NO_SCORES };
    (
        TensorSpec::new(Shape::new([batch, heads, queries, value_dim]), q.dtype),
        TensorSpec::new(Shape::new([batch, heads, queries, 1]), DType::F32),
        TensorSpec::new(Shape::new(saved), DType::F32),
    )
}

/// The shape of the third output where no scores are saved: an operator's outputs are fixed.
pub(super) const NO_SCORES: [usize; 4] = [1, 1, 1, 1];
