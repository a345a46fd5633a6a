//! Z-scores, fitted on the training rows only.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Mean and standard deviation of each channel, in double precision.
///
/// The deviation is that of the population (divided by n), as scikit-learn's `StandardScaler`
/// computes it, which the published results are scaled by.
///
/// It is what a forecast needs to be read in the series' own units, so it serialises: keep it
/// beside a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// Mean of each channel.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel; 1 for a channel that does not vary.
    pub std: Vec<f64>,
    /// Channels that do not vary in the rows that the scaler was fitted on.
    pub constant: Vec<usize>,
}

impl Scaler {
    /// Fits `rows` of `values` [time, channels].
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when the values are no whole number of rows or `rows` is empty or lies
    /// outside them.
    pub fn fit(values: &[f64], channels: usize, rows: Range<usize>) -> Result<Self> {
        check_rows(values.len(), channels)?;
        let time = values.len() / channels;
        if rows.is_empty() || rows.end > time {
            return Err(Error::Shape {
                what: format!("rows {}..{} to fit a scaler on", rows.start, rows.end),
                expected: rows.end.max(rows.start + 1),
                found: time,
            });
        }
        let count = rows.len() as f64;
        let part = &values[rows.start * channels..rows.end * channels];
        let mut mean = vec![0.0; channels];
        for row in part.chunks_exact(channels) {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += value;
            }
        }
        for sum in &mut mean {
            *sum /= count;
        }
        // A second pass over the differences: sums of squares would cancel where the mean is
        // large against the deviation (ILI's totals, exchange rates).
        let mut std = vec![0.0; channels];
        for row in part.chunks_exact(channels) {
            for ((sum, value), mean) in std.iter_mut().zip(row).zip(&mean) {
                *sum += (value - mean) * (value - mean);
            }
        }
        let mut constant = Vec::new();
        for (channel, sum) in std.iter_mut().enumerate() {
            *sum = (*sum / count).sqrt();
            let first = part[channel];
            let same = part[channel..].iter().step_by(channels).all(|v| *v == first);
            // A mean of equal values is not always that value, so the test is on the values.
            if same || *sum <= 0.0 {
                *sum = 1.0;
                constant.push(channel);
            }
        }
        Ok(Self { mean, std, constant })
    }

    /// The scaler that changes nothing.
    #[must_use]
    pub fn identity(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], std: vec![1.0; channels], constant: Vec::new() }
    }

    /// How many channels it scales.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// The scaler of some of the channels, in the order given.
    ///
    /// # Panics
    ///
    /// When a channel is not there.
    #[must_use]
    pub fn select(&self, channels: &[usize]) -> Self {
        Self {
            mean: channels.iter().map(|&c| self.mean[c]).collect(),
            std: channels.iter().map(|&c| self.std[c]).collect(),
            constant: channels
                .iter()
                .enumerate()
                .filter(|(_, c)| self.constant.contains(c))
                .map(|(index, _)| index)
                .collect(),
        }
    }

    /// `(value - mean) / std` of `values` [rows, channels], rounded to single precision once.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when the values are no whole number of rows.
    pub fn transform(&self, values: &[f64]) -> Result<Vec<f32>> {
        check_rows(values.len(), self.channels())?;
        let mut scaled = Vec::with_capacity(values.len());
        for row in values.chunks_exact(self.channels()) {
            for ((value, mean), std) in row.iter().zip(&self.mean).zip(&self.std) {
                scaled.push(((value - mean) / std) as f32);
            }
        }
        Ok(scaled)
    }

    /// `value * std + mean` of `scaled` [rows, channels]: back to the series' own units.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when the values are no whole number of rows.
    pub fn inverse(&self, scaled: &[f32]) -> Result<Vec<f64>> {
        check_rows(scaled.len(), self.channels())?;
        let mut values = Vec::with_capacity(scaled.len());
        for row in scaled.chunks_exact(self.channels()) {
            for ((value, mean), std) in row.iter().zip(&self.mean).zip(&self.std) {
                values.push(f64::from(*value) * std + mean);
            }
        }
        Ok(values)
    }
}

fn check_rows(len: usize, channels: usize) -> Result<()> {
    if channels == 0 || !len.is_multiple_of(channels) {
        return Err(Error::Shape {
            what: format!("rows of {channels} channels"),
            expected: len.checked_div(channels).unwrap_or(0) * channels,
            found: len,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn population_deviation_of_the_given_rows_only() {
        // Channel 0: 1, 2, 3, 4 in the fitted rows; the fifth row must not count.
        let values = [1.0, 5.0, 2.0, 5.0, 3.0, 5.0, 4.0, 5.0, 1000.0, 7.0];
        let scaler = Scaler::fit(&values, 2, 0..4).unwrap();
        assert_eq!(scaler.mean, [2.5, 5.0]);
        assert!((scaler.std[0] - 1.25_f64.sqrt()).abs() < 1e-15);
        assert_eq!(scaler.std[1], 1.0);
        assert_eq!(scaler.constant, [1]);
        let scaled = scaler.transform(&values).unwrap();
        assert!((f64::from(scaled[0]) + 1.5 / 1.25_f64.sqrt()).abs() < 1e-6);
        assert_eq!(scaled[1], 0.0);
        assert_eq!(scaled[9], 2.0);
        let back = scaler.inverse(&scaled).unwrap();
        for (a, b) in back.iter().zip(&values) {
            assert!((a - b).abs() <= 1e-4 * b.abs());
        }
    }

    #[test]
    fn a_constant_that_does_not_sum_exactly_is_still_constant() {
        let values = vec![0.1; 1000];
        let scaler = Scaler::fit(&values, 1, 0..1000).unwrap();
        assert_eq!(scaler.constant, [0]);
        assert_eq!(scaler.std, [1.0]);
    }

    #[test]
    fn a_large_mean_does_not_swallow_a_small_deviation() {
        let values: Vec<f64> = (0..1000).map(|t| 1e9 + f64::from(t % 2)).collect();
        let scaler = Scaler::fit(&values, 1, 0..1000).unwrap();
        assert!((scaler.std[0] - 0.5).abs() < 1e-9);
    }

    #[test]
    fn select_keeps_what_is_constant() {
        let values = [1.0, 5.0, 2.0, 5.0];
        let scaler = Scaler::fit(&values, 2, 0..2).unwrap().select(&[1]);
        assert_eq!((scaler.mean, scaler.constant), (vec![5.0], vec![0]));
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(Scaler::fit(&[1.0, 2.0, 3.0], 2, 0..1).is_err());
        assert!(Scaler::fit(&[1.0, 2.0], 2, 0..2).is_err());
        assert!(Scaler::fit(&[1.0, 2.0], 2, 0..0).is_err());
        assert!(Scaler::fit(&[], 0, 0..0).is_err());
        assert!(Scaler::identity(2).transform(&[1.0]).is_err());
        assert!(Scaler::identity(2).inverse(&[1.0]).is_err());
    }
}
