//! The made series.

use tilewright_datasets::synthetic::{SyntheticSpec, series};
use tilewright_datasets::{Error, Frequency, ReadOptions, catalog, dates};

#[test]
fn as_it_says() {
    let made = series(&SyntheticSpec::default()).unwrap();
    assert_eq!((made.rows(), made.channels()), (8000, 7));
    assert_eq!(made.columns().last().unwrap(), "OT");
    assert_eq!(made.frequency(), Some(Frequency::hours(1)));
    assert_eq!(dates::format(made.dates()[0]), "2020-01-01 00:00:00");
    let opened = catalog::open("Synthetic", None, &ReadOptions::default()).unwrap();
    assert_eq!(opened.series, made);
}

#[test]
fn the_seed_decides_everything() {
    let spec = SyntheticSpec { rows: 300, channels: 3, seed: 1 };
    let made = series(&spec).unwrap();
    assert_eq!(series(&spec).unwrap(), made);
    let other = series(&SyntheticSpec { seed: 2, ..spec }).unwrap();
    assert_ne!(other.values(), made.values());
    // Neither more rows nor more channels change what was there.
    let larger = series(&SyntheticSpec { rows: 400, channels: 4, ..spec }).unwrap();
    for channel in 0..3 {
        assert!(larger.channel(channel).take(300).eq(made.channel(channel)));
    }
    // Pinned: a change of the random numbers must be seen, since results are compared over time.
    assert_eq!(made.row(0), PINNED);
}

/// First row of seed 1.
const PINNED: [f64; 3] = [3.6414, 26.0035, 26.1519];

#[test]
fn it_has_the_structure_it_promises() {
    let made = series(&SyntheticSpec::default()).unwrap();
    for channel in 0..made.channels() {
        let values: Vec<f64> = made.channel(channel).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let correlation = |lag: usize| {
            let pairs = values.iter().zip(&values[lag..]);
            let together: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
            let alone: f64 = values.iter().map(|a| (a - mean) * (a - mean)).sum();
            together / alone
        };
        // A week later is like now; half a day later, the daily wave is at its other end.
        assert!(correlation(168) > 0.8, "channel {channel}: {}", correlation(168));
        assert!(correlation(24) > correlation(12) + 0.3, "channel {channel}");
    }
    // Channels differ.
    assert!(made.channel(0).zip(made.channel(1)).any(|(a, b)| (a - b).abs() > 0.5));
}

#[test]
fn nonsense_is_refused() {
    for (rows, channels) in [(0, 1), (1, 0), (usize::MAX, 2)] {
        let made = series(&SyntheticSpec { rows, channels, seed: 0 });
        assert!(matches!(made, Err(Error::BadSetting { .. })));
    }
    assert_eq!(series(&SyntheticSpec { rows: 1, channels: 1, seed: 0 }).unwrap().rows(), 1);
}
