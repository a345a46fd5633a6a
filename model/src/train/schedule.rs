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
    official_start: bool,
    steps_per_epoch: usize,
    /// Steps in which the head alone is trained.
    frozen_steps: usize,
    total_steps: usize,
}

/// What one step uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRate {
    pub learning_rate: f64,
    pub beta1: f64,
}

/// The rates of `type2`, each after so many epochs.
const TYPE2: [(usize, f64); 7] =
    [(2, 5e-5), (4, 1e-5), (6, 5e-6), (8, 1e-6), (10, 5e-7), (15, 1e-7), (20, 5e-8)];

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
            official_start: config.official_start,
            steps_per_epoch: steps_per_epoch.max(1),
            frozen_steps: config.freeze_epochs.saturating_mul(steps_per_epoch),
            total_steps: config.epochs.saturating_mul(steps_per_epoch).max(1),
        }
    }

    /// The rate of step `step`, counted from 0 over the whole run.
    pub fn at(&self, step: u64) -> StepRate {
        let step = step as usize;
        if self.kind == ScheduleKind::OneCycle {
            return self.phase(step);
        }
        let learning_rate = match self.after_epochs(step / self.steps_per_epoch) {
            Some(rate) => rate,
            None if self.official_start => self.rate / DIV,
            None => self.rate,
        };
        let beta1 = if self.official_start { MOMENTUM_HIGH } else { self.beta1 };
        StepRate { learning_rate, beta1 }
    }

    /// What the official `adjust_learning_rate` last set when `done` epochs are over; `None` if it
    /// has not set anything.
    fn after_epochs(&self, done: usize) -> Option<f64> {
        let exponent = |from: usize| done.saturating_sub(from) as i32;
        let tenth_after = |epochs: usize| if done < epochs { 1.0 } else { 0.1 };
        let factor = match self.kind {
            ScheduleKind::Type2 => {
                return TYPE2.iter().rev().find(|(epoch, _)| *epoch <= done).map(|(_, rate)| *rate);
            }
            ScheduleKind::Constant | ScheduleKind::OneCycle => 1.0,
            ScheduleKind::Type1 => 0.5_f64.powi(exponent(1)),
            ScheduleKind::Type3 => 0.9_f64.powi(exponent(3)),
            ScheduleKind::Tenth10 => tenth_after(10),
            ScheduleKind::Tenth15 => tenth_after(15),
            ScheduleKind::Tenth25 => tenth_after(25),
            ScheduleKind::Tenth5 => tenth_after(5),
        };
        (done > 0).then_some(self.rate * factor)
    }

    /// A cycle; fine-tuning has one for the frozen epochs and another, half as high, for the rest.
    fn phase(&self, step: usize) -> StepRate {
        let step = step.min(self.total_steps - 1);
        match self.frozen_steps {
            frozen if frozen == 0 || frozen >= self.total_steps => {
                self.one_cycle(step, self.total_steps, self.rate)
            }
            frozen if step < frozen => self.one_cycle(step, frozen, self.rate),
            frozen => self.one_cycle(step - frozen, self.total_steps - frozen, self.rate / 2.0),
        }
    }

    /// `torch.optim.lr_scheduler.OneCycleLR`, cosine, two phases.
    fn one_cycle(&self, step: usize, total_steps: usize, high: f64) -> StepRate {
        let total = total_steps as f64;
        let low = high / DIV;
        let last = low / FINAL_DIV;
        let rise_end = self.pct_start * total - 1.0;
        let t = step as f64;
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
