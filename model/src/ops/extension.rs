//! The operators as Burn's dispatcher and fusion see them.

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape};

/// A backend that has the model's operators.
///
/// The first five are primitives; the others are made of them and are what the model calls. `x` and
/// its gradient are f32 or bf16; what is learned or summed is f32 (see [`Precision`]).
///
/// [`Precision`]: crate::config::Precision
#[backend_extension(Cube, Flex, Autodiff, Fusion)]
pub trait ModelBackend: Backend {
    /// `[.., m, k] x [.., k, n] -> [.., m, n]`, any strides. Both sides have one type; sums are f32,
    /// and are written as `dtype`.
    #[fusion(meta = product_spec)]
    fn product(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>, dtype: DType) -> FloatTensor<Self>;

    /// The sum of each column in f32: `[rows, columns] -> [1, columns]`.
    #[fusion(meta = row_spec)]
    fn column_sums(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Mean and biased variance of each column in f32, `[1, columns]` each.
    #[fusion(meta = |x| (row_spec(x), row_spec(x)))]
    fn column_statistics(x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Column sums of `dy` and of `dy * (x - mean) * deviation`, `[1, columns]` each; `mean` and the
    /// inverse deviation are `[1, columns]`. All but `x` and `dy` are f32.
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

    /// `x W + b` as `dtype`, of a product in the type of `x`.
    #[fusion(default)]
    fn linear_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        dtype: DType,
    ) -> FloatTensor<Self> {
        let weight = cast::<Self>(weight, x.dtype());
        let y = wide::<Self>(Self::product(x, weight, dtype));
        cast::<Self>(Self::float_add(y, as_row::<Self>(bias)), dtype)
    }

    /// The normalised `x` in its type, the mean and the biased variance.
    #[fusion(default)]
    fn norm_rows(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let dtype = x.dtype();
        let (mean, variance) = Self::column_statistics(x.clone());
        let scale = Self::float_mul(
            as_row::<Self>(gamma),
            inverse_deviation::<Self>(variance.clone(), epsilon),
        );
        let centred = Self::float_sub(wide::<Self>(x), mean.clone());
        let output = Self::float_add(Self::float_mul(centred, scale), as_row::<Self>(beta));
        (cast::<Self>(output, dtype), mean, variance)
    }

    /// `x/2 (1 + erf(x/sqrt 2))` in the type of `x`.
    #[fusion(default)]
    fn exact_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (dtype, x) = (x.dtype(), wide::<Self>(x));
        let half = gaussian::<Self>(x.clone());
        cast::<Self>(Self::float_mul(x, half), dtype)
    }
}

/// `x` as `dtype`: itself, if it is that already.
pub(super) fn cast<B: Backend>(x: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if x.dtype() == dtype { x } else { B::float_cast(x, dtype.into()) }
}

/// `x` in f32. On a GPU this costs no memory: fusion does it between reading and writing.
pub(super) fn wide<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    cast::<B>(x, DType::F32)
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

fn product_spec(lhs: &TensorSpec, rhs: &TensorSpec, dtype: &DType) -> TensorSpec {
    let mut dims = lhs.shape.to_vec();
    let rank = dims.len();
    dims[rank - 1] = rhs.shape[rank - 1];
    TensorSpec::new(Shape::from(dims), *dtype)
}

fn row_spec(x: &TensorSpec) -> TensorSpec {
    TensorSpec::new(Shape::new([1, x.shape[1]]), DType::F32)
}
