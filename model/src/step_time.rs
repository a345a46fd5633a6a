//! The time of one training step, for benchmarks.

use std::time::Instant;

use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::config::{Config, Precision};
use crate::patchtst::PatchTst;
use crate::runtime;
use crate::train::adam::Adam;
use crate::train::batch::{BatchShape, compared};
use crate::train::schedule::Schedule;
use crate::train::step::Stepper;
use crate::train::training_loop::learned;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct StepTime {
    pub preset: String,
    pub attention: String,
    pub precision: Precision,
    pub device: String,
    pub batch: usize,
    pub channels: usize,
    pub tokens: usize,
    pub parameters: usize,
    /// From opening the device to the end of the first step.
    pub time_to_first_step_seconds: f64,
    /// Of the ten steps after it, in which a GPU's step is recorded.
    pub settling_seconds: f64,
    /// Whether steps were replayed from a recording.
    pub recorded: bool,
    /// Median over windows of steps; the device is waited for between windows only.
    pub median_step_ms: f64,
    pub fastest_window_ms: f64,
    pub slowest_window_ms: f64,
    pub steps: usize,
    pub loss: f32,
}

/// Steps in one window.
const WINDOW: usize = 10;

/// Trains on made data of the preset's shapes.
pub fn measure(preset: &str, config: &Config, channels: usize, steps: usize) -> Result<StepTime> {
    config.model.check_batch(config.train.batch_size, channels)?;
    let began = Instant::now();
    let runtime = runtime::open(config)?;
    let device = runtime.device.clone().autodiff();
    let batch = config.train.batch_size;
    let model = PatchTst::new(&config.model, channels, config.train.seed, &device);
    let parameters = learned(&model);
    let adam = Adam::new(config.train.beta2, config.train.epsilon);
    let schedule = Schedule::new(&config.train, steps.max(1));
    // The same numbers on every device, so that losses can be compared.
    let mut rng = ChaCha8Rng::seed_from_u64(config.train.seed);
    let mut make = |numbers: usize| -> Vec<f32> {
        (0..batch * numbers).map(|_| rng.random_range(-1.0..1.0)).collect()
    };
    let shape = BatchShape::of(config, channels, None);
    let x = make(shape.context * channels);
    let y = make(shape.horizon * shape.channels_out);
    let y = compared(config, shape, y, 0);
    let mut stepper =
        Stepper::new(model, adam, &device, shape, config.train.seed, config.runtime.graph)?
            .clip_norm(config.train.clip_norm);
    let mut index = 0;
    let mut run = |stepper: &mut Stepper, count: usize| -> Result<f32> {
        for _ in 0..count {
            stepper.step(x.clone(), y.clone(), schedule.at(index), index)?;
            index += 1;
        }
        let losses = stepper.read_losses()?;
        runtime.device.sync()?;
        Ok(losses.last().copied().unwrap_or(f32::NAN))
    };
    run(&mut stepper, 1)?;
    let first = began.elapsed().as_secs_f64();
    // The next steps meet what the first did not: moments that exist, a step being recorded.
    let clock = Instant::now();
    run(&mut stepper, 2 * WINDOW)?;
    let settling = clock.elapsed().as_secs_f64();
    let mut windows = Vec::new();
    let mut last = f32::NAN;
    for _ in 0..steps.div_ceil(WINDOW) {
        let clock = Instant::now();
        last = run(&mut stepper, WINDOW)?;
        windows.push(clock.elapsed().as_secs_f64() * 1e3 / WINDOW as f64);
    }
    windows.sort_by(f64::total_cmp);
    Ok(StepTime {
        preset: preset.to_string(),
        attention: config.model.attention.name().to_string(),
        precision: config.model.precision,
        device: runtime.name,
        batch,
        channels,
        tokens: config.model.tokens(),
        parameters,
        time_to_first_step_seconds: first,
        settling_seconds: settling,
        recorded: stepper.is_recorded(),
        median_step_ms: windows[windows.len() / 2],
        fastest_window_ms: windows[0],
        slowest_window_ms: windows[windows.len() - 1],
        steps: windows.len() * WINDOW,
        loss: last,
    })
}
