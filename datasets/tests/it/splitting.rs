//! Arithmetic of splits and windows.

use std::sync::Arc;

use proptest::prelude::*;
use tilewright_datasets::{Error, Part, SplitRule, Windows};

fn rules() -> impl Strategy<Value = SplitRule> {
    prop_oneof![
        Just(SplitRule::RATIO_70_10_20),
        (0.05..0.9_f64, 0.05..0.9_f64)
            .prop_map(|(train, rest)| SplitRule::Ratio { train, test: (1.0 - train) * rest }),
        (1..400_usize, 1..100_usize, 1..200_usize)
            .prop_map(|(train, validation, test)| { SplitRule::Rows { train, validation, test } }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Parts follow one another, overlap by one context, and hold the windows they say.
    #[test]
    fn parts_are_in_order(
        rule in rules(),
        rows in 1..2000_usize,
        context in 1..60_usize,
        horizon in 0..40_usize,
    ) {
        match rule.split("made", rows, context, horizon) {
            Ok(split) => {
                prop_assert_eq!(split.train.start, 0);
                prop_assert_eq!(split.fit.clone(), split.train.clone());
                prop_assert_eq!(split.validation.start + context, split.train.end);
                prop_assert_eq!(split.test.start + context, split.validation.end);
                prop_assert!(split.test.end <= rows);
                if let SplitRule::Ratio { .. } = rule {
                    prop_assert_eq!(split.test.end, rows);
                }
                for part in Part::ALL {
                    let span = split.rows(part);
                    prop_assert!(split.windows(part) > 0);
                    prop_assert_eq!(split.windows(part), span.len() - context - horizon + 1);
                }
            }
            Err(Error::TooShort { needed: Some(needed), rows: had, .. }) => {
                prop_assert!(needed > had);
                // What the error promises is true, and not more than needed.
                prop_assert!(rule.split("made", needed, context, horizon).is_ok());
                prop_assert!(rule.split("made", needed - 1, context, horizon).is_err());
            }
            Err(Error::TooShort { needed: None, .. }) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// A window is what its rows are, and validation predicts exactly the rows it owns.
    #[test]
    fn windows_are_slices(
        rows in 1..80_usize,
        channels in 1..5_usize,
        context in 1..10_usize,
        horizon in 0..10_usize,
        output in proptest::option::of(0..5_usize),
    ) {
        let output = output.map(|output| output % channels);
        let values: Arc<[f32]> = (0..rows * channels).map(|i| i as f32).collect();
        let windows = Windows::new(values.clone(), channels, output, 0..rows, context, horizon)
            .unwrap();
        prop_assert_eq!(windows.len(), (rows + 1).saturating_sub(context + horizon));
        for index in 0..windows.len() {
            let start = windows.start(index);
            let x = windows.x(index);
            prop_assert_eq!(x, &values[start * channels..(start + context) * channels]);
            let mut y = Vec::new();
            windows.extend_y(index, &mut y);
            prop_assert_eq!(y.len(), horizon * windows.channels_out());
            for (step, row) in y.chunks(windows.channels_out()).enumerate() {
                let first = (start + context + step) * channels + output.unwrap_or(0);
                prop_assert_eq!(row[0], first as f32);
            }
        }
    }
}

#[test]
fn too_short_says_what_is_needed() {
    let error = SplitRule::RATIO_70_10_20.split("toy", 100, 24, 12).unwrap_err();
    insta::assert_snapshot!(error, @"toy has 100 rows, too few: its validation part does not hold one window of 24 + 12 rows; 111 rows are needed; or choose a shorter context or horizon");
    let error = SplitRule::ETT_HOURLY.split("ETTh1", 10_000, 336, 96).unwrap_err();
    insta::assert_snapshot!(error, @"ETTh1 has 10000 rows, too few: its train part does not hold one window of 336 + 96 rows; 14400 rows are needed; or choose a shorter context or horizon");
    // What rounding makes of the rows in between is not promised: 104 would do, 105 would not.
    assert!(SplitRule::RATIO_70_10_20.split("toy", 104, 24, 12).is_ok());
    assert!(SplitRule::RATIO_70_10_20.split("toy", 105, 24, 12).is_err());
    // No number of rows helps: the context alone is longer than the fixed training part.
    let error = SplitRule::ETT_HOURLY.split("ETTh1", 17_420, 9000, 96).unwrap_err();
    assert!(matches!(error, Error::TooShort { needed: None, .. }), "{error}");
    assert!(error.to_string().ends_with("choose a shorter context or horizon"), "{error}");
}

#[test]
fn fractions_must_be_fractions() {
    for (train, test) in [(0.0, 0.2), (0.7, 0.4), (f64::NAN, 0.2), (1.5, -0.2)] {
        let rule = SplitRule::Ratio { train, test };
        let error = rule.split("toy", 1000, 10, 10).unwrap_err();
        assert!(matches!(error, Error::BadSplit { .. }), "{error}");
    }
}

#[test]
fn windows_refuse_what_does_not_fit() {
    let values: Arc<[f32]> = vec![0.0; 12].into();
    let new = |channels, output, rows, context| {
        Windows::new(values.clone(), channels, output, rows, context, 1)
    };
    assert!(new(5, None, 0..2, 1).is_err());
    assert!(new(0, None, 0..2, 1).is_err());
    assert!(new(3, None, 0..5, 1).is_err());
    assert!(new(3, Some(3), 0..4, 1).is_err());
    assert!(new(3, None, 0..4, 0).is_err());
    assert_eq!(new(3, None, 0..4, 2).unwrap().len(), 2);
    assert!(new(3, None, 0..4, 4).unwrap().is_empty());
    assert_eq!(new(3, None, 0..4, 1).unwrap().take(2).len(), 2);
}
