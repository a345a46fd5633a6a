//! The oracle's gradients against central differences of its own forward pass.

use tilewright::language::{AnyVariant, ExampleSizes, Table, Variant as _};
use tilewright::reference::{HostTensor, backward, forward};
use tilewright::variants::{
    alibi, attention_sink, causal, dense_bias, dropout, output_gate, per_head_scale, qk_norm,
    relative_bias, rope, sigmoid_attention, sliding_window, softcap, softmax, t5_buckets,
    temperature,
};

/// Numbers without a pattern, between -1 and 1.
fn scattered(shape: [usize; 4], seed: u64) -> HostTensor {
    let mut state = seed;
    HostTensor::from_fn(shape, |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    })
}

/// `Σ d_out ∘ out`.
fn loss([q, k, v]: [&HostTensor; 3], d_out: &HostTensor, variant: &AnyVariant, scale: f64) -> f64 {
    let out = forward(q, k, v, variant, scale).out;
    out.data.iter().zip(&d_out.data).map(|(o, d)| o * d).sum()
}

fn check_gradients(variant: AnyVariant, heads: usize, kv_heads: usize) {
    let (q_shape, k_shape) = ([2, heads, 5, 3], [2, kv_heads, 7, 3]);
    let q = scattered(q_shape, 1);
    let k = scattered(k_shape, 2);
    let v = scattered([2, kv_heads, 7, 4], 3);
    let d_out = scattered([2, heads, 5, 4], 4);
    let scale = 0.9;
    let gradients = backward(&q, &k, &v, &d_out, &variant, scale);
    const STEP: f64 = 1e-5;
    for (which, gradient) in [&gradients.q, &gradients.k, &gradients.v].into_iter().enumerate() {
        for i in 0..gradient.data.len() {
            let moved = |by: f64| {
                let mut tensors = [q.clone(), k.clone(), v.clone()];
                tensors[which].data[i] += by;
                let [q, k, v] = &tensors;
                loss([q, k, v], &d_out, &variant, scale)
            };
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let derived = gradient.data[i];
            assert!(
                (slope - derived).abs() < 1e-8,
                "{variant:?}: gradient {which}, element {i}: {derived} derived, {slope} measured"
            );
        }
    }
}

#[test]
fn gradients_are_the_slopes_of_the_forward_pass() {
    check_gradients(softmax().into(), 2, 2);
    check_gradients(softcap(0.7).into(), 2, 2);
    check_gradients(causal().into(), 2, 2);
    check_gradients(softcap(0.7).and(alibi(4)).and(sliding_window(3)).into(), 4, 2);
    check_gradients(softmax().into(), 3, 1);
}

#[test]
fn every_registered_variant_has_right_slopes_in_the_oracle() {
    for variant in tilewright::language::registered() {
        let sizes =
            ExampleSizes { batch: 2, heads: 2, queries: 5, keys: 7, head_dim: 3, value_dim: 4 };
        for example in variant.example_variants(&sizes) {
            check_gradients(example, 2, 1);
        }
    }
}

/// Gradients of learned parameters, given what makes a variant from their values.
fn check_learned(shapes: &[&[usize]], make: impl Fn(Vec<Table>) -> AnyVariant) {
    let number = |place: usize| (place * 37 % 101) as f32 / 64.0 - 0.8;
    let table = |shape: &[usize], moved: Option<(usize, f32)>| {
        let mut values: Vec<f32> = (0..shape.iter().product()).map(number).collect();
        if let Some((place, by)) = moved {
            values[place] += by;
        }
        Table::new(shape, values).expect("as many values as elements")
    };
    let made = |which: usize, moved: Option<(usize, f32)>| {
        let tables = shapes.iter().enumerate();
        make(tables.map(|(i, shape)| table(shape, moved.filter(|_| i == which))).collect())
    };
    let q = scattered([2, 4, 5, 3], 1);
    let k = scattered([2, 2, 7, 3], 2);
    let v = scattered([2, 2, 7, 4], 3);
    let d_out = scattered([2, 4, 5, 4], 4);
    let variant = made(0, None);
    let gradients = backward(&q, &k, &v, &d_out, &variant, 0.9).learned;
    assert_eq!(gradients.len(), shapes.len());
    // A power of two, so that the step is exact.
    const STEP: f32 = 1.0 / 8192.0;
    for (which, gradient) in gradients.iter().enumerate() {
        assert_eq!(gradient.param.shape, shapes[which]);
        assert!(gradient.data.iter().any(|x| x.abs() > 1e-3), "{variant:?}: nothing to see");
        for (place, &derived) in gradient.data.iter().enumerate() {
            let at = |by| loss([&q, &k, &v], &d_out, &made(which, Some((place, by))), 0.9);
            let slope = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
            assert!(
                (slope - derived).abs() < 1e-6,
                "{variant:?}: gradient of {}, element {place}: {derived} derived, {slope} measured",
                gradient.param.name
            );
        }
    }
}

#[test]
fn gradients_of_learned_parameters_are_slopes_too() {
    check_learned(&[&[4, 11]], |t| relative_bias(t[0].clone()).into());
    check_learned(&[&[1, 11]], |t| relative_bias(t[0].clone()).and(causal()).into());
    check_learned(&[&[4, 8]], |t| t5_buckets(t[0].clone(), 8, 6).and(softcap(0.7)).into());
    check_learned(&[&[1, 4, 5, 7]], |t| dense_bias(t[0].clone()).into());
    check_learned(&[&[2, 1, 5, 1], &[1]], |t| {
        dense_bias(t[0].clone()).and(softcap(0.9)).and(temperature(t[1].clone())).into()
    });
    check_learned(&[&[4]], |t| per_head_scale(t[0].clone()).and(sliding_window(3)).into());
    check_learned(&[&[4, 11]], |t| relative_bias(t[0].clone()).and(dropout(0.3, 5)).into());
    check_learned(&[&[4, 11]], |t| relative_bias(t[0].clone()).and(sigmoid_attention(-0.5)).into());
    check_learned(&[&[4]], |t| attention_sink(t[0].clone()).into());
    check_learned(&[&[4], &[1]], |t| {
        attention_sink(t[0].clone()).and(dropout(0.3, 5)).and(temperature(t[1].clone())).into()
    });
    check_learned(&[&[3]], |t| qk_norm(t[0].clone(), 0.1).and(rope(10.0)).into());
    check_learned(&[&[1, 4, 5, 4]], |t| output_gate(t[0].clone()).into());
    check_learned(&[&[3], &[4, 11], &[2, 1, 1, 4]], |t| {
        let scored = qk_norm(t[0].clone(), 0.1).and(relative_bias(t[1].clone()));
        scored.and(output_gate(t[2].clone())).into()
    });
}

#[test]
fn two_keys_by_hand() {
    // Scores 0 and ln 3: weights 1/4 and 3/4.
    let q = HostTensor { shape: [1, 1, 1, 1], data: vec![1.0] };
    let k = HostTensor { shape: [1, 1, 2, 1], data: vec![0.0, 3f64.ln()] };
    let v = HostTensor { shape: [1, 1, 2, 1], data: vec![4.0, 8.0] };
    let got = forward(&q, &k, &v, &softmax().into(), 1.0);
    assert!((got.out.data[0] - 7.0).abs() < 1e-12);
    assert!((got.lse.data[0] - 4f64.ln()).abs() < 1e-12);
    assert_eq!(got.scores.data, k.data);
}

#[test]
fn a_row_without_keys_gives_nothing_and_moves_nothing() {
    let q = scattered([1, 1, 3, 2], 1);
    let k = scattered([1, 1, 4, 2], 2);
    let v = scattered([1, 1, 4, 2], 3);
    let nothing: AnyVariant = sliding_window(0).into();
    let got = forward(&q, &k, &v, &nothing, 1.0);
    assert!(got.out.data.iter().all(|&x| x == 0.0));
    assert!(got.lse.data.iter().all(|&x| x == f64::NEG_INFINITY));
    let gradients = backward(&q, &k, &v, &q, &nothing, 1.0);
    for gradient in [gradients.q, gradients.k, gradients.v] {
        assert!(gradient.data.iter().all(|&x| x == 0.0));
    }
}

#[test]
fn query_heads_share_key_heads_in_order() {
    let q = scattered([1, 4, 2, 3], 1);
    let k = scattered([1, 2, 5, 3], 2);
    let v = scattered([1, 2, 5, 3], 3);
    let spread =
        |t: &HostTensor| HostTensor::from_fn([1, 4, 5, 3], |[b, h, s, d]| t.at([b, h / 2, s, d]));
    let variant: AnyVariant = softmax().into();
    let grouped = forward(&q, &k, &v, &variant, 0.5);
    let repeated = forward(&q, &spread(&k), &spread(&v), &variant, 0.5);
    assert_eq!(grouped, repeated);
}
