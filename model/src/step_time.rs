//! The time of one training step, for benchmarks.

use std::time::Instant;

use anyhow::Result;
use burn::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::config::Config;
use crate::linear::uniform;
use crate::patchtst::PatchTst;
use crate::runtime;
use crate::train::adam::Adam;
use crate::train::schedule::Schedule;
use crate::train::step::step;
use crate::train::training_loop::learned;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct StepTime {
    pub preset: String,
    pub attention: String,
    pub device: String,
    pub batch: usize,
    pub channels: usize,
    pub tokens: usize,
    pub parameters: usize,
    /// From opening the device to the end of the first step.
    pub time_to_first_step_seconds: f64,
    /// Median over windows of steps; the device is waited for between windows only.
    pub median_step_ms: f64,
    pub fastest_window_ms: f64,
    pub slowest_window_ms: f64,
    pub steps: usize,
    pub loss: f32,
}

/// Steps in one window.
const WINDOW: usize = 5;

/// Trains on made data of the preset's shapes.
pub fn measure(preset: &str, config: &Config, channels: usize, steps: usize) -> Result<StepTime> {
    let began = Instant::now();
    let runtime = runtime::open(&config.runtime)?;
    let device = runtime.device.clone().autodiff();
    let batch = config.train.batch_size;
    let mut model = PatchTst::new(&config.model, channels, config.train.seed, &device);
    let mut adam = Adam::new(config.train.beta2, config.train.epsilon);
    let schedule = Schedule::new(&config.train, steps.max(1));
    // The same numbers on every device, so that losses can be compared.
    let mut rng = ChaCha8Rng::seed_from_u64(config.train.seed);
    let mut make = |time| -> Tensor<3> {
        uniform([batch, time, channels], 1.0, &mut rng, &runtime.device).swap_dims(1, 2)
    };
    let (x, y) = (make(config.model.context), make(config.model.horizon));
    let mut index = 0;
    let mut one = |model: PatchTst| {
        let rate = schedule.at(index);
        let (model, loss) =
            step(model, &mut adam, x.clone(), y.clone(), None, rate, config.train.seed, index, &device);
        index += 1;
        (model, loss)
    };
    let mut loss;
    (model, loss) = one(model);
    let _ = loss.into_data();
    let first = began.elapsed().as_secs_f64();
    // The second step meets what the first did not: moments that exist, buffers that are reused.
    for _ in 0..WINDOW {
        (model, loss) = one(model);
        let _ = loss.into_data();
    }
    let mut windows = Vec::new();
    let mut last = f32::NAN;
    for _ in 0..steps.div_ceil(WINDOW) {
        let clock = Instant::now();
        for i in 0..WINDOW {
            (model, loss) = one(model);
            if i + 1 == WINDOW {
                last = loss.into_scalar::<f32>();
            }
        }
        runtime.device.sync()?;
        windows.push(clock.elapsed().as_secs_f64() * 1e3 / WINDOW as f64);
    }
    windows.sort_by(f64::total_cmp);
    Ok(StepTime {
        preset: preset.to_string(),
        attention: config.model.attention.name().to_string(),
        device: runtime.name,
        batch,
        channels,
        tokens: config.model.tokens(),
        parameters: learned(&model),
        time_to_first_step_seconds: first,
        median_step_ms: windows[windows.len() / 2],
        fastest_window_ms: windows[0],
        slowest_window_ms: windows[windows.len() - 1],
        steps: windows.len() * WINDOW,
        loss: last,
    })
}
