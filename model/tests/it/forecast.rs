//! Forecasting past the end of a series.

use std::path::Path;

use burn::tensor::Device;
use tilewright_datasets::{ReadOptions, Series};
use tilewright_patchtst::forecast;
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
    let made = forecast::forecast(&config, &checkpoint, None, &Device::flex()).unwrap();
    made.write_csv(&out).unwrap();
    made.draw(&folder.path().join("out.svg")).unwrap();
    let svg = std::fs::read_to_string(folder.path().join("out.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("forecast"));

    let series = tilewright_patchtst::data::Data::open(&config).unwrap().series;
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

    // The same rows from a file give the same forecast.
    let input = folder.path().join("input.csv");
    series.write(&input).unwrap();
    let again = forecast::forecast(&config, &checkpoint, Some(&input), &Device::flex()).unwrap();
    assert_eq!((again.values, again.dates), (made.values, made.dates));

    let short = folder.path().join("short.csv");
    write_rows(&input, &short, 11);
    let error =
        forecast::forecast(&config, &checkpoint, Some(&short), &Device::flex()).err().unwrap();
    assert!(format!("{error:#}").contains("10 rows; the model reads 48"), "{error:#}");
}

fn write_rows(from: &Path, to: &Path, lines: usize) {
    let text = std::fs::read_to_string(from).unwrap();
    let first: Vec<&str> = text.lines().take(lines).collect();
    std::fs::write(to, first.join("\n")).unwrap();
}
