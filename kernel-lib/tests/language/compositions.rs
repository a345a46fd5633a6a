//! `or`, `not` and per-head choice, on the host.

use proptest::prelude::*;
use tilewright::language::{HeadsError, LearnedStage, MaskScope, Stages, TableRead};
use tilewright::prelude::*;

use crate::{assert_derivative, positions};

fn of_head(head: u32) -> impl Iterator<Item = Position> {
    positions().into_iter().map(move |at| Position { head, ..at })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn masks_join_as_their_words_say(window in 0u32..6, stride in 0u32..5, block in 0u32..5) {
        let (near, far, own) = (sliding_window(window), dilated(stride), blocked(block));
        for at in positions() {
            let [near_keeps, far_keeps, own_keeps] =
                [near.keep(&at), far.keep(&at), own.keep(&at)];
            prop_assert_eq!(near.or(far).keep(&at), near_keeps || far_keeps);
            prop_assert_eq!(near.not().keep(&at), !near_keeps);
            prop_assert_eq!(
                near.not().and(far).or(own.not()).not().keep(&at),
                !(!near_keeps && far_keeps || !own_keeps)
            );
        }
    }

    #[test]
    fn every_head_has_its_own_part(a in 0u32..4, b in 2u32..5, gap in 0u32..2, cap in 0.5f32..9.0) {
        let (second, end) = (a + b + gap, a + b + gap + b);
        let inner = heads(second..second + 1, causal()).heads(second + 1..end, alibi(8));
        let mixed = heads(a..a + b, softcap(cap).and(sliding_window(3))).heads(second..end, inner);
        prop_assert_eq!(mixed.check_heads(12), Ok(()));
        for head in 0..13 {
            let part: AnyVariant = match head {
                head if (a..a + b).contains(&head) => softcap(cap).and(sliding_window(3)).into(),
                head if head == second => causal().into(),
                head if (second + 1..end).contains(&head) => alibi(8).into(),
                _ => softmax().into(),
            };
            for at in of_head(head) {
                prop_assert_eq!(mixed.keep(&at), part.keep(&at));
                prop_assert_eq!(mixed.score(1.7, &at), part.score(1.7, &at));
                prop_assert_eq!(mixed.score_grad(1.7, &at), part.score_grad(1.7, &at));
            }
        }
    }
}

#[test]
fn derivatives_pass_through_a_choice() {
    let mixed: AnyVariant = alibi(8).and(heads(2..5, softcap(2.0))).and(softcap(9.0)).into();
    for at in positions() {
        assert!(assert_derivative(&mixed, 0.7, &at));
    }
}

#[test]
fn descriptions_can_be_read_back() {
    let described = |variant: AnyVariant| variant.describe();
    let near = sliding_window(3);
    assert_eq!(described(causal().or(near).into()), "(causal or sliding_window(window=3))");
    assert_eq!(
        described(causal().or(near).and(blocked(4)).into()),
        "(causal or sliding_window(window=3)) and blocked(block=4)"
    );
    assert_eq!(
        described(causal().and(near).not().and(near.not()).into()),
        "not (causal and sliding_window(window=3)) and not sliding_window(window=3)"
    );
    assert_eq!(
        described(heads(0..8, near).heads(8..16, softcap(2.0)).into()),
        "heads(0..8: sliding_window(window=3), 8..16: softcap(cap=2))"
    );
}

#[test]
fn hashes_tell_compositions_apart_and_parameters_do_not_change_them() {
    let (a, b) = (causal(), sliding_window(3));
    let hashes = [
        a.and(b).source_hash(),
        a.or(b).source_hash(),
        b.or(a).source_hash(),
        a.not().source_hash(),
        b.not().source_hash(),
        a.not().not().source_hash(),
        heads(0..2, a).source_hash(),
        heads(0..2, b).source_hash(),
        heads(0..2, a).heads(2..4, b).source_hash(),
        heads(0..2, b).heads(2..4, a).source_hash(),
        heads(0..2, heads(0..2, a)).source_hash(),
    ];
    for (place, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..place].contains(hash), "{place}");
    }
    assert_eq!(heads(0..2, b).source_hash(), heads(3..4, sliding_window(9)).source_hash());
}

#[test]
fn what_kernels_ask_of_masks() {
    let ids = document(Table::new([1, 9], vec![0u32; 9]).expect("it fits"));
    let by_batch = MaskScope { batch: true, head: false };
    let by_head = MaskScope { batch: false, head: true };
    let asked = |variant: &dyn Fn() -> (Stages, MaskScope, bool)| variant();
    fn of<V: Variant>(variant: V) -> impl Fn() -> (Stages, MaskScope, bool) {
        move || (variant.stages(), variant.mask_scope(), variant.mask_known_on_host())
    }
    let (score, mask) = (Stages { score: true, mask: false }, Stages { score: false, mask: true });
    let both = Stages { score: true, mask: true };
    assert_eq!(asked(&of(causal().or(dilated(2)).not())), (mask, MaskScope::SHARED, true));
    assert_eq!(asked(&of(causal().or(ids.clone()))), (mask, by_batch, false));
    assert_eq!(asked(&of(ids.clone().not())), (mask, by_batch, false));
    // Nothing is masked anywhere.
    assert_eq!(asked(&of(heads(0..2, softcap(2.0)))), (score, MaskScope::SHARED, true));
    assert_eq!(asked(&of(heads(0..2, causal()))), (mask, by_head, false));
    assert_eq!(
        asked(&of(heads(0..2, ids.clone()).heads(2..4, alibi(8)))),
        (both, MaskScope { batch: true, head: true }, false)
    );
    assert_eq!(asked(&of(softcap(2.0).and(heads(0..2, causal()).not()))), (both, by_head, false));
}

#[test]
fn ranges_that_do_not_fit_are_refused_by_name() {
    let message = |variant: AnyVariant, count: usize| {
        variant.check_heads(count).expect_err("refused").to_string()
    };
    assert_eq!(
        message(heads(0..8, causal()).heads(4..12, dilated(3)).into(), 16),
        "heads 0..8, causal and heads 4..12, dilated(stride=3) overlap: a head has one part; compose \
         with `and` inside of one"
    );
    assert_eq!(
        message(heads(4..4, causal()).into(), 16),
        "heads 4..4, causal: no head is in this range; write the first and the one after the last, as \
         in `heads(0..8, ..)`"
    );
    #[allow(clippy::reversed_empty_ranges, reason = "what is tested")]
    let reversed = heads(0..2, causal()).heads(8..4, dilated(3));
    assert!(message(reversed.into(), 16).starts_with("heads 8..4, dilated(stride=3): no head"));
    assert_eq!(
        message(heads(0..8, causal()).heads(8..17, dilated(3)).into(), 16),
        "heads 8..17, dilated(stride=3): the range reaches beyond the call's 16 query heads"
    );
    // However deep it stands.
    let wrong = heads(0..9, causal());
    for variant in [
        softcap(1.0).and(wrong).into(),
        wrong.and(softcap(1.0)).into(),
        causal().or(wrong).into(),
        wrong.or(causal()).into(),
        wrong.not().into(),
        heads(0..2, wrong).into(),
        heads(0..2, causal()).heads(2..3, wrong).heads(3..4, causal()).into(),
    ] as [AnyVariant; 7]
    {
        let error = variant.check_heads(8).expect_err("refused");
        assert!(matches!(error, HeadsError::Beyond { heads: 8, .. }), "{variant:?}: {error}");
        assert_eq!(variant.check_heads(9), Ok(()), "{variant:?}");
    }
    assert_eq!(heads(8..9, causal()).heads(0..8, dilated(2)).check_heads(9), Ok(()));
}

#[test]
fn parts_read_and_learn_in_their_own_heads_alone() {
    let table = |len: usize| {
        Table::new([len], (0..len).map(|i| i as f32 + 0.5).collect()).expect("it fits")
    };
    let bias = Table::new([1, 17], vec![0.25f32; 17]).expect("it fits");
    let mixed = heads(0..2, per_head_scale(table(2)))
        .heads(2..4, relative_bias(bias).and(temperature(0.5)))
        .heads(4..5, document(Table::new([3, 9], vec![1u32; 27]).expect("it fits")));
    let names: Vec<&str> = mixed.tables().iter().map(|table| table.name).collect();
    assert_eq!(names, ["scales", "bias", "t", "ids"]);
    let learned = mixed.learned();
    let sites: Vec<usize> =
        learned.iter().flat_map(|param| param.sites.iter().map(|site| site.site)).collect();
    assert_eq!(learned.iter().map(|param| param.name).collect::<Vec<_>>(), ["scales", "bias", "t"]);
    assert_eq!(sites, [0, 1, 2]);

    for head in 0..6 {
        for at in of_head(head) {
            let mut read: Vec<TableRead> = Vec::new();
            mixed.reads(&at, &mut |one| read.push(one));
            let tables: Vec<usize> = read.iter().map(|one| one.table).collect();
            let expected: &[usize] = match head {
                0..2 => &[0],
                2..4 => &[1],
                4 => &[3, 3],
                _ => &[],
            };
            assert_eq!(tables, expected, "{at:?}");
            let gradients =
                [0, 1, 2].map(|site| mixed.learned_grad(3.0, &at, site, LearnedStage::Score));
            let expected = match head {
                0..2 => [3.0, 0.0, 0.0],
                2..4 => [0.0, 0.5, 3.25],
                _ => [0.0; 3],
            };
            assert_eq!(gradients, expected, "{at:?}");
            assert_eq!(mixed.learned_index(&at, 0), (head as usize).min(1));
            let distance = at.key + at.queries - 1 - at.query;
            assert_eq!(mixed.learned_index(&at, 1), distance as usize);
        }
    }
}
