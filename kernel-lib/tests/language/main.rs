//! The language from the outside: variants against finite differences, composition, registry.

mod compiled;
mod compositions;
mod constructs;
mod device;
#[rustfmt::skip]
mod generated;
mod helpers;
mod library;
mod parameters;
mod pictures;
mod rotation;
mod stages;
mod tables;

use proptest::prelude::*;
use tilewright::language::{ExampleSizes, ParamError, Stages, UnknownVariant, find, registered};
use tilewright::prelude::*;

/// Sizes that hold all of [`positions`].
const SIZES: ExampleSizes =
    ExampleSizes { batch: 3, heads: 8, queries: 9, keys: 9, head_dim: 8, value_dim: 8 };

/// Positions that meet every head, both sides of the diagonal and unequal lengths.
fn positions() -> Vec<Position> {
    let mut positions = Vec::new();
    for (queries, keys) in [(7, 7), (3, 9), (9, 3), (1, 1)] {
        for query in 0..queries {
            for key in 0..keys {
                let (batch, head) = ((query + 2 * key) % 3, (query * 5 + key) % 8);
                positions.push(Position { batch, head, query, key, queries, keys });
            }
        }
    }
    positions
}

/// Asserts that the derivative agrees with a central difference. Where the function has a kink or
/// a jump within the step, the two one-sided differences disagree and say nothing: then, and where
/// the value is infinite, the answer is `false`.
fn assert_derivative(variant: &AnyVariant, score: f64, at: &Position) -> bool {
    let step = 1e-6 * score.abs().max(1.0);
    let [below, middle, above] =
        [score - step, score, score + step].map(|score| variant.score(score, at));
    if !(below.is_finite() && middle.is_finite() && above.is_finite()) {
        return false;
    }
    let (left, right) = ((middle - below) / step, (above - middle) / step);
    let scale = left.abs().max(right.abs()).max(1.0);
    if (left - right).abs() > 1e-3 * scale {
        return false;
    }
    let expected = (above - below) / (2.0 * step);
    let given = variant.score_grad(score, at);
    assert!(
        (given - expected).abs() <= 1e-5 * scale,
        "{} at score {score}, {at:?}: derivative {given}, finite difference {expected}",
        variant.describe(),
    );
    true
}

#[test]
fn every_registered_derivative_agrees_with_finite_differences() {
    let scores = [-40.3, -3.7, -1.2, -0.31, 0.013, 0.4, 0.97, 2.6, 5.2, 33.1];
    for variant in registered().flat_map(|registered| registered.example_variants(&SIZES)) {
        let mut compared = 0;
        for at in positions() {
            compared += scores.iter().filter(|&&s| assert_derivative(&variant, s, &at)).count();
        }
        let points = scores.len() * positions().len();
        assert!(2 * compared > points, "{}: {compared} of {points}", variant.describe());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_agree_at_any_score(
        score in -50.0..50.0f64,
        place in 0usize..50,
        pick in 0usize..1000,
    ) {
        let variants: Vec<AnyVariant> =
            registered().flat_map(|registered| registered.example_variants(&SIZES)).collect();
        let positions = positions();
        let at = &positions[place % positions.len()];
        assert_derivative(&variants[pick % variants.len()], score, at);
    }
}

#[test]
fn composition_is_the_first_variant_then_the_second() {
    let (first, second) = (softcap(3.0), alibi(8));
    let both = first.and(second);
    let swapped = second.and(first);
    for at in positions() {
        for score in [-4.0, 0.3, 7.0] {
            let between = Variant::score(&first, score, &at);
            assert_eq!(both.score(score, &at), second.score(between, &at));
            assert!(assert_derivative(&AnyVariant::new(both), score, &at));
            assert!(assert_derivative(&AnyVariant::new(swapped), score, &at));
        }
    }
    let at = Position { batch: 0, head: 0, query: 5, key: 0, queries: 7, keys: 7 };
    assert_ne!(both.score(5.0, &at), swapped.score(5.0, &at));
    assert_ne!(both.source_hash(), swapped.source_hash());
}

#[test]
fn a_composed_mask_keeps_what_both_keep() {
    let both = causal().and(sliding_window(2));
    for at in positions() {
        assert_eq!(both.keep(&at), causal().keep(&at) && sliding_window(2).keep(&at));
    }
    assert_eq!(both.stages(), Stages { score: false, mask: true });
    assert_eq!(softcap(1.0).and(causal()).stages(), Stages { score: true, mask: true });
}

#[test]
fn softmax_is_the_neutral_element() {
    let at = Position { batch: 0, head: 1, query: 2, key: 1, queries: 4, keys: 4 };
    let composed = softmax().and(softcap(2.0));
    assert_eq!(composed.score(1.5, &at), softcap(2.0).score(1.5, &at));
    assert_eq!(composed.score_grad(1.5, &at), softcap(2.0).score_grad(1.5, &at));
    assert_eq!(composed.stages(), softcap(2.0).stages());
}

#[test]
fn descriptions_name_the_parameters() {
    assert_eq!(softcap(30.0).describe(), "softcap(cap=30)");
    assert_eq!(softcap(0.5).describe(), "softcap(cap=0.5)");
    assert_eq!(causal().describe(), "causal");
    assert_eq!(softmax().describe(), "softmax");
    let composed = softcap(30.0).and(sliding_window(128));
    assert_eq!(composed.describe(), "softcap(cap=30) and sliding_window(window=128)");
    assert_eq!(format!("{:?}", AnyVariant::new(alibi(8))), "alibi(heads=8)");
}

#[test]
fn masks_see_aligned_ends_and_windows() {
    let seen = |variant: AnyVariant, queries: u32, keys: u32| -> Vec<String> {
        let row = |query| {
            let cell = |key| {
                let at = Position { batch: 0, head: 0, query, key, queries, keys };
                if variant.keep(&at) { '#' } else { '.' }
            };
            (0..keys).map(cell).collect()
        };
        (0..queries).map(row).collect()
    };
    assert_eq!(seen(causal().into(), 3, 3), ["#..", "##.", "###"]);
    assert_eq!(seen(causal().into(), 2, 4), ["###.", "####"]);
    assert_eq!(seen(causal().into(), 4, 2), ["..", "..", "#.", "##"]);
    assert_eq!(seen(sliding_window(2).into(), 3, 4), ["##..", "###.", ".###"]);
    assert_eq!(seen(dilated(2).into(), 2, 4), ["#.#.", ".#.#"]);
    assert_eq!(seen(dilated(0).into(), 2, 3), ["#..", ".#."]);
    assert_eq!(seen(prefix_lm(2).into(), 3, 4), ["##..", "###.", "####"]);
    assert_eq!(seen(softmax().into(), 1, 2), ["##"]);
}

#[test]
fn the_registry_lists_every_variant_by_name() {
    let names: Vec<&str> = registered().map(|variant| variant.name).collect();
    assert!(names.is_sorted());
    for name in ["alibi", "causal", "dilated", "distance_decay", "prefix_lm"] {
        assert!(names.contains(&name), "{name}");
    }
    for variant in registered() {
        assert!(!variant.examples.is_empty(), "{}", variant.name);
        for (example, values) in variant.example_variants(&SIZES).zip(variant.examples) {
            assert_eq!(values.len(), variant.params.len(), "{}", variant.name);
            assert!(example.describe().starts_with(variant.name));
            assert_eq!(example.source_hash(), variant.source_hash);
            assert_eq!(example.stages(), variant.stages);
        }
    }
    let softcap = find("softcap").unwrap();
    assert_eq!(softcap.signature(), "softcap(cap: f32)");
    assert_eq!(softcap.module, "tilewright::variants::softcap");
    assert!(softcap.doc.starts_with("Logit soft-capping"), "{}", softcap.doc);
    assert_eq!(find("tilewright::variants::softcap::softcap").unwrap().name, "softcap");
}

#[test]
fn an_unknown_name_is_answered_with_close_ones() {
    let error = find("sofcap").unwrap_err();
    assert!(
        matches!(&error, UnknownVariant::Nowhere { close, .. } if close.first() == Some(&"softcap"))
    );
    assert!(error.to_string().starts_with("no variant is called `sofcap`; is it one of: softcap"));
    let all = find("zzzzzzzzzzzzzzzzzzzzzzzzzzz").unwrap_err().to_string();
    assert!(all.contains("causal") && all.contains("alibi"), "{all}");
    assert!(find("elsewhere::softcap").is_err());
}

#[test]
fn parameters_are_checked() {
    let softcap = find("softcap").unwrap();
    assert_eq!(softcap.with_params(&[("cap", 2.5)]).unwrap().describe(), "softcap(cap=2.5)");
    let message = |name: &str, params: &[(&str, f64)]| {
        find(name).unwrap().with_params(params).unwrap_err().to_string()
    };
    assert_eq!(
        message("softcap", &[("cup", 1.0)]),
        "`softcap` has no parameter `cup`; it is softcap(cap: f32)"
    );
    assert_eq!(
        message("softcap", &[]),
        "`softcap` needs a value for `cap`; it is softcap(cap: f32)"
    );
    assert_eq!(
        message("causal", &[("window", 1.0)]),
        "`causal` has no parameter `window`; it is causal"
    );
    assert_eq!(
        message("softcap", &[("cap", 1.0), ("cap", 2.0)]),
        "`softcap`: `cap` is given twice"
    );
    assert_eq!(
        message("sliding_window", &[("window", 1.5)]),
        "`sliding_window`: `window` is 1.5, but must be a whole number from 0 to 4294967295"
    );
    assert_eq!(
        message("sliding_window", &[("window", -1.0)]),
        "`sliding_window`: `window` is -1, but must be a whole number from 0 to 4294967295"
    );
    assert_eq!(
        find("temperature").unwrap().with_params(&[("t", 0.5)]).unwrap().describe(),
        "temperature(t=0.5)"
    );
    assert_eq!(
        message("temperature", &[]),
        "`temperature` needs a value for `t`; it is temperature(#[learned] t: f32)"
    );
    for params in [&[][..], &[("ids", 1.0)]] {
        assert_eq!(
            message("document", params),
            "`document`: `ids` is a Table<u32>, which only a program can give: call `document(..)` \
             with a table there"
        );
    }
    for value in [f64::NAN, f64::INFINITY, 1e39] {
        let error = softcap.with_params(&[("cap", value)]).unwrap_err();
        assert!(matches!(error, ParamError::Value { name: "cap", .. }), "{error}");
    }
    assert!(find("sliding_window").unwrap().with_params(&[("window", f64::NAN)]).is_err());
}
