//! The model's plain operations: linear layers, batch normalisation, GELU.
//!
//! They are operators of their own, with their own backward passes, because Burn's would cost a GPU
//! run dearly in three ways. Burn measures dozens of candidates for each new matrix product, which
//! takes minutes before the first step; here a product's kernel is chosen by rule
//! ([`use_fixed_kernels`]). The gradient of a weight is one product with a very long inner
//! dimension and a tiny result, which keeps a GPU's few first cores busy and no others; here it is
//! cut along that dimension. And batch statistics over the rows of a long matrix are transposed
//! copies and generic reductions; here they are one pass each. GELU is here because Burn's backward
//! pass is that of the tanh approximation.

mod autodiff;
mod columns;
pub mod control;
mod cube;
mod extension;
mod flex;
pub mod in_place;
mod mask;
mod writes;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::Dispatch;
use burn::tensor::{FloatDType, Tensor};

pub use extension::ModelBackend;

/// `[rows, inputs] x [inputs, outputs] + [outputs] -> [rows, outputs]`, written as `dtype`. `x` may
/// be f32 or bf16, and is multiplied as what it is; weight and bias are f32, and so are their
/// gradients.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, dtype: FloatDType) -> Tensor<2> {
    let y = <Dispatch as ModelBackend>::linear_layer(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        dtype.into(),
    );
    Tensor::from_dispatch(y)
}

/// What batch normalisation gives in training.
pub struct Normalised {
    /// `[rows, features]`, of the type of `x`
    pub output: Tensor<2>,
    /// `[features]` in f32, a constant for gradients
    pub mean: Tensor<1>,
    /// `[features]` in f32, biased, a constant for gradients
    pub variance: Tensor<1>,
}

/// Normalises each column of `x` `[rows, features]` by the batch's statistics.
pub fn batch_norm_train(
    x: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> Normalised {
    let [features] = gamma.dims();
    let (output, mean, variance) = <Dispatch as ModelBackend>::norm_rows(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
    );
    Normalised {
        output: Tensor::from_dispatch(output),
        mean: Tensor::<2>::from_dispatch(mean).reshape([features]),
        variance: Tensor::<2>::from_dispatch(variance).reshape([features]),
    }
}

/// The exact GELU, `x/2 (1 + erf(x/sqrt 2))`, computed in f32.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as ModelBackend>::exact_gelu(x.into_dispatch()))
}

/// `x` with each element kept with probability `keep`, by the seed in `control`; see
/// [`TrainingPass`](crate::pass::TrainingPass), which counts the sites.
pub fn masked<const D: usize>(x: Tensor<D>, control: Tensor<1>, site: u32, keep: f64) -> Tensor<D> {
    let y =
        <Dispatch as ModelBackend>::masked(x.into_dispatch(), control.into_dispatch(), site, keep);
    Tensor::from_dispatch(y)
}

/// The sum of each column in f32, in a fixed order: `[rows, columns] -> [1, columns]`. Not
/// differentiable.
pub fn column_sums(x: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as ModelBackend>::column_sums(x.into_dispatch()))
}

static FIXED: AtomicBool = AtomicBool::new(true);

/// Whether a GPU's kernels for matrix products are chosen by rule instead of by measuring.
pub fn use_fixed_kernels(fixed: bool) {
    FIXED.store(fixed, Ordering::Relaxed);
}

fn fixed_kernels() -> bool {
    FIXED.load(Ordering::Relaxed)
}
