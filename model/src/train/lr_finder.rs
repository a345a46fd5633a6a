//! The learning-rate finder (Smith, "Cyclical Learning Rates for Training Neural Networks", WACV
//! 2017, arXiv 1506.01186): train briefly while the rate grows exponentially, and look where the
//! loss falls. Smoothing, stopping and suggestions are fastai's, which tsai uses too.

use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::config::Config;
use crate::data::Data;
use crate::plot::{Curve, Lines, Scale};
use crate::runtime::Runtime;
use crate::train::adam::Adam;
use crate::train::batch::{BatchShape, compared};
use crate::train::report::write_whole;
use crate::train::schedule::StepRate;
use crate::train::start::first_model;
use crate::train::step::Stepper;

/// How much of the smoothed loss is kept from step to step.
const SMOOTHING: f64 = 0.98;
/// The search ends where the smoothed loss is so many times its lowest.
const DIVERGED: f64 = 4.0;
/// The first tenth of the steps and the last ones suggest nothing.
const LAST: usize = 5;
/// Fewer steps say too little.
pub const FEWEST: usize = 20;

/// Which rates are tried.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    pub from: f64,
    pub to: f64,
    pub steps: usize,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reading {
    pub learning_rate: f64,
    pub loss: f64,
    /// An exponential mean of the losses so far, corrected for its start.
    pub smoothed: f64,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    pub readings: Vec<Reading>,
    /// The middle of the longest stretch in which the smoothed loss falls.
    pub valley: f64,
    /// Where the smoothed loss falls fastest per factor of the rate.
    pub steepest: f64,
    /// The loss ran away before the highest rate was reached.
    pub diverged: bool,
}

impl Search {
    /// The rate of step `step`: equal factors from step to step.
    fn rate(&self, step: usize) -> f64 {
        let share = step as f64 / (self.steps - 1) as f64;
        self.from * (self.to / self.from).powf(share)
    }

    fn check(&self) -> Result<()> {
        let Self { from, to, steps } = *self;
        if !(from > 0.0 && to > from && to.is_finite()) {
            bail!("rates from {from} to {to}: the lowest must be positive and below the highest");
        }
        if steps < FEWEST {
            bail!("{steps} steps: at least {FEWEST} are needed to see a valley");
        }
        Ok(())
    }

    /// Trains the model that a run of `config` begins with, its head alone if that is trained first,
    /// under these rates; `each` hears of every step.
    pub fn run(
        &self,
        config: &Config,
        data: &Data,
        runtime: &Runtime,
        mut each: impl FnMut(usize, &Reading),
    ) -> Result<Found> {
        self.check()?;
        let loader = data.train_loader(config)?;
        let device = runtime.device.clone().autodiff();
        let (model, _) = first_model(config, data.channels(), &device)?;
        let adam = Adam::new(config.train.beta2, config.train.epsilon);
        let shape = BatchShape::of(config, data.channels(), data.output());
        let mut stepper =
            Stepper::new(model, adam, &device, shape, config.train.seed, config.runtime.graph)?
                .clip_norm(config.train.clip_norm);
        let fresh = Adam::new(config.train.beta2, config.train.epsilon);
        stepper.train_head_only(config.train.freeze_epochs > 0, fresh)?;
        let mut curve = Smoothed::default();
        let batches = (0..).flat_map(|epoch| loader.epoch(epoch));
        for (step, batch) in batches.take(self.steps).enumerate() {
            let batch = batch?;
            let learning_rate = self.rate(step);
            let rate = StepRate { learning_rate, beta1: config.train.beta1 };
            let y = compared(config, shape, batch.y, step as u64);
            stepper.step(batch.x, y, rate, step as u64)?;
            let loss = stepper.read_losses()?.last().copied().map_or(f64::NAN, f64::from);
            let diverged = curve.push(learning_rate, loss);
            if let Some(reading) = curve.readings.last() {
                each(step, reading);
            }
            if diverged {
                break;
            }
        }
        curve.found(self.steps)
    }
}

#[derive(Default)]
struct Smoothed {
    readings: Vec<Reading>,
    mean: f64,
    lowest: Option<f64>,
    diverged: bool,
}

impl Smoothed {
    /// Takes the loss of a step; true if it ran away.
    fn push(&mut self, learning_rate: f64, loss: f64) -> bool {
        self.mean = SMOOTHING * self.mean + (1.0 - SMOOTHING) * loss;
        let smoothed = self.mean / (1.0 - SMOOTHING.powi(self.readings.len() as i32 + 1));
        self.readings.push(Reading { learning_rate, loss, smoothed });
        let lowest = self.lowest.map_or(smoothed, |lowest| lowest.min(smoothed));
        self.lowest = Some(lowest);
        // A loss that is not a number has run away too.
        self.diverged = smoothed.is_nan() || smoothed > DIVERGED * lowest;
        self.diverged
    }

    fn found(self, steps: usize) -> Result<Found> {
        let end = self.readings.len().saturating_sub(LAST);
        let used = self.readings.get(steps / 10..end).unwrap_or_default();
        if used.len() < FEWEST / 4 {
            bail!(
                "the loss ran away after {} steps, at a rate of {:.1e}; search from a lower one",
                self.readings.len(),
                self.readings.last().map_or(0.0, |last| last.learning_rate)
            );
        }
        Ok(Found {
            valley: used[valley(used)].learning_rate,
            steepest: used[steepest(used)].learning_rate,
            diverged: self.diverged,
            readings: self.readings,
        })
    }
}

/// The middle of the longest decreasing subsequence, taken as one stretch up to its end.
fn valley(readings: &[Reading]) -> usize {
    let mut lengths = vec![1_usize; readings.len()];
    for here in 1..readings.len() {
        for before in 0..here {
            if readings[here].smoothed < readings[before].smoothed {
                lengths[here] = lengths[here].max(lengths[before] + 1);
            }
        }
    }
    let mut end = 0;
    for here in 1..lengths.len() {
        if lengths[here] > lengths[end] {
            end = here;
        }
    }
    end + 1 - lengths[end] + lengths[end] / 2
}

/// The step before which the smoothed loss falls most over the logarithm of the rate.
fn steepest(readings: &[Reading]) -> usize {
    let slope = |pair: &[Reading]| {
        let width = (pair[1].learning_rate / pair[0].learning_rate).ln();
        (pair[1].smoothed - pair[0].smoothed) / width
    };
    let slopes = readings.windows(2).map(slope).enumerate();
    slopes.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(place, _)| place)
}

impl Found {
    /// Writes `learning_rate,loss,smoothed`.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for reading in &self.readings {
            writer.serialize(reading)?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        write_whole(path, &bytes)
    }

    /// The smoothed loss over the rates, with both suggestions; the end of a loss that ran away is
    /// left out, as it would flatten the rest.
    pub fn picture(&self, title: String) -> Lines {
        let lowest = self.readings.iter().map(|r| r.smoothed).fold(f64::INFINITY, f64::min);
        let first = self.readings.first().map_or(lowest, |reading| reading.smoothed);
        let ceiling = first + 0.5 * (first - lowest).abs();
        let shown = self.readings.iter().take_while(|reading| reading.smoothed <= ceiling);
        let points = shown.map(|reading| (reading.learning_rate, reading.smoothed)).collect();
        Lines {
            title,
            x: ("learning rate".into(), Scale::Logarithmic),
            y: "smoothed training loss".into(),
            curves: vec![Curve { name: "loss".into(), points }],
            marks: vec![
                (self.valley, format!("valley {:.1e}", self.valley)),
                (self.steepest, format!("steepest {:.1e}", self.steepest)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses over rates from 1e-5, a tenth of a power of ten apart.
    fn readings(losses: &[f64]) -> Vec<Reading> {
        let rate = |place: usize| 10_f64.powf(-5.0 + 0.1 * place as f64);
        let of = |(place, loss): (usize, &f64)| Reading {
            learning_rate: rate(place),
            loss: *loss,
            smoothed: *loss,
        };
        losses.iter().enumerate().map(of).collect()
    }

    #[test]
    fn the_valley_is_the_middle_of_the_longest_fall() {
        // Falls from place 2 to place 7, six readings: the middle is place 5.
        let curve = readings(&[1.0, 1.05, 1.1, 1.0, 0.9, 0.7, 0.6, 0.5, 0.9, 2.0]);
        assert_eq!(valley(&curve), 5);
        assert_eq!(steepest(&curve), 4, "from 0.9 to 0.7");
        assert_eq!(valley(&readings(&[1.0, 2.0, 3.0])), 0, "never falls");
    }

    #[test]
    fn a_loss_that_runs_away_ends_the_search() {
        let mut curve = Smoothed::default();
        for step in 0..30 {
            assert!(!curve.push(1e-5 * 1.2_f64.powi(step), 1.0 / f64::from(step + 1)), "{step}");
        }
        let smooth = curve.readings[1].smoothed;
        let expected = (SMOOTHING * 0.02 + 0.02 * 0.5) / (1.0 - SMOOTHING * SMOOTHING);
        assert!((smooth - expected).abs() < 1e-12, "{smooth} {expected}");
        assert!(curve.push(1.0, 1e4));
        let found = curve.found(30).expect("enough readings");
        assert!(found.diverged && found.valley > 1e-5 && found.valley < 1e-2, "{found:?}");
        let mut early = Smoothed::default();
        early.push(1.0, 1.0);
        assert!(early.push(2.0, f64::NAN));
        let error = early.found(100).expect_err("nothing to see").to_string();
        assert!(error.contains("search from a lower one"), "{error}");
    }

    #[test]
    fn rates_grow_by_equal_factors() {
        let search = Search { from: 1e-6, to: 1.0, steps: 61 };
        assert!((search.rate(0) - 1e-6).abs() < 1e-18 && (search.rate(60) - 1.0).abs() < 1e-12);
        assert!((search.rate(11) / search.rate(10) - 10_f64.powf(0.1)).abs() < 1e-12);
        assert!(Search { from: 1.0, to: 0.1, steps: 50 }.check().is_err());
        assert!(Search { from: 1e-5, to: 0.1, steps: 5 }.check().is_err());
    }
}
