//! The operators' nodes in Burn's autodiff graph.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata};
use burn::tensor::{DType, Shape};

use super::extension::{ModelBackend, as_row, cast, gaussian, inverse_deviation, wide};

type T<B> = FloatTensor<B>;

#[derive(Debug)]
struct LinearBackward;

impl<B: ModelBackend> Backward<B, 3> for LinearBackward {
    /// `x` and the weight.
    type State = [NodeId; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<B>(&ops.node);
        let [x, weight] = ops.state.map(|id| checkpointer.retrieve_node_output::<T<B>>(id));
        let [for_x, for_weight, for_bias] = ops.parents;
        let dtype = x.dtype();
        let factor = cast::<B>(dy.clone(), dtype);
        if let Some(node) = for_x {
            let weight = B::float_swap_dims(cast::<B>(weight, dtype), 0, 1);
            grads.register::<B>(node.id, B::product(factor.clone(), weight, dtype));
        }
        if let Some(node) = for_weight {
            grads.register::<B>(node.id, weight_gradient::<B>(x, factor));
        }
        if let Some(node) = for_bias {
            grads.register::<B>(node.id, as_vector::<B>(B::column_sums(dy)));
        }
    }
}

/// `x^T dy` in f32 for `x` `[rows, inputs]` and `dy` `[rows, outputs]`, cut along the rows into
/// products that run side by side; their sum is taken in a fixed order.
fn weight_gradient<B: ModelBackend>(x: T<B>, dy: T<B>) -> T<B> {
    let [rows, inputs] = x.shape().dims::<2>();
    let outputs = dy.shape().dims::<2>()[1];
    let parts = parts(rows, inputs * outputs);
    if parts == 1 {
        return B::product(B::float_swap_dims(x, 0, 1), dy, DType::F32);
    }
    let x = B::float_reshape(x, Shape::new([parts, rows / parts, inputs]));
    let dy = B::float_reshape(dy, Shape::new([parts, rows / parts, outputs]));
    let each = B::product(B::float_swap_dims(x, 1, 2), dy, DType::F32);
    let each = B::float_reshape(each, Shape::new([parts, inputs * outputs]));
    B::float_reshape(B::column_sums(each), Shape::new([inputs, outputs]))
}

/// How many parts to cut `rows` into: a divisor of it that leaves at least 128 rows in each, no
/// more than fill a large GPU, fewer the larger the result.
fn parts(rows: usize, result: usize) -> usize {
    let wanted = (rows / 128).min(256).min((1 << 23) / result.max(1)).max(1);
    (1..=wanted).rev().find(|parts| rows.is_multiple_of(*parts)).unwrap_or(1)
}

fn as_vector<B: ModelBackend>(row: T<B>) -> T<B> {
    let columns = row.shape().num_elements();
    B::float_reshape(row, Shape::new([columns]))
}

#[derive(Debug)]
struct BatchNormBackward;

/// What the forward pass leaves for the backward pass.
#[derive(Debug, Clone)]
struct Kept<Tensor> {
    x: NodeId,
    gamma: NodeId,
    mean: Tensor,
    inverse: Tensor,
}

impl<B: ModelBackend> Backward<B, 3> for BatchNormBackward {
    type State = Kept<T<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<B>(&ops.node);
        let Kept { x, gamma, mean, inverse } = ops.state;
        let x = checkpointer.retrieve_node_output::<T<B>>(x);
        let gamma = checkpointer.retrieve_node_output::<T<B>>(gamma);
        let rows = x.shape().dims::<2>()[0] as f64;
        let (beta_gradient, gamma_gradient) =
            B::normalised_sums(x.clone(), mean.clone(), inverse.clone(), dy.clone());
        let [for_x, for_gamma, for_beta] = ops.parents;
        if let Some(node) = for_x {
            // dx = gamma/deviation (dy - mean(dy) - xhat mean(dy xhat))
            let dtype = x.dtype();
            let normal = B::float_mul(B::float_sub(wide::<B>(x), mean), inverse.clone());
            let mean_dy = B::float_mul_scalar(beta_gradient.clone(), (1.0 / rows).into());
            let mean_projection = B::float_mul_scalar(gamma_gradient.clone(), (1.0 / rows).into());
            let inner = B::float_sub(
                B::float_sub(wide::<B>(dy), mean_dy),
                B::float_mul(normal, mean_projection),
            );
            let dx = B::float_mul(inner, B::float_mul(as_row::<B>(gamma), inverse));
            grads.register::<B>(node.id, cast::<B>(dx, dtype));
        }
        if let Some(node) = for_gamma {
            grads.register::<B>(node.id, as_vector::<B>(gamma_gradient));
        }
        if let Some(node) = for_beta {
            grads.register::<B>(node.id, as_vector::<B>(beta_gradient));
        }
    }
}

#[derive(Debug)]
struct GeluBackward;

impl<B: ModelBackend> Backward<B, 1> for GeluBackward {
    type State = NodeId;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<B>(&ops.node);
        let x = checkpointer.retrieve_node_output::<T<B>>(ops.state);
        let [for_x] = ops.parents;
        if let Some(node) = for_x {
            // Phi(x) + x phi(x)
            let (dtype, x) = (x.dtype(), wide::<B>(x));
            let square = B::float_mul(x.clone(), x.clone());
            let density = B::float_mul_scalar(
                B::float_exp(B::float_mul_scalar(square, (-0.5).into())),
                (core::f64::consts::FRAC_2_SQRT_PI * core::f64::consts::FRAC_1_SQRT_2 * 0.5).into(),
            );
            let slope = B::float_add(gaussian::<B>(x.clone()), B::float_mul(x, density));
            grads.register::<B>(node.id, cast::<B>(B::float_mul(wide::<B>(dy), slope), dtype));
        }
    }
}

#[derive(Debug)]
struct MaskedBackward;

impl<B: ModelBackend> Backward<B, 1> for MaskedBackward {
    /// `control`, the site and the probability.
    type State = (T<B>, u32, f64);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let (control, site, keep) = ops.state;
        let [for_x] = ops.parents;
        if let Some(node) = for_x {
            grads.register::<B>(node.id, B::masked(dy, control, site, keep));
        }
    }
}

impl<B: ModelBackend, C: CheckpointStrategy> ModelBackend for Autodiff<B, C> {
    fn linear_layer(x: T<Self>, weight: T<Self>, bias: T<Self>, dtype: DType) -> T<Self> {
        let prepared = LinearBackward
            .prepare::<C>([x.node(), weight.node(), bias.node()])
            .compute_bound()
            .stateful();
        match prepared {
            OpsKind::Tracked(mut prepared) => {
                let kept = [prepared.checkpoint(&x), prepared.checkpoint(&weight)];
                let y = B::linear_layer(
                    x.into_primitive(),
                    weight.into_primitive(),
                    bias.into_primitive(),
                    dtype,
                );
                prepared.finish(kept, y)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::linear_layer(
                x.into_primitive(),
                weight.into_primitive(),
                bias.into_primitive(),
                dtype,
            )),
        }
    }

    fn norm_rows(
        x: T<Self>,
        gamma: T<Self>,
        beta: T<Self>,
        epsilon: f64,
    ) -> (T<Self>, T<Self>, T<Self>) {
        let prepared = BatchNormBackward
            .prepare::<C>([x.node(), gamma.node(), beta.node()])
            .compute_bound()
            .stateful();
        let (output, mean, variance) = match prepared {
            OpsKind::Tracked(mut prepared) => {
                let (x_id, gamma_id) = (prepared.checkpoint(&x), prepared.checkpoint(&gamma));
                let (output, mean, variance) = B::norm_rows(
                    x.into_primitive(),
                    gamma.into_primitive(),
                    beta.into_primitive(),
                    epsilon,
                );
                let kept = Kept {
                    x: x_id,
                    gamma: gamma_id,
                    mean: mean.clone(),
                    inverse: inverse_deviation::<B>(variance.clone(), epsilon),
                };
                (prepared.finish(kept, output), mean, variance)
            }
            OpsKind::UnTracked(prepared) => {
                let (output, mean, variance) = B::norm_rows(
                    x.into_primitive(),
                    gamma.into_primitive(),
                    beta.into_primitive(),
                    epsilon,
                );
                (prepared.finish(output), mean, variance)
            }
        };
        (output, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn exact_gelu(x: T<Self>) -> T<Self> {
        match GeluBackward.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let kept = prepared.checkpoint(&x);
                let y = B::exact_gelu(x.into_primitive());
                prepared.finish(kept, y)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::exact_gelu(x.into_primitive())),
        }
    }

    fn masked(x: T<Self>, control: T<Self>, site: u32, keep: f64) -> T<Self> {
        let control = control.into_primitive();
        match MaskedBackward.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let y = B::masked(x.into_primitive(), control.clone(), site, keep);
                prepared.finish((control, site, keep), y)
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(B::masked(x.into_primitive(), control, site, keep))
            }
        }
    }

    fn product(_: T<Self>, _: T<Self>, _: DType) -> T<Self> {
        panic!("{NOT_DIFFERENTIABLE}")
    }
    fn column_sums(_: T<Self>) -> T<Self> {
        panic!("{NOT_DIFFERENTIABLE}")
    }
    fn column_statistics(_: T<Self>) -> (T<Self>, T<Self>) {
        panic!("{NOT_DIFFERENTIABLE}")
    }
    fn normalised_sums(_: T<Self>, _: T<Self>, _: T<Self>, _: T<Self>) -> (T<Self>, T<Self>) {
        panic!("{NOT_DIFFERENTIABLE}")
    }
}

const NOT_DIFFERENTIABLE: &str = "a primitive of the model's operators has no gradient of its own";
