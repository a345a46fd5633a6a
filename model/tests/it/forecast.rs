//! Forecasting past the end of a series.

use std::path::Path;

use burn::tensor::Device;
use tilewright_datasets::{ReadOptions, Series};
use tilewright_patchtst::forecast::Forecaster;
use tilewright_patchtst::plot;
use tilewright_patchtst::train::checkpoint::Checkpoint;

use crate::support::{tiny, train};

#[test]
fn dates_go_on_and_values_are_in_their_own_units() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "run");
    config.train.epochs = 4;
    train(&config, false, None);
    let checkpoint = Checkpoint::read(&folder.path().join("run/checkpoint.safetensors")).unwrap();
    let out = folder.path().join("out.csv");
    let series = tilewright_patchtst::data::SeriesData::open(&config).unwrap().series;
    let forecaster = Forecaster::new(&config, &checkpoint, &Device::flex()).unwrap();
    let made = forecaster.forecast(&series, config.model.horizon).unwrap();
    made.write_csv(&out).unwrap();
    plot::save(&made.picture(), &folder.path().join("out.svg")).unwrap();
    let svg = std::fs::read_to_string(folder.path().join("out.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("forecast"));
    // The axis says when.
    assert!(svg.contains(&made.dates[0][..10]), "{svg}");

    let next = Series::read(&out, &ReadOptions::default()).unwrap();
    assert_eq!((next.rows(), next.columns()), (config.model.horizon, series.columns()));
    let expected = series.dates_after(config.model.horizon);
    assert_eq!(next.dates(), expected);
    // Each channel stays near where it was: its mean is within three deviations.
    for channel in 0..series.channels() {
        let (mean, std) =
            (checkpoint.facts.scaler.mean[channel], checkpoint.facts.scaler.std[channel]);
        let forecast = next.channel(channel).sum::<f64>() / next.rows() as f64;
        assert!(
            (forecast - mean).abs() < 3.0 * std,
            "channel {channel}: {forecast}, mean {mean}, deviation {std}"
        );
    }

    // The same rows from a file give the same forecast; columns that are over are named.
    let input = folder.path().join("input.csv");
    series.write(&input).unwrap();
    let read = |path: &Path| Series::read(path, &ReadOptions::default()).unwrap();
    let again = forecaster.forecast(&read(&input), config.model.horizon).unwrap();
    assert_eq!((&again.values, &again.dates), (&made.values, &made.dates));
    let wide = folder.path().join("wide.csv");
    let text = std::fs::read_to_string(&input).unwrap();
    let rows = text.lines().enumerate();
    let wider = rows.map(|(n, row)| format!("{row},{}", if n == 0 { "extra" } else { "1" }));
    std::fs::write(&wide, wider.collect::<Vec<_>>().join("\n")).unwrap();
    let with_extra = forecaster.forecast(&read(&wide), config.model.horizon).unwrap();
    assert_eq!(
        (with_extra.values, with_extra.ignored),
        (made.values.clone(), vec!["extra".into()])
    );

    let refused = |text: &str| {
        let path = folder.path().join("refused.csv");
        std::fs::write(&path, text).unwrap();
        forecaster.forecast(&read(&path), config.model.horizon).unwrap_err().to_string()
    };
    let few = text.lines().take(11).collect::<Vec<_>>().join("\n");
    assert!(refused(&few).contains("10 rows; the model reads 48"), "{}", refused(&few));
    let renamed = text.replacen("c1", "d1", 1);
    let error = refused(&renamed);
    assert!(error.contains("trained on: c1, and has unexpected columns: d1"), "{error}");

    // Beyond the horizon, forecasts stand in for what is not known.
    let horizon = config.model.horizon;
    let long = forecaster.forecast(&series, 2 * horizon + 3).unwrap();
    let channels = series.channels();
    assert_eq!(long.values.len(), (2 * horizon + 3) * channels);
    assert_eq!(long.values[..horizon * channels], made.values[..]);
    assert_eq!(read(&out).dates(), &series.dates_after(2 * horizon + 3)[..horizon]);
    let rows = series.rows() + horizon;
    let mut values = series.values().to_vec();
    values.extend_from_slice(&made.values);
    let mut dates = series.dates().to_vec();
    dates.extend(series.dates_after(horizon));
    assert_eq!(dates.len(), rows);
    let joined = Series::new("joined", series.columns().to_vec(), dates, values).unwrap();
    let second = forecaster.forecast(&joined, horizon).unwrap();
    for (found, expected) in long.values[horizon * channels..].iter().zip(&second.values) {
        assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
    }
    let short = forecaster.forecast(&series, 5).unwrap();
    assert_eq!(short.values[..], made.values[..5 * channels]);
}

#[test]
fn one_target_alone_cannot_be_rolled_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "ms");
    (config.train.epochs, config.data.features) = (1, "MS".into());
    config.data.max_windows = 64;
    train(&config, false, None);
    let checkpoint = Checkpoint::read(&folder.path().join("ms/checkpoint.safetensors")).unwrap();
    let forecaster = Forecaster::new(&config, &checkpoint, &Device::flex()).unwrap();
    let series = tilewright_patchtst::data::SeriesData::open(&config).unwrap().series;
    assert_eq!(forecaster.forecast(&series, 12).unwrap().columns.len(), 1);
    let error = forecaster.forecast(&series, 13).unwrap_err().to_string();
    assert!(error.contains("data.features = M"), "{error}");
}

#[test]
fn a_model_of_distributions_gives_quantiles() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "spread");
    config.set("model.output=student-t").unwrap();
    train(&config, false, None);
    let checkpoint =
        Checkpoint::read(&folder.path().join("spread/checkpoint.safetensors")).unwrap();
    let series = tilewright_patchtst::data::SeriesData::open(&config).unwrap().series;
    let forecaster = || Forecaster::new(&config, &checkpoint, &Device::flex()).unwrap();
    // Beyond the horizon too, where forecasts are put behind the series.
    let steps = config.model.horizon + 5;
    let made = forecaster().with_quantiles(vec![0.9, 0.1, 0.5]).unwrap();
    let made = made.forecast(&series, steps).unwrap();
    let names: Vec<String> = made.columns.iter().take(4).map(|column| column.name()).collect();
    let first = &series.columns()[0];
    let expected =
        [first.clone(), format!("{first} q0.1"), format!("{first} q0.5"), format!("{first} q0.9")];
    assert_eq!(names, expected);
    assert_eq!(made.values.len(), steps * 4 * series.channels());
    for channel in made.values.chunks(4) {
        let [point, low, middle, high] = channel else { panic!("four columns a channel") };
        assert!(low < middle && middle < high, "{channel:?}");
        assert!((point - middle).abs() < 1e-3 * (high - low), "t is symmetric: {channel:?}");
    }
    let plain = forecaster().forecast(&series, steps).unwrap();
    let points: Vec<f64> = made.values.iter().step_by(4).copied().collect();
    assert_eq!(plain.values, points);
    assert!(forecaster().with_quantiles(vec![1.0]).is_err());
}
