//! The model's operators and their backward passes against compositions that Burn differentiates.

use burn::tensor::{Device, FloatDType, Tensor};
use tilewright_patchtst::ops;

use crate::support::{assert_close, random, values};

/// Gradients of `sum(y * weights)` for each input.
fn gradients<const D: usize>(y: Tensor<D>, inputs: &[&dyn Gradient]) -> Vec<Vec<f32>> {
    let weights = random(y.dims(), 99, &Device::flex());
    let mut all = (y * weights).sum().backward();
    inputs.iter().map(|input| input.of(&mut all)).collect()
}

trait Gradient {
    fn of(&self, all: &mut burn::tensor::Gradients) -> Vec<f32>;
}

impl<const D: usize> Gradient for Tensor<D> {
    fn of(&self, all: &mut burn::tensor::Gradients) -> Vec<f32> {
        values(&self.grad(all).expect("a gradient"))
    }
}

fn leaf<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    random(shape, seed, &Device::flex().autodiff()).require_grad()
}

#[test]
fn linear() {
    // 384 rows are cut into three parts for the weight's gradient, 7 rows into one.
    for rows in [384, 7] {
        let (x, w, b) = (leaf([rows, 5], 1), leaf([5, 3], 2), leaf([3], 3));
        let y = ops::linear(x.clone(), w.clone(), b.clone(), FloatDType::F32);
        let expected = x.clone().matmul(w.clone()) + b.clone().unsqueeze();
        assert_close(&values(&y), &values(&expected), 1e-6);
        let found = gradients(y, &[&x, &w, &b]);
        let wanted = gradients(expected, &[&x, &w, &b]);
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_close(found, wanted, 1e-5);
        }
    }
}

#[test]
fn batch_norm() {
    let (x, gamma, beta) = (leaf([37, 4], 4), leaf([4], 5), leaf([4], 6));
    let normed = ops::batch_norm_train(x.clone() * 3.0 + 5.0, gamma.clone(), beta.clone(), 1e-5);
    let z = x.clone() * 3.0 + 5.0;
    let mean = z.clone().mean_dim(0);
    let centred = z - mean.clone();
    let variance = centred.clone().square().mean_dim(0);
    let expected = centred / (variance.clone() + 1e-5).sqrt() * gamma.clone().unsqueeze()
        + beta.clone().unsqueeze();
    assert_close(&values(&normed.output), &values(&expected), 1e-5);
    assert_close(&values(&normed.mean), &values(&mean), 1e-6);
    assert_close(&values(&normed.variance), &values(&variance), 1e-5);
    let found = gradients(normed.output, &[&x, &gamma, &beta]);
    let wanted = gradients(expected, &[&x, &gamma, &beta]);
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_close(found, wanted, 1e-5);
    }
}

#[test]
fn gelu_is_exact() {
    // Values of x/2 (1 + erf(x/sqrt 2)) to seven digits.
    let x = leaf([200], 7) * 4.0;
    let point = Tensor::<1>::from_data([-2.0_f32, -0.5, 0.0, 1.0, 3.0], &Device::flex());
    let known = [-0.045_500_26, -0.154_268_77, 0.0, 0.841_344_7, 2.995_950_2];
    assert_close(&values(&ops::gelu(point)), &known, 1e-6);
    let y = leaf([200], 7);
    let expected = y.clone() * ((y.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
    let found = gradients(ops::gelu(y.clone()), &[&y]);
    assert_close(&found[0], &gradients(expected, &[&y])[0], 1e-5);
    drop(x);
}
