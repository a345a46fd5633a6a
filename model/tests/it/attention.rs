//! Residual attention, of one to four layers: adding scores layer by layer is attention over concatenated queries and keys.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use tilewright::language::AnyVariant;
use tilewright::variants::softmax as softmax_variant;
use tilewright_patchtst::attention::{Attend, Residual};
use tilewright_patchtst::config::AttentionKind;

use crate::support::{assert_close, random, values};

const D: usize = 4;

struct Inputs {
    q: Vec<Tensor<4>>,
    k: Vec<Tensor<4>>,
    v: Vec<Tensor<4>>,
}

/// `[batch, tokens, heads, d]` seen as `[batch, heads, tokens, d]`: strided, as in the encoder.
fn inputs(layers: usize) -> Inputs {
    let device = Device::flex().autodiff();
    let make = |base: u64| {
        (0..layers as u64).map(|l| random([2, 9, 3, D], base + l, &device).require_grad()).collect()
    };
    Inputs { q: make(10), k: make(20), v: make(30) }
}

/// The sum of all layers' outputs and the gradients of every input.
fn run(
    layers: usize,
    layer: impl FnMut(usize, Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
) -> (Vec<f32>, Vec<Vec<f32>>) {
    let inputs = inputs(layers);
    let mut layer = layer;
    let heads = |t: &Tensor<4>| t.clone().swap_dims(1, 2);
    let mut total: Option<Tensor<4>> = None;
    for l in 0..layers {
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

fn by(kind: AttentionKind, layers: usize) -> (Vec<f32>, Vec<Vec<f32>>) {
    let variant = AnyVariant::from(softmax_variant());
    let mut residual = Residual::default();
    let attend = Attend { kind, variant: &variant, dropout: 0.0, kept: None };
    run(layers, |_, q, k, v| attend.forward(q, k, v, Some(&mut residual), None))
}

/// The identity written out in plain operations.
fn concatenated(layers: usize) -> (Vec<f32>, Vec<Vec<f32>>) {
    let (mut queries, mut keys) = (Vec::new(), Vec::new());
    run(layers, move |_, q, k, v| {
        queries.push(q);
        keys.push(k);
        let (q, k) = (Tensor::cat(queries.clone(), 3), Tensor::cat(keys.clone(), 3));
        softmax(q.matmul(k.swap_dims(2, 3)) / (D as f64).sqrt(), 3).matmul(v)
    })
}

#[test]
fn vanilla_is_the_concatenated_form() {
    for layers in 1..=4 {
        let (output, gradients) = by(AttentionKind::Vanilla, layers);
        let (expected, expected_gradients) = concatenated(layers);
        assert_close(&output, &expected, 1e-6);
        for (found, expected) in gradients.iter().zip(&expected_gradients) {
            assert_close(found, expected, 1e-5);
        }
    }
}

#[test]
fn kernels_agree_with_vanilla() {
    for layers in 1..=4 {
        let (expected, expected_gradients) = by(AttentionKind::Vanilla, layers);
        for kind in [AttentionKind::Tuned, AttentionKind::Saved] {
            let (output, gradients) = by(kind, layers);
            assert_close(&output, &expected, 1e-5);
            for (found, expected) in gradients.iter().zip(&expected_gradients) {
                assert_close(found, expected, 1e-5);
            }
        }
    }
}

#[test]
fn without_residual_layers_are_independent() {
    let variant = AnyVariant::from(softmax_variant());
    let attend =
        Attend { kind: AttentionKind::Vanilla, variant: &variant, dropout: 0.0, kept: None };
    let (output, _) = run(3, |_, q, k, v| attend.forward(q, k, v, None, None));
    let (expected, _) =
        run(3, |_, q, k, v| softmax(q.matmul(k.swap_dims(2, 3)) / (D as f64).sqrt(), 3).matmul(v));
    assert_close(&output, &expected, 1e-6);
    let (residual, _) = by(AttentionKind::Vanilla, 3);
    assert!(output.iter().zip(&residual).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
fn heads_that_are_not_kept_only_lend_their_scores() {
    let variant = AnyVariant::from(softmax_variant());
    let kept = [0, 2];
    let run = |kind: AttentionKind, kept: Option<&[usize]>| {
        let mut residual = Residual::default();
        let attend = Attend { kind, variant: &variant, dropout: 0.0, kept };
        let heads = |seed| random([2, 3, 9, D], seed, &Device::flex());
        let chosen = |x: Tensor<4>| match kept {
            None => x,
            Some(_) => Tensor::cat(vec![x.clone().narrow(1, 0, 1), x.narrow(1, 2, 1)], 1),
        };
        let forward = |residual: &mut Residual, seed: u64| {
            let (q, k, v) = (heads(seed), heads(seed + 1), chosen(heads(seed + 2)));
            attend.forward(q, k, v, Some(residual), None)
        };
        forward(&mut residual, 1);
        let out = forward(&mut residual, 5);
        if kept.is_some() { out } else { chosen_of(out) }
    };
    fn chosen_of(x: Tensor<4>) -> Tensor<4> {
        Tensor::cat(vec![x.clone().narrow(1, 0, 1), x.narrow(1, 2, 1)], 1)
    }
    let expected = values(&run(AttentionKind::Vanilla, None));
    for kind in [AttentionKind::Vanilla, AttentionKind::Tuned] {
        assert_close(&values(&run(kind, Some(&kept))), &expected, 1e-5);
    }
}
