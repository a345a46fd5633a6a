//! Stages other than score and mask, joined with each other and with scores that are learned, on the
//! CPU against the oracle. The functions here are registered, so that the conformance suite and the
//! oracle's tests meet them too.

use tilewright::conformance::{Case, Layout, PlanPick, Size, check_case};
use tilewright::open_device;
use tilewright::prelude::*;

/// A learned factor for each head and key, and one for all.
#[weight_mod(example(table(heads, keys), 0.7))]
fn weighed(weight: f32, at: Position, #[learned] factors: Table, #[learned] share: f32) -> f32 {
    if at.key % 3 == 1 { weight * share } else { weight * factors[(at.head, at.key)] }
}

/// A sink that changes with its row, in a way that only the function knows.
#[sink_mod(example(table(queries), 0.3))]
fn moving_sink(at: Position, #[learned] rows: Table, #[learned] more: f32) -> f32 {
    rows[at.query / 2] * more + rows[at.query]
}

/// Every number of its row, of queries alone.
#[query_mod(example(0.4), pair = neighbours)]
fn blended(x: f32, mean: f32, mean_square: f32, pair: f32, at: Element, share: f32) -> f32 {
    (x - mean) / (1.0 + mean_square).sqrt() + share * pair * (at.dim as f32).cos()
}

/// Keys move by a learned amount for each head and token, shared by pairs of dimensions.
#[key_mod(example(table(heads, keys, head_dim)))]
fn shifted(x: f32, at: Element, #[learned] by: Table) -> f32 {
    x + by[(at.head, at.token, at.dim / 2)] * (1.0 + x).tanh()
}

/// Outputs are normed, with a learned exponent.
#[output_mod(example(0.5))]
fn normed_output(x: f32, mean_square: f32, #[learned] power: f32) -> f32 {
    x / (mean_square + 0.5).powf(power)
}

fn table(shape: &[usize]) -> Table {
    let len = shape.iter().product();
    let values = (0..len).map(|place| ((place * 37 % 101) as f32 / 64.0) - 0.8).collect();
    Table::new(shape, values).expect("it fits")
}

fn check(variant: impl Into<AnyVariant>, dtype: DType, plan: PlanPick) {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let size =
        Size { batch: 3, heads: 4, kv_heads: 2, queries: 13, keys: 21, head_dim: 6, value_dim: 4 };
    let case = Case {
        variant: variant.into(),
        size,
        layout: Layout::Bshd,
        dtype,
        plan,
        save_scores: false,
        scale: None,
        seed: 5,
    };
    check_case(&client, &case).unwrap_or_else(|error| panic!("{case}: {error}"));
}

#[test]
fn what_scores_learn_reaches_them_through_weights_and_normalisers() {
    let bias = || relative_bias(table(&[4, 33]));
    check(bias().and(dropout(0.3, 9)).and(causal()), DType::F32, PlanPick::Resident);
    check(bias().and(sigmoid_attention(-1.0)), DType::F32, PlanPick::Streaming);
    check(
        bias().and(attention_sink(table(&[4]))).and(dropout(0.2, 3)),
        DType::F32,
        PlanPick::Default,
    );
    check(
        sigmoid_attention(-1.0).and(weighed(table(&[4, 21]), 0.7)),
        DType::F32,
        PlanPick::Default,
    );
}

#[test]
fn learned_weights_and_sinks_join() {
    let weights = weighed(table(&[4, 21]), 0.7);
    let sink = moving_sink(table(&[13]), 0.3);
    check(
        weights.clone().and(sink.clone()).and(dropout(0.25, 1)).and(sliding_window(7)),
        DType::F32,
        PlanPick::Resident,
    );
    // The second sink stands in the place of the first, which learns nothing.
    check(sink.clone().and(attention_sink(table(&[1]))), DType::F32, PlanPick::Streaming);
    check(heads(0..2, sink.and(weights)).heads(3..4, causal()), DType::F32, PlanPick::Default);
}

#[test]
fn stages_of_rows_follow_each_other() {
    let scale = || table(&[6]);
    check(
        qk_norm(scale(), 0.1).and(rope(100.0)).and(causal()).and(dropout(0.2, 4)),
        DType::F32,
        PlanPick::Resident,
    );
    let all = blended(0.4)
        .and(shifted(table(&[2, 21, 3])))
        .and(normed_output(0.5))
        .and(relative_bias(table(&[4, 33])))
        .and(output_gate(table(&[3, 1, 13, 4])))
        .and(qk_norm(scale(), 0.1));
    check(all.clone(), DType::F32, PlanPick::Streaming);
    check(all, DType::Bf16, PlanPick::Default);
}

#[test]
fn an_output_that_was_not_kept_is_computed_again() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let numbers: Vec<u8> =
        (0..2 * 3 * 5 * 4).flat_map(|i| (i as f32 * 0.7).sin().to_le_bytes()).collect();
    let q = Strided::contiguous(client.create_from_slice(&numbers), [2, 3, 5, 4], DType::F32);
    let (variant, options) = (normed_output(0.5), AttentionOptions::default());
    let output = attention(&client, &q, &q, &q, variant.clone(), &options).expect("it fits");
    assert!(output.raw.is_some());
    let gradients = |output: &AttentionOutput| {
        let gradients =
            attention_backward(&client, &q, &q, &q, output, &q, variant.clone(), &options)
                .expect("it fits");
        let mut handles = vec![gradients.q.handle, gradients.k.handle, gradients.v.handle];
        handles.extend(gradients.learned.into_iter().map(|learned| learned.values));
        handles
            .into_iter()
            .map(|handle| client.read_one(handle).expect("it can be read").to_vec())
            .collect::<Vec<_>>()
    };
    let kept = gradients(&output);
    assert_eq!(kept.len(), 4);
    assert_eq!(kept, gradients(&AttentionOutput { raw: None, ..output }));
}

#[test]
fn calls_refuse_stages_that_do_not_fit() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let q = Strided::empty(&client, [1, 4, 5, 8], DType::F32);
    let options = AttentionOptions::default();
    let refusal = |variant: AnyVariant| {
        attention(&client, &q, &q, &q, variant, &options).expect_err("refused").to_string()
    };
    assert_eq!(
        refusal(heads(0..2, rope(100.0)).into()),
        "heads 0..2, rope(theta=100): what changes queries, keys or the output is for all heads; join \
         it outside, as in `rope(10000.0).and(heads(..))`"
    );
    let short = refusal(causal().and(qk_norm(table(&[6]), 0.1)).into());
    assert!(
        short.contains("qk_norm: scale is [6]") && short.contains("token 0, dimension 6"),
        "{short}"
    );
    assert!(short.contains("these sizes need [8]"), "{short}");
    let rank = refusal(output_gate(table(&[4])).into());
    assert!(rank.contains("output_gate: gates has 1 dimensions"), "{rank}");
}
