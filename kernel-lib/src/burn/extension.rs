//! The operator as Burn's dispatcher and fusion see it.

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use burn::tensor::{DType, Shape};

use super::Operation;

/// A backend that has the attention operator.
#[backend_extension(Cube, Flex, Autodiff, Fusion)]
pub trait AttentionBackend: Backend {
    /// The output, the log-sum-exp `[batch, heads, queries, 1]` and the saved scores
    /// `[batch, heads, queries, keys]`, or one element where none are saved. `parameters` holds the
    /// elements of all parameters in `f32`, one after another; any tensor where there are none.
    #[fusion(meta = forward_specs)]
    fn attention_forward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        parameters: FloatTensor<Self>,
        operation: Operation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of q, k, v and the parameters; of no parameters, one element.
    #[allow(clippy::too_many_arguments)]
    #[fusion(meta = backward_specs)]
    fn attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        parameters: FloatTensor<Self>,
        out: FloatTensor<Self>,
        lse: FloatTensor<Self>,
        scores: FloatTensor<Self>,
        d_out: FloatTensor<Self>,
        operation: Operation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

fn forward_specs(
    q: &TensorSpec,
    k: &TensorSpec,
    v: &TensorSpec,
    _parameters: &TensorSpec,
    operation: &Operation,
) -> (TensorSpec, TensorSpec, TensorSpec) {
    let [batch, heads, queries, _] = q.shape.dims::<4>();
    let keys = k.shape.dims::<4>()[2];
    let value_dim = v.shape.dims::<4>()[3];
    let saved =
        if operation.options.save_scores { [batch, heads, queries, keys] } else { NO_SCORES };
    (
        TensorSpec::new(Shape::new([batch, heads, queries, value_dim]), q.dtype),
        TensorSpec::new(Shape::new([batch, heads, queries, 1]), DType::F32),
        TensorSpec::new(Shape::new(saved), DType::F32),
    )
}

#[allow(clippy::too_many_arguments)]
fn backward_specs(
    q: &TensorSpec,
    k: &TensorSpec,
    v: &TensorSpec,
    _parameters: &TensorSpec,
    _out: &TensorSpec,
    _lse: &TensorSpec,
    _scores: &TensorSpec,
    _d_out: &TensorSpec,
    operation: &Operation,
) -> (TensorSpec, TensorSpec, TensorSpec, TensorSpec) {
    let parameters = TensorSpec::new(Shape::new([operation.len().max(1)]), DType::F32);
    (q.clone(), k.clone(), v.clone(), parameters)
}

/// The shape of the third output where no scores are saved: an operator's outputs are fixed.
pub(super) const NO_SCORES: [usize; 4] = [1, 1, 1, 1];
