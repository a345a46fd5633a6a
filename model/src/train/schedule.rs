//! How the learning rate, and with one-cycle Adam's first beta, move over the steps.

use std::f64::consts::PI;

use crate::config::{ScheduleKind, TrainConfig};

/// The rate of every step, a pure function of the step.
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: ScheduleKind,
    rate: f64,
    beta1: f64,
    pct_start: f64,
    cycle_momentum: bool,
    steps_per_epoch: usize,
    total_steps: usize,
}

/// What one step uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRate {
    pub learning_rate: f64,
    pub beta1: f64,
}

/// PyTorch's defaults for `OneCycleLR`.
const DIV: f64 = 25.0;
const FINAL_DIV: f64 = 1e4;
const MOMENTUM_LOW: f64 = 0.85;
const MOMENTUM_HIGH: f64 = 0.95;

impl Schedule {
    pub fn new(config: &TrainConfig, steps_per_epoch: usize) -> Self {
        Self {
            kind: config.schedule,
            rate: config.learning_rate,
            beta1: config.beta1,
            pct_start: config.pct_start,
            cycle_momentum: config.cycle_momentum,
            steps_per_epoch: steps_per_epoch.max(1),
            total_steps: (config.epochs * steps_per_epoch).max(1),
        }
    }

    /// The rate of step `step`, counted from 0 over the whole run.
    pub fn at(&self, step: u64) -> StepRate {
        let step = step as usize;
        match self.kind {
            ScheduleKind::Constant => StepRate { learning_rate: self.rate, beta1: self.beta1 },
            ScheduleKind::Type3 => {
                let epoch = step / self.steps_per_epoch;
                let decay = 0.9_f64.powi(epoch.saturating_sub(3) as i32);
                StepRate { learning_rate: self.rate * decay, beta1: self.beta1 }
            }
            ScheduleKind::OneCycle => self.one_cycle(step),
        }
    }

    /// `torch.optim.lr_scheduler.OneCycleLR`, cosine, two phases.
    fn one_cycle(&self, step: usize) -> StepRate {
        let total = self.total_steps as f64;
        let (low, high) = (self.rate / DIV, self.rate);
        let last = low / FINAL_DIV;
        let rise_end = self.pct_start * total - 1.0;
        let t = step.min(self.total_steps - 1) as f64;
        let (learning_rate, momentum) = if t <= rise_end {
            let share = t / rise_end.max(f64::MIN_POSITIVE);
            (cosine(low, high, share), cosine(MOMENTUM_HIGH, MOMENTUM_LOW, share))
        } else {
            let share = (t - rise_end) / (total - 1.0 - rise_end);
            (cosine(high, last, share), cosine(MOMENTUM_LOW, MOMENTUM_HIGH, share))
        };
        StepRate { learning_rate, beta1: if self.cycle_momentum { momentum } else { self.beta1 } }
    }
}

fn cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) / 2.0 * ((PI * share).cos() + 1.0)
}
