//! A made series with known structure, for tests and first steps.
//!
//! Each channel is a level, a slow trend, a daily and a weekly wave with an overtone, of its own
//! amplitudes and phases, and first-order autoregressive noise. Dates are hourly. The same seed
//! gives the same series: the random numbers are ChaCha's, and values are rounded to four
//! decimals, so that the last bits of a platform's sine do not show.

use std::f64::consts::TAU;

use jiff::civil;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::dates::Frequency;
use crate::error::{Error, Result};
use crate::series::Series;

/// Name under which the series is opened.
pub const NAME: &str = "synthetic";

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyntheticSpec {
    /// Hours.
    pub rows: usize,
    /// Channels, named `c0`, `c1`, ... and, last, `OT`.
    pub channels: usize,
    /// Seed of the phases, the amplitudes and the noise.
    pub seed: u64,
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self { rows: 8000, channels: 7, seed: 2021 }
    }
}

/// Correlation of the noise with itself one hour before.
const MEMORY: f64 = 0.8;
/// Standard deviation of the noise; the daily wave's amplitude is 1 to 2.
const NOISE: f64 = 0.3;

/// Makes the series.
///
/// # Errors
///
/// [`Error::BadSetting`] for no rows, no channels, or more than a billion values.
pub fn series(spec: &SyntheticSpec) -> Result<Series> {
    let bad =
        |setting, value: usize, why| Error::BadSetting { setting, value: value.to_string(), why };
    if spec.rows == 0 {
        return Err(bad("rows", 0, "at least one is needed"));
    }
    if spec.channels == 0 {
        return Err(bad("channels", 0, "at least one is needed"));
    }
    if spec.rows.saturating_mul(spec.channels) > 1_000_000_000 {
        let why = "rows times channels may be a billion at most";
        return Err(bad("rows", spec.rows, why));
    }
    let mut values = vec![0.0; spec.rows * spec.channels];
    for channel in 0..spec.channels {
        // A stream for each channel: a channel is the same whether or not others follow it.
        let mut random = ChaCha8Rng::seed_from_u64(spec.seed);
        random.set_stream(channel as u64);
        let wave = Wave::new(&mut random);
        let mut noise = 0.0;
        for hour in 0..spec.rows {
            let shock: f64 = StandardNormal.sample(&mut random);
            // Scaled so that the noise keeps its deviation whatever its memory.
            noise = MEMORY * noise + NOISE * (1.0 - MEMORY * MEMORY).sqrt() * shock;
            let value = wave.at(hour as f64) + noise;
            values[hour * spec.channels + channel] = (value * 1e4).round() / 1e4;
        }
    }
    let first = civil::date(2020, 1, 1).at(0, 0, 0, 0);
    let mut dates = vec![first];
    dates.extend(Frequency::hours(1).forward(first, spec.rows - 1));
    let mut columns: Vec<String> = (0..spec.channels - 1).map(|c| format!("c{c}")).collect();
    columns.push("OT".to_string());
    Series::new(NAME, columns, dates, values)
}

/// What of a channel can be foretold.
struct Wave {
    level: f64,
    trend: f64,
    daily: [f64; 2],
    overtone: [f64; 2],
    weekly: [f64; 2],
    slow: [f64; 2],
}

/// Hours in the slow trend's wave: longer than a year, so that it looks like a drift.
const SLOW: f64 = 11_000.0;

impl Wave {
    fn new(random: &mut ChaCha8Rng) -> Self {
        let mut pair = |from: f64, to: f64| [random.random_range(from..to), random.random()];
        Self {
            level: pair(-10.0, 30.0)[0],
            trend: pair(-1.0, 1.0)[0],
            daily: pair(1.0, 2.0),
            overtone: pair(0.1, 0.5),
            weekly: pair(0.3, 1.0),
            slow: pair(0.2, 0.8),
        }
    }

    fn at(&self, hour: f64) -> f64 {
        let wave =
            |[size, phase]: [f64; 2], period: f64| size * (TAU * (hour / period + phase)).sin();
        self.level
            + self.trend * hour / SLOW
            + wave(self.daily, 24.0)
            + wave(self.overtone, 12.0)
            + wave(self.weekly, 168.0)
            + wave(self.slow, SLOW)
    }
}
