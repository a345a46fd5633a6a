//! The operators as Burn's dispatcher and fusion see them.

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata, backend_extension};
use burn::tensor::Shape;

/// A backend that has the model's operators.
///
/// The first five are primitives; the others are made of them and are what the model calls.
#[backend_extension(Cube, Flex, Autodiff, Fusion)]
pub trait ModelBackend: Backend {
    /// `[.., m, k] x [.., k, n] -> [.., m, n]`, any strides.
    #[fusion(meta = product_spec)]
    fn product(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The sum of each column: `[rows, columns] -> [1, columns]`.
    #[fusion(meta = row_spec)]
    fn column_sums(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Mean and biased variance of each column, `[1, columns]` each.
    #[fusion(meta = |x| (row_spec(x), row_spec(x)))]
    fn column_statistics(x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Column sums of `dy` and of `dy * (x - mean) * deviation`, `[1, columns]` each; `mean` and the
    /// inverse deviation are `[1, columns]`.
    #[fusion(meta = |x, _mean, _inverse, _dy| (row_spec(x), row_spec(x)))]
    fn normalised_sums(
        x: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        inverse: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `x` with each element kept with probability `keep` and divided by it. The mask is a function
    /// of `control`'s seed, of `site` and of the element's place, so the backward pass is the same
    /// operator on the gradient, and no mask is stored.
    #[fusion(meta = |x, _control, _site, _keep| x.clone())]
    fn masked(
        x: FloatTensor<Self>,
        control: FloatTensor<Self>,
        site: u32,
        keep: f64,
    ) -> FloatTensor<Self>;

    /// `x W + b`
    #[fusion(default)]
    fn linear_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let bias = as_row::<Self>(bias);
        Self::float_add(Self::product(x, weight), bias)
    }

    /// The normalised `x`, the mean and the biased variance.
    #[fusion(default)]
    fn norm_rows(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (mean, variance) = Self::column_statistics(x.clone());
        let scale = Self::float_mul(
            as_row::<Self>(gamma),
            inverse_deviation::<Self>(variance.clone(), epsilon),
        );
        let centred = Self::float_sub(x, mean.clone());
        let output = Self::float_add(Self::float_mul(centred, scale), as_row::<Self>(beta));
        (output, mean, variance)
    }

    /// `x/2 (1 + erf(x/sqrt 2))`
    #[fusion(default)]
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let half = gaussian::<Self>(x.clone());
        Self::float_mul(x, half)
    }
}

/// `[n] -> [1, n]`
pub(super) fn as_row<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let columns = x.shape().num_elements();
    B::float_reshape(x, Shape::new([1, columns]))
}

/// `1 / sqrt(variance + epsilon)`
pub(super) fn inverse_deviation<B: Backend>(
    variance: FloatTensor<B>,
    epsilon: f64,
) -> FloatTensor<B> {
    B::float_recip(B::float_sqrt(B::float_add_scalar(variance, epsilon.into())))
}

/// The cumulative normal distribution, `(1 + erf(x/sqrt 2)) / 2`.
pub(super) fn gaussian<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let erf = B::float_erf(B::float_mul_scalar(x, core::f64::consts::FRAC_1_SQRT_2.into()));
    B::float_mul_scalar(B::float_add_scalar(erf, 1.0.into()), 0.5.into())
}

fn product_spec(lhs: &TensorSpec, rhs: &TensorSpec) -> TensorSpec {
    let mut dims = lhs.shape.to_vec();
    let rank = dims.len();
    dims[rank - 1] = rhs.shape[rank - 1];
    TensorSpec::new(Shape::from(dims), lhs.dtype)
}

fn row_spec(x: &TensorSpec) -> TensorSpec {
    TensorSpec::new(Shape::new([1, x.shape[1]]), x.dtype)
}
