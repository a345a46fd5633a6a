//! Residual attention: adding scores layer by layer is attention over concatenated queries and keys.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use tilewright_patchtst::attention::{Residual, attend};
use tilewright_patchtst::config::AttentionKind;

use crate::support::{assert_close, random, values};

const LAYERS: usize = 3;
const D: usize = 4;

struct Inputs {
    q: Vec<Tensor<4>>,
    k: Vec<Tensor<4>>,
    v: Vec<Tensor<4>>,
}

/// `[batch, tokens, heads, d]` seen as `[batch, heads, tokens, d]`: strided, as in the encoder.
fn inputs() -> Inputs {
    let device = Device::flex().autodiff();
    let make = |base: u64| {
        (0..LAYERS as u64).map(|l| random([2, 9, 3, D], base + l, &device).require_grad()).collect()
    };
    Inputs { q: make(10), k: make(20), v: make(30) }
}

/// The sum of all layers' outputs and the gradients of every input.
fn run(
    layer: impl FnMut(usize, Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
) -> (Vec<f32>, Vec<Vec<f32>>) {
    let inputs = inputs();
    let mut layer = layer;
    let heads = |t: &Tensor<4>| t.clone().swap_dims(1, 2);
    let mut total: Option<Tensor<4>> = None;
    for l in 0..LAYERS {
        let out = layer(l, heads(&inputs.q[l]), heads(&inputs.k[l]), heads(&inputs.v[l]));
        let weight = random([2, 3, 9, D], 50 + l as u64, &Device::flex());
        let part = out * weight;
        total = Some(match total {
            Some(total) => total + part,
            None => part,
        });
    }
    let total = total.expect("layers");
    let gradients = total.clone().sum().backward();
    let all = inputs.q.iter().chain(&inputs.k).chain(&inputs.v);
    (values(&total), all.map(|t| values(&t.grad(&gradients).expect("a gradient"))).collect())
}

fn by(kind: AttentionKind) -> (Vec<f32>, Vec<Vec<f32>>) {
    let mut residual = Residual::default();
    run(move |_, q, k, v| attend(kind, q, k, v, Some(&mut residual)))
}

/// The identity written out in plain operations.
fn concatenated() -> (Vec<f32>, Vec<Vec<f32>>) {
    let (mut queries, mut keys) = (Vec::new(), Vec::new());
    run(move |_, q, k, v| {
        queries.push(q);
        keys.push(k);
        let (q, k) = (Tensor::cat(queries.clone(), 3), Tensor::cat(keys.clone(), 3));
        softmax(q.matmul(k.swap_dims(2, 3)) / (D as f64).sqrt(), 3).matmul(v)
    })
}

#[test]
fn vanilla_is_the_concatenated_form() {
    let (output, gradients) = by(AttentionKind::Vanilla);
    let (expected, expected_gradients) = concatenated();
    assert_close(&output, &expected, 1e-6);
    for (found, expected) in gradients.iter().zip(&expected_gradients) {
        assert_close(found, expected, 1e-5);
    }
}

#[test]
fn kernels_agree_with_vanilla() {
    let (expected, expected_gradients) = by(AttentionKind::Vanilla);
    for kind in [AttentionKind::Tuned, AttentionKind::Saved] {
        let (output, gradients) = by(kind);
        assert_close(&output, &expected, 1e-5);
        for (found, expected) in gradients.iter().zip(&expected_gradients) {
            assert_close(found, expected, 1e-5);
        }
    }
}

#[test]
fn without_residual_layers_are_independent() {
    let (output, _) = run(|_, q, k, v| attend(AttentionKind::Vanilla, q, k, v, None));
    let (expected, _) =
        run(|_, q, k, v| softmax(q.matmul(k.swap_dims(2, 3)) / (D as f64).sqrt(), 3).matmul(v));
    assert_close(&output, &expected, 1e-6);
    let (residual, _) = by(AttentionKind::Vanilla);
    assert!(output.iter().zip(&residual).any(|(a, b)| (a - b).abs() > 1e-3));
}
