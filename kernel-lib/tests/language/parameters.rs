//! Values that a variant's parameters may not have.

use tilewright::language::find;
use tilewright::prelude::*;

/// Bounds of every kind, and none.
#[score_mod(example(0.5, 1.0, -2, 7))]
fn bounded(
    score: f32,
    #[range(> 0.0, <= 1.0)] share: f32,
    #[range(0.0..=f32::INFINITY)] reach: f32,
    #[range(-3..3)] shift: i32,
    any: u32,
) -> f32 {
    score * share + reach + shift as f32 + any as f32
}

fn refusal(variant: impl Into<AnyVariant>) -> String {
    variant.into().check_params().map_or_else(|error| error.to_string(), |()| "none".to_owned())
}

#[test]
fn a_value_outside_of_its_range_is_refused_by_name() {
    let share = |value| refusal(bounded(value, 0.0, 0, 0));
    for allowed in [f32::MIN_POSITIVE, 0.5, 1.0] {
        assert_eq!(share(allowed), "none");
    }
    for (value, text) in
        [(0.0, "0"), (1.5, "1.5"), (-0.1, "-0.1"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")]
    {
        let expected = "must be a number, more than 0 and at most 1";
        assert_eq!(share(value), format!("`bounded`: `share` is {text}, but {expected}"));
    }
    let reach = |value| refusal(bounded(1.0, value, 0, 0));
    assert_eq!(reach(f32::INFINITY), "none");
    assert_eq!(reach(-1.0), "`bounded`: `reach` is -1, but must be a number, at least 0");
    assert_eq!(reach(f32::NAN), "`bounded`: `reach` is NaN, but must be a number, at least 0");
    let shift = |value| refusal(bounded(1.0, 0.0, value, u32::MAX));
    assert_eq!([shift(-3), shift(2)], ["none", "none"]);
    assert_eq!(shift(3), "`bounded`: `shift` is 3, but must be a whole number from -3 to 2");
}

#[test]
fn the_library_refuses_what_it_cannot_compute() {
    let positive = "must be a finite number, more than 0";
    let count = "must be a whole number from 1 to 4294967295";
    let refused: [(AnyVariant, String); 17] = [
        (alibi(0).into(), format!("`alibi`: `heads` is 0, but {count}")),
        (blocked(0).into(), format!("`blocked`: `block` is 0, but {count}")),
        (strided(0).into(), format!("`strided`: `stride` is 0, but {count}")),
        (neighbourhood_1d(0).into(), format!("`neighbourhood_1d`: `window` is 0, but {count}")),
        (
            neighbourhood_2d(2, 0, 1).into(),
            format!("`neighbourhood_2d`: `width` is 0, but {count}"),
        ),
        (
            random_blocks(0, 1, 1, 1, 7).into(),
            format!("`random_blocks`: `block` is 0, but {count}"),
        ),
        (head_mixed(4, 0, 1).into(), format!("`blocked`: `block` is 0, but {count}")),
        (softcap(0.0).into(), format!("`softcap`: `cap` is 0, but {positive}")),
        (softcap(-30.0).into(), format!("`softcap`: `cap` is -30, but {positive}")),
        (distance_decay(0.0).into(), format!("`distance_decay`: `half_life` is 0, but {positive}")),
        (rope(f32::NAN).into(), format!("`rope`: `theta` is NaN, but {positive}")),
        (rope_neighbours(0.0).into(), format!("`rope_neighbours`: `theta` is 0, but {positive}")),
        (
            dropout(1.0, 7).into(),
            "`dropout`: `p` is 1, but must be a number, at least 0 and less than 1".to_owned(),
        ),
        (
            qk_norm(Table::new([1], vec![1.0]).expect("it fits"), -0.5).into(),
            "`qk_norm`: `epsilon` is -0.5, but must be a finite number, at least 0".to_owned(),
        ),
        (
            t5_buckets(Table::new([1, 1], vec![1.0]).expect("it fits"), 0, 128).into(),
            "`t5_buckets`: `buckets` is 0, but must be a whole number from 4 to 4294967295"
                .to_owned(),
        ),
        (
            sigmoid_attention(f32::NEG_INFINITY).into(),
            "`sigmoid_attention`: `bias` is -inf, but must be a finite number".to_owned(),
        ),
        // A learned number that the host knows.
        (
            temperature(f32::NAN).into(),
            "`temperature`: `t` is NaN, but must be a finite number".to_owned(),
        ),
    ];
    for (variant, expected) in refused {
        assert_eq!(refusal(variant), expected);
    }
}

#[test]
fn compositions_refuse_what_a_part_refuses() {
    let expected = "`blocked`: `block` is 0, but must be a whole number from 1 to 4294967295";
    let wrong = blocked(0);
    let compositions: [AnyVariant; 8] = [
        causal().and(wrong).into(),
        wrong.and(causal()).into(),
        causal().or(wrong).into(),
        wrong.or(causal()).into(),
        wrong.not().into(),
        heads(0..2, wrong).heads(2..4, causal()).into(),
        heads(0..2, causal()).heads(2..4, wrong).into(),
        rope(100.0).and(heads(0..2, causal().and(wrong))).into(),
    ];
    for variant in compositions {
        assert_eq!(refusal(&variant), expected, "{variant:?}");
    }
}

#[test]
fn examples_of_the_library_are_allowed() {
    let sizes = crate::SIZES;
    for registered in tilewright::language::registered() {
        for variant in registered.example_variants(&sizes) {
            assert_eq!(refusal(variant), "none", "{}", registered.name);
        }
    }
}

#[test]
fn values_given_by_name_are_held_to_the_same_ranges() {
    let dropout = find("dropout").expect("it is registered");
    let message = |p| match dropout.with_params(&[("p", p), ("seed", 1.0)]) {
        Ok(variant) => variant.describe(),
        Err(error) => error.to_string(),
    };
    assert_eq!(message(0.1), "dropout(p=0.1, seed=1)");
    let allowed = "must be a number, at least 0 and less than 1";
    assert_eq!(message(1.5), format!("`dropout`: `p` is 1.5, but {allowed}"));
    // Less than 1, but not as an f32.
    assert_eq!(message(0.999_999_999), format!("`dropout`: `p` is 0.999999999, but {allowed}"));
}
