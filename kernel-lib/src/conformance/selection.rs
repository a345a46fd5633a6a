//! Which cases are worth their time.
//!
//! A case's cost is compiling its kernels, not running them, and nearly every choice makes other
//! kernels. So the full product of all choices is out of reach; instead every *pair* of choices
//! (this layout with that head dimension, this plan with that element type ...) occurs in some
//! case, which finds most of what the product would, and every variant runs in full on a few
//! shapes. The quick level leaves out the pairs of sequence length and head dimension.

use std::collections::BTreeSet;

use super::case::{Case, Layout, PlanPick, Size};
use super::{Level, tensor_cores};
use crate::device::Device;
use crate::language::{AnyVariant, Table, Variant as _, heads, registered};
use crate::random::Random;
use crate::variants::{
    alibi, causal, dilated, head_mixed, per_head_scale, relative_bias, sliding_window, softcap,
    softmax, temperature,
};
use crate::{DType, Pass, Plan, Problem};

/// Queries and keys: single ones, PatchTST's, powers of two and their neighbours, unequal ones,
/// and too many keys for `resident` on a GPU and on a CPU.
const SEQUENCES: [(usize, usize); 11] = [
    (1, 1),
    (1, 37),
    (37, 1),
    (7, 7),
    (42, 42),
    (64, 64),
    (65, 65),
    (100, 37),
    (130, 130),
    (13, 90),
    (20, 300),
];

/// Lengths of queries and keys, and of values.
const DIMS: [(usize, usize); 13] = [
    (1, 1),
    (3, 3),
    (4, 4),
    (5, 5),
    (8, 8),
    (16, 16),
    (40, 40),
    (64, 64),
    (128, 128),
    (256, 256),
    (12, 4),
    (24, 8),
    (8, 16),
];

/// Query heads, and key heads.
const HEADS: [(usize, usize); 4] = [(2, 2), (4, 2), (6, 1), (1, 1)];

/// Multiply-adds of one product of a case, beyond which the reference takes seconds.
const COSTLY: usize = 8_000_000;

/// The cases of a level, in an order that does not change.
pub(super) fn cases(level: Level, device: &Device) -> Vec<Case> {
    let mut cases = variants(level);
    cases.extend(many_groups());
    let rounds = match level {
        Level::Quick => 1,
        Level::Full => 2,
    };
    for round in 0..rounds {
        cases.extend(covering(level, round));
    }
    if level == Level::Full {
        cases.extend(every_plan(device));
        if device.tensor_cores {
            cases.extend(tensor_cores::cases(device));
        }
    }
    cases
}

/// Every registered variant with every example, and compositions, on a few shapes.
fn variants(level: Level) -> Vec<Case> {
    let size = |heads, kv_heads, queries, keys, dim| Size {
        batch: 2,
        heads,
        kv_heads,
        queries,
        keys,
        head_dim: dim,
        value_dim: dim,
    };
    let mut shapes = vec![
        (size(2, 2, 42, 42, 8), Layout::Bshd, DType::F32, PlanPick::Resident, false),
        (size(4, 2, 65, 37, 16), Layout::Bhsd, DType::Bf16, PlanPick::Streaming, false),
        (size(2, 2, 7, 90, 4), Layout::Packed, DType::F32, PlanPick::Resident, true),
    ];
    if level == Level::Full {
        shapes.extend([
            (size(3, 1, 100, 100, 64), Layout::Mixed, DType::F16, PlanPick::Default, false),
            (size(2, 2, 64, 64, 16), Layout::Bshd, DType::Bf16, PlanPick::ResidentStaged, true),
            (size(2, 1, 200, 130, 32), Layout::Bhsd, DType::F32, PlanPick::StreamingStaged, false),
            (size(4, 4, 1, 17, 40), Layout::Broadcast, DType::F32, PlanPick::Rule, false),
        ]);
    }
    let mut cases = Vec::new();
    for (nth, (size, layout, dtype, plan, save_scores)) in shapes.into_iter().enumerate() {
        let sizes = size.example_sizes();
        let mut subjects: Vec<AnyVariant> =
            registered().flat_map(|variant| variant.example_variants(&sizes)).collect();
        subjects.extend([
            softcap(2.0).and(causal()).into(),
            alibi(4).and(sliding_window(9)).and(causal()).into(),
            softcap(3.0).and(alibi(4)).into(),
            temperature(1.3).and(per_head_scale(random_table(&[size.heads]))).and(causal()).into(),
            causal().not().or(sliding_window(5)).and(dilated(2).not()).into(),
            head_mixed(size.heads as u32, 16, 5).into(),
            heads(0..1, softcap(2.0).and(causal())).heads(1..2, alibi(2)).into(),
        ]);
        let bias = random_table(&[size.heads, size.queries + size.keys - 1]);
        subjects.push(relative_bias(bias).and(softcap(2.0)).and(sliding_window(20)).into());
        for variant in subjects {
            cases.push(Case {
                variant,
                size,
                layout,
                dtype,
                plan,
                save_scores,
                scale: None,
                seed: 100 + nth as u64,
            });
        }
    }
    cases
}

pub(super) fn random_table(shape: &[usize]) -> Table {
    let mut random = Random::new(17);
    let values = (0..shape.iter().product()).map(|_| random.normal() as f32).collect();
    Table::new(shape, values).expect("as many values as the shape has elements")
}

/// More groups than a grid's second or third axis is long.
fn many_groups() -> Vec<Case> {
    let size = Size {
        batch: 70_000,
        heads: 1,
        kv_heads: 1,
        queries: 2,
        keys: 1,
        head_dim: 4,
        value_dim: 4,
    };
    [PlanPick::Default, PlanPick::Streaming]
        .map(|plan| Case {
            variant: softmax().into(),
            size,
            layout: Layout::Bhsd,
            dtype: DType::F32,
            plan,
            save_scores: false,
            scale: None,
            seed: 7,
        })
        .into()
}

/// The choices of a covering selection, by index.
const AXES: [usize; 8] = [
    SEQUENCES.len(),
    DIMS.len(),
    HEADS.len(),
    DType::ALL.len(),
    Layout::ALL.len(),
    PlanPick::KINDS.len(),
    2,
    4,
];

type Choice = [usize; AXES.len()];

/// Places of two of them.
const SEQUENCE: usize = 0;
const DIM: usize = 1;

/// Cases among which every pair of choices occurs (greedily, after AETG, doi 10.1109/32.605761).
fn covering(level: Level, round: u64) -> Vec<Case> {
    let mut random = Random::new(20_261_120 + round);
    let mut open = BTreeSet::new();
    for (a, &first) in AXES.iter().enumerate() {
        for (b, &second) in AXES.iter().enumerate().skip(a + 1) {
            // Any length goes with any dimension: these two alone would make half of the cases.
            if level == Level::Quick && (a, b) == (SEQUENCE, DIM) {
                continue;
            }
            for i in 0..first {
                open.extend((0..second).map(|j| (a, i, b, j)));
            }
        }
    }
    let mut cases = Vec::new();
    while let Some(&(a, i, b, j)) = open.first() {
        let candidates = (0..40).map(|_| {
            let mut choice: Choice = AXES.map(|n| (random.bits() % n as u64) as usize);
            (choice[a], choice[b]) = (i, j);
            choice
        });
        let gain = |choice: &Choice| {
            let covered = pairs(choice).filter(|pair| open.contains(pair)).count() as i64;
            let costly = cost(&case(choice, 0).size) > COSTLY;
            covered - if costly { 1000 } else { 0 }
        };
        // The first of the best, so that the selection is one.
        let mut best: Option<(i64, Choice)> = None;
        for choice in candidates {
            let gain = gain(&choice);
            if best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, choice));
            }
        }
        let Some((_, choice)) = best else { break };
        for pair in pairs(&choice) {
            open.remove(&pair);
        }
        cases.push(case(&choice, 1000 * (round + 1) + cases.len() as u64));
    }
    cases
}

fn pairs(choice: &Choice) -> impl Iterator<Item = (usize, usize, usize, usize)> + '_ {
    (0..AXES.len())
        .flat_map(move |a| (a + 1..AXES.len()).map(move |b| (a, choice[a], b, choice[b])))
}

fn cost(size: &Size) -> usize {
    size.batch * size.heads * size.queries * size.keys * (size.head_dim + size.value_dim)
}

fn case(choice: &Choice, seed: u64) -> Case {
    let &[sequence, dims, heads, dtype, layout, plan, save_scores, variant] = choice;
    let (queries, keys) = SEQUENCES[sequence];
    let (head_dim, value_dim) = DIMS[dims];
    let (heads, kv_heads) = HEADS[heads];
    let mut size = Size { batch: 3, heads, kv_heads, queries, keys, head_dim, value_dim };
    while size.batch > 1 && cost(&size) > COSTLY / 8 {
        size.batch -= 1;
    }
    let variant: AnyVariant = match variant {
        0 => softmax().into(),
        1 => softcap(2.0).and(causal()).into(),
        2 => sliding_window(9).into(),
        _ => alibi(heads as u32).into(),
    };
    Case {
        variant,
        size,
        layout: Layout::ALL[layout],
        dtype: DType::ALL[dtype],
        plan: PlanPick::KINDS[plan],
        save_scores: save_scores == 1,
        scale: [None, Some(0.25), Some(-0.4)][seed as usize % 3],
        seed,
    }
}

/// Every plan that a device can run, on the problems that matter most.
fn every_plan(device: &Device) -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes = [
        (42, 42, 8, DType::F32, 3, 3),
        (64, 64, 16, DType::Bf16, 4, 2),
        (130, 196, 64, DType::F16, 2, 2),
    ];
    for (nth, (queries, keys, dim, dtype, heads, kv_heads)) in shapes.into_iter().enumerate() {
        let size = Size { batch: 2, heads, kv_heads, queries, keys, head_dim: dim, value_dim: dim };
        let mut plans = Vec::new();
        for pass in [Pass::Forward, Pass::Backward] {
            let problem = problem(pass, &size, dtype);
            plans.extend(
                Plan::space(&problem, device)
                    .into_iter()
                    .filter(|plan| plan.check(&problem, device).is_ok()),
            );
        }
        plans.sort();
        plans.dedup();
        cases.extend(plans.into_iter().map(|plan| Case {
            variant: softmax().into(),
            size,
            layout: Layout::Bshd,
            dtype,
            plan: PlanPick::Given(plan),
            save_scores: false,
            scale: None,
            seed: 9000 + nth as u64,
        }));
    }
    cases
}

pub(super) fn problem(pass: Pass, size: &Size, dtype: DType) -> Problem {
    Problem {
        pass,
        dtype,
        head_dim: size.head_dim,
        value_dim: size.value_dim,
        seq_q: size.queries,
        seq_k: size.keys,
        batch: size.batch,
        heads: size.heads,
        kv_heads: size.kv_heads,
        class: Default::default(),
        save_scores: false,
    }
}
