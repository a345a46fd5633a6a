//! Cases for tensor cores.

use super::case::{Case, Layout, PlanPick, Size};
use super::selection::{problem, random_table};
use crate::device::Device;
use crate::language::{AnyVariant, Variant as _, heads, registered};
use crate::variants::{
    alibi, causal, dense_bias, dilated, head_mixed, neighbourhood_2d, per_head_scale,
    relative_bias, sliding_window, softcap, softmax, temperature,
};
use crate::{DType, Lowering, Pass, Plan};

/// Short sequences on tensor cores: every length with every dimension, since each pair has ragged
/// edges of its own; layouts, heads, variants and element types take turns. Every variant, too.
/// What tensor cores cannot run is left to the other selections.
pub(super) fn cases(device: &Device) -> Vec<Case> {
    const SEQUENCES: [(usize, usize); 14] = [
        (1, 1),
        (1, 37),
        (37, 1),
        (7, 7),
        (16, 16),
        (33, 40),
        (42, 42),
        (64, 64),
        (65, 65),
        (96, 96),
        (128, 128),
        (100, 37),
        (13, 90),
        (8, 200),
    ];
    const DIMS: [(usize, usize); 12] = [
        (1, 1),
        (3, 3),
        (4, 4),
        (5, 5),
        (8, 8),
        (16, 16),
        (24, 8),
        (12, 4),
        (8, 16),
        (32, 32),
        (40, 40),
        (64, 64),
    ];
    const HEADS: [usize; 5] = [1, 2, 3, 4, 16];
    let dtypes = [DType::Bf16, DType::F16, DType::F32];
    let case = |nth: usize, variant: AnyVariant, (queries, keys), (head_dim, value_dim)| {
        let heads = HEADS[nth % HEADS.len()];
        let size = Size { batch: 2, heads, kv_heads: heads, queries, keys, head_dim, value_dim };
        Case {
            variant,
            size,
            layout: Layout::ALL[nth / 2 % Layout::ALL.len()],
            dtype: dtypes[nth % 3],
            plan: PlanPick::TensorCores,
            save_scores: false,
            scale: [None, None, Some(0.25), Some(-0.4)][nth / 5 % 4],
            seed: 20_000 + nth as u64,
        }
    };
    let mut cases = Vec::new();
    for (i, sequence) in SEQUENCES.into_iter().enumerate() {
        for (j, dims) in DIMS.into_iter().enumerate() {
            let nth = i * DIMS.len() + j;
            let variant = match nth % 7 {
                0 => softcap(2.0).and(causal()).into(),
                3 => sliding_window(9).into(),
                5 => alibi(HEADS[nth % HEADS.len()] as u32).into(),
                _ => softmax().into(),
            };
            cases.push(case(nth, variant, sequence, dims));
        }
    }
    for registered in registered() {
        for nth in 0..registered.examples.len() {
            for (sequence, dims) in [((42, 42), (8, 8)), ((20, 50), (16, 16))] {
                let case = case(cases.len(), softmax().into(), sequence, dims);
                let variant = registered.example_variants(&case.size.example_sizes()).nth(nth);
                cases.extend(variant.map(|variant| Case { variant, ..case }));
            }
        }
    }
    // What only `streaming` can run: long sequences, heads that share keys, masks by block.
    let long = [
        (130, 196, 64, 4, 4),
        (300, 257, 32, 6, 2),
        (257, 300, 40, 4, 1),
        (64, 500, 128, 2, 2),
        (500, 64, 24, 3, 3),
    ];
    let variants: [AnyVariant; 8] = [
        softmax().into(),
        causal().into(),
        sliding_window(70).into(),
        softcap(2.0).and(causal()).into(),
        dilated(3).into(),
        alibi(4).into(),
        head_mixed(2, 64, 96).into(),
        heads(0..1, softcap(2.0).and(sliding_window(50))).heads(1..2, alibi(4)).into(),
    ];
    for (i, (queries, keys, dim, heads, kv_heads)) in long.into_iter().enumerate() {
        for (j, variant) in variants.iter().enumerate() {
            let nth = 7 * i + j;
            let case = case(nth, variant.clone(), (queries, keys), (dim, dim));
            cases.push(Case { size: Size { heads, kv_heads, ..case.size }, ..case });
        }
    }
    // Every variant there, and what is learned by every route: an element for each distance, cell,
    // query, key or head, or one; with masks that hide whole blocks and sixteens of them, from some
    // heads only. In `f32` plain units compute that.
    let many = (196, 196, 64, 4, 2);
    let square = Size {
        batch: 3,
        heads: 4,
        kv_heads: 2,
        queries: 196,
        keys: 196,
        head_dim: 64,
        value_dim: 64,
    };
    for registered in registered() {
        for variant in registered.example_variants(&square.example_sizes()) {
            let dtype = [DType::Bf16, DType::F16][cases.len() % 2];
            let case = case(cases.len(), variant, (196, 196), (64, 64));
            cases.push(Case { size: square, dtype, ..case });
        }
    }
    for (queries, keys, dim, heads, kv_heads) in long.into_iter().chain([many]) {
        for variant in learned(heads, queries, keys) {
            let dtype = [DType::Bf16, DType::F16, DType::F32][cases.len() % 3];
            let case = case(cases.len(), variant, (queries, keys), (dim, dim));
            cases.push(Case { size: Size { heads, kv_heads, ..case.size }, dtype, ..case });
        }
    }
    // A grid that is wider than a block of keys, and one that is narrower.
    for (height, width, window) in [(5, 70, 3), (14, 14, 5), (20, 15, 4)] {
        let seq = height * width;
        let variant = neighbourhood_2d(height as u32, width as u32, window).into();
        cases.push(case(cases.len(), variant, (seq, seq), (64, 64)));
    }
    // Scores with a deviation of about 140: rows are nearly one-hot, norms bound nothing, and the
    // gradients of queries and keys are differences of nearly equal numbers.
    for dtype in [DType::Bf16, DType::F16] {
        let case = case(cases.len(), softmax().into(), (42, 42), (8, 8));
        cases.push(Case { dtype, scale: Some(50.0), ..case });
    }
    let runs = |case: &Case, pass| {
        let problem = problem(pass, &case.size, case.dtype);
        let mut plans = Plan::space(&problem, device).into_iter();
        plans.any(|plan| plan.lowering == Lowering::Mma && plan.check(&problem, device).is_ok())
    };
    cases.retain(|case| runs(case, Pass::Forward) && runs(case, Pass::Backward));
    cases
}

/// Variants that learn something of long sequences.
fn learned(heads: usize, queries: usize, keys: usize) -> [AnyVariant; 7] {
    let distances = random_table(&[heads, queries + keys - 1]);
    let scales = random_table(&[heads]);
    [
        relative_bias(distances.clone()).into(),
        relative_bias(distances).and(softcap(2.0)).and(sliding_window(70)).into(),
        dense_bias(random_table(&[1, heads, queries, keys])).and(causal()).into(),
        dense_bias(random_table(&[1, 1, queries, 1])).into(),
        dense_bias(random_table(&[2, 1, 1, keys])).into(),
        temperature(1.3).and(per_head_scale(scales)).and(causal()).into(),
        temperature(0.8).and(head_mixed(heads as u32, 64, 16)).into(),
    ]
}
