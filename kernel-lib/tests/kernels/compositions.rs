//! Compositions with random parameters on the CPU, forward and backward, against the oracle. A
//! kernel is compiled for a composition's form; its parameters are arguments.

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use tilewright::conformance::{Case, Layout, PlanPick, Size, check_case};
use tilewright::prelude::*;
use tilewright::{AttentionError, open_device};

const HEADS: u32 = 6;
const SEQ: u32 = 19;

/// Whole numbers of a sequence that is the same every time.
struct Numbers(TestRunner);

impl Numbers {
    fn new() -> Self {
        Self(TestRunner::deterministic())
    }

    fn below(&mut self, end: u32) -> u32 {
        (0..end).new_tree(&mut self.0).expect("a number").current()
    }

    fn table(&mut self, shape: &[usize]) -> Table {
        let len = shape.iter().product();
        let values = (0..len).map(|_| self.below(2000) as f32 / 1000.0 - 1.0).collect();
        Table::new(shape, values).expect("it fits")
    }

    fn ids(&mut self) -> Table<u32> {
        let values = (0..SEQ).map(|_| self.below(3)).collect();
        Table::new([1, SEQ as usize], values).expect("it fits")
    }
}

/// Checks a form of composition with a few draws of its parameters.
fn check<V: Variant>(form: impl Fn(&mut Numbers) -> V) {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let mut numbers = Numbers::new();
    let size = Size {
        batch: 2,
        heads: HEADS as usize,
        kv_heads: 3,
        queries: SEQ as usize,
        keys: SEQ as usize,
        head_dim: 4,
        value_dim: 4,
    };
    for seed in 0..5 {
        let variant = form(&mut numbers).into();
        let case = Case {
            variant,
            size,
            layout: Layout::Bshd,
            dtype: DType::F32,
            plan: PlanPick::Rule,
            save_scores: false,
            scale: None,
            seed,
        };
        check_case(&client, &case).unwrap_or_else(|error| panic!("{case}: {error}"));
    }
}

#[test]
fn masks_joined_in_every_way() {
    check(|n| {
        let near = sliding_window(1 + n.below(5));
        near.or(causal().and(dilated(n.below(4)))).and(blocked(1 + n.below(6)).not())
    });
}

#[test]
fn parts_that_mask() {
    check(|n| {
        let half = 1 + n.below(HEADS - 1);
        let random = random_blocks(1 + n.below(4), 1, n.below(2), n.below(3), n.below(99));
        heads(0..half, random).heads(half..HEADS, strided(1 + n.below(5)))
    });
}

#[test]
fn parts_that_score_and_parts_that_mask() {
    check(|n| {
        let first = n.below(3);
        let second = first + 1 + n.below(2);
        let capped = softcap(0.5 + n.below(4) as f32).and(causal());
        heads(first..second, capped).heads(second..HEADS - n.below(2), alibi(HEADS))
    });
}

#[test]
fn parts_with_tables_and_learned_parameters() {
    check(|n| {
        let half = 1 + n.below(HEADS - 1);
        let bias = relative_bias(n.table(&[HEADS as usize, 2 * SEQ as usize - 1]));
        let scale = per_head_scale(n.table(&[half as usize]));
        heads(0..half, scale.and(document(n.ids())))
            .heads(half..HEADS, bias.and(neighbourhood_1d(1 + n.below(8))))
    });
}

#[test]
fn parts_of_parts_inside_of_compositions() {
    check(|n| {
        let inner = heads(1..2, causal().not()).heads(2..3 + n.below(2), softcap(1.5));
        let masks = heads(0..3, global_local(1 + n.below(3), n.below(3))).or(document(n.ids()));
        softcap(2.0 + n.below(3) as f32).and(heads(n.below(2)..5, inner)).and(masks)
    });
}

#[test]
fn a_call_refuses_parts_beyond_its_heads_and_parameters_out_of_range() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let q = Strided::empty(&client, [1, 4, 5, 8], DType::F32);
    let options = AttentionOptions::default();
    let call = |variant: AnyVariant| attention(&client, &q, &q, &q, variant, &options);
    let output = call(heads(0..4, causal()).into()).expect("as many heads as there are");
    let mixed = softcap(2.0).and(heads(0..2, causal()).heads(2..5, blocked(2)));
    let error = call(mixed.into()).expect_err("a fifth head");
    assert!(matches!(error, AttentionError::PerHead(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "heads 2..5, blocked(block=2): the range reaches beyond the call's 4 query heads"
    );
    let error = attention_backward(&client, &q, &q, &q, &output, &q, mixed, &options);
    assert!(matches!(error, Err(AttentionError::PerHead(_))));
    let error = call(heads(0..3, causal()).heads(2..4, blocked(2)).into()).expect_err("twice");
    assert!(error.to_string().contains("overlap"), "{error}");
    let error = call(causal().and(blocked(0)).into()).expect_err("no block");
    assert!(matches!(error, AttentionError::Parameter(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "`blocked`: `block` is 0, but must be a whole number from 1 to 4294967295"
    );
    let error = attention_backward(&client, &q, &q, &q, &output, &q, rope(f32::NAN), &options);
    assert!(matches!(error, Err(AttentionError::Parameter(_))));
}
