//! From a series to scaled windows.

use tilewright_datasets::synthetic::{SyntheticSpec, series};
use tilewright_datasets::{Error, Features, ForecastData, ForecastSpec, Part, Series, SplitRule};

fn made() -> Series {
    series(&SyntheticSpec { rows: 500, channels: 3, seed: 5 }).unwrap()
}

fn spec(features: Features, target: Option<&str>) -> ForecastSpec {
    ForecastSpec {
        context: 20,
        horizon: 5,
        features,
        target: target.map(str::to_string),
        rule: SplitRule::RATIO_70_10_20,
        scale: true,
    }
}

#[test]
fn features_choose_what_goes_in_and_out() {
    let series = made();
    for (features, target, inputs, outputs) in [
        (Features::M, None, vec!["c0", "c1", "OT"], vec!["c0", "c1", "OT"]),
        (Features::S, None, vec!["OT"], vec!["OT"]),
        (Features::S, Some("c1"), vec!["c1"], vec!["c1"]),
        (Features::Ms, Some("c0"), vec!["c0", "c1", "OT"], vec!["c0"]),
    ] {
        let data = ForecastData::new(&series, &spec(features, target)).unwrap();
        assert_eq!(data.inputs, inputs);
        assert_eq!(data.outputs, outputs);
        assert_eq!(data.scaler.channels(), inputs.len());
        assert_eq!(data.scaler_out.channels(), outputs.len());
        assert_eq!(data.train.channels(), inputs.len());
        assert_eq!(data.test.channels_out(), outputs.len());
        // Window 3 of the test part, back in its own units, is the rows it names.
        let mut y = Vec::new();
        data.test.extend_y(3, &mut y);
        let row = data.test.start(3) + data.test.context();
        let y = data.scaler_out.inverse(&y).unwrap();
        let column = series.column_index(&data.outputs[0]).unwrap();
        let expected = series.row(row)[column];
        assert!((y[0] - expected).abs() < 1e-5 * expected.abs().max(1.0));
    }
}

#[test]
fn scaled_by_the_training_rows_alone() {
    let series = made();
    let data = ForecastData::new(&series, &spec(Features::M, None)).unwrap();
    assert_eq!(data.split.fit, 0..350);
    // Other values after the training rows change nothing in the scaler.
    let mut values = series.values().to_vec();
    for value in &mut values[350 * 3..] {
        *value += 1e6;
    }
    let columns = series.columns().to_vec();
    let other = Series::new("other", columns, series.dates().to_vec(), values).unwrap();
    let changed = ForecastData::new(&other, &spec(Features::M, None)).unwrap();
    assert_eq!(changed.scaler, data.scaler);
    // The first window to be validated predicts the first row after training.
    assert_eq!(data.part(Part::Validation).start(0) + 20, 350);
    let raw = ForecastSpec { scale: false, ..spec(Features::M, None) };
    let raw = ForecastData::new(&series, &raw).unwrap();
    assert_eq!(raw.train.x(0)[0], series.row(0)[0] as f32);
}

#[test]
fn what_a_forecast_past_the_end_reads() {
    let series = made();
    let data = ForecastData::new(&series, &spec(Features::M, None)).unwrap();
    let latest = data.scaler.inverse(data.latest_context()).unwrap();
    assert_eq!(latest.len(), 20 * 3);
    for (value, expected) in latest.iter().zip(&series.values()[480 * 3..]) {
        assert!((value - expected).abs() < 1e-4);
    }
}

#[test]
fn a_constant_channel_is_noted() {
    let dates = made().dates().to_vec();
    let values: Vec<f64> = (0..500).flat_map(|t| [f64::from(t), 3.0]).collect();
    let columns = vec!["a".to_string(), "b".to_string()];
    let series = Series::new("flat", columns, dates, values).unwrap();
    let data = ForecastData::new(&series, &spec(Features::M, None)).unwrap();
    insta::assert_snapshot!(data.notes.join("\n"), @"channel b does not vary in the training rows; its deviation is taken as 1");
    assert_eq!(data.train.x(0)[1], 0.0);
}

#[test]
fn wrong_settings() {
    let series = made();
    let missing = ForecastData::new(&series, &spec(Features::S, Some("x"))).unwrap_err();
    insta::assert_snapshot!(missing, @"synthetic has no column `x`; its columns are c0, c1, OT");
    let none = ForecastSpec { context: 0, ..spec(Features::M, None) };
    assert!(matches!(ForecastData::new(&series, &none), Err(Error::BadSetting { .. })));
    let long = ForecastSpec { context: 400, ..spec(Features::M, None) };
    assert!(matches!(ForecastData::new(&series, &long), Err(Error::TooShort { .. })));
    assert!("X".parse::<Features>().is_err());
    assert_eq!("ms".parse::<Features>().unwrap(), Features::Ms);
}

#[test]
fn values_that_overflow_are_named() {
    let dates = made().dates().to_vec();
    let columns = vec!["a".to_string(), "b".to_string()];
    for (large, scale) in [(1e300, true), (1e39, false), (f64::MAX, true)] {
        let values: Vec<f64> = (0..500)
            .flat_map(|t| [f64::from(t), if t % 2 == 0 { large } else { -large }])
            .collect();
        let series = Series::new("huge", columns.clone(), dates.clone(), values).unwrap();
        let spec = ForecastSpec { scale, ..spec(Features::M, None) };
        let error = ForecastData::new(&series, &spec).unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"huge, column b: its values are too large to compute with; change its unit, for example divide it by a million");
        }
    }
}
