//! `[train]`: how it is trained.

use serde::{Deserialize, Serialize};

use super::{ConfigError, at_least_one, positive, probabilities};

/// How it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Where the weights start: another run's folder (a pretrained one, say), a folder of Hugging
    /// Face's, or a `.pth` of the official code; empty: drawn by `seed`.
    pub weights: String,
    /// Train the head alone for so many epochs first: all of them is linear probing, fewer is
    /// probing before fine-tuning, which goes on from the best of these epochs.
    pub freeze_epochs: usize,
    pub epochs: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    /// `constant`, `one-cycle`, or one of the official code's steps by epoch: `type1`, `type2`,
    /// `type3`, `3`, `4`, `5`, `6`.
    pub schedule: ScheduleKind,
    /// One-cycle: the share of all steps in which the rate rises.
    pub pct_start: f64,
    /// One-cycle: move beta1 from 0.95 to 0.85 and back, as PyTorch does unless told not to.
    pub cycle_momentum: bool,
    /// With any other schedule, start as the official code does by accident: it builds a one-cycle
    /// schedule even where it follows another, which sets beta1 to 0.95 for the whole run, and the
    /// rate to a 25th until the schedule first sets it, after one epoch (`type2`: after two).
    pub official_start: bool,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Scale the gradients of a step down so that their common norm is at most this; 0: never.
    pub clip_norm: f64,
    /// Stop after this many epochs without a better validation error; 0 never stops early.
    pub patience: usize,
    /// Seeds the weights, the shuffling and the dropout masks.
    pub seed: u64,
    /// Measure the test error after each epoch too (it is never used to choose anything).
    pub test_each_epoch: bool,
    /// Save a checkpoint every so many steps as well as after each epoch; 0: epochs only.
    pub checkpoint_steps: usize,
}

/// How the learning rate moves. All but one-cycle move it between epochs only, and the official code
/// (`adjust_learning_rate` in `utils/tools.py`) does so after an epoch: what it calls the rate of
/// epoch `e` is in force from epoch `e + 1` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The same rate throughout.
    Constant,
    /// Halved after the second epoch and after each one that follows.
    Type1,
    /// Rates of its own, whatever `train.learning_rate`: 5e-5 after the second epoch, 1e-5 after the
    /// fourth, then 5e-6, 1e-6, 5e-7, 1e-7 and 5e-8 after epochs 6, 8, 10, 15 and 20.
    Type2,
    /// Constant for four epochs, then times 0.9 each epoch.
    #[default]
    Type3,
    /// A tenth after 10 epochs.
    #[serde(rename = "3")]
    Tenth10,
    /// A tenth after 15 epochs.
    #[serde(rename = "4")]
    Tenth15,
    /// A tenth after 25 epochs.
    #[serde(rename = "5")]
    Tenth25,
    /// A tenth after 5 epochs.
    #[serde(rename = "6")]
    Tenth5,
    /// `torch.optim.lr_scheduler.OneCycleLR`, moved every step; the official `TST`. After frozen
    /// epochs, which have a cycle of their own, another of half the rate (the official `fine_tune`).
    #[serde(alias = "TST")]
    OneCycle,
}

impl TrainConfig {
    /// Refuses what cannot be trained with.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        at_least_one(&[("train.epochs", self.epochs), ("train.batch_size", self.batch_size)])?;
        probabilities(&[("train.beta1", self.beta1), ("train.beta2", self.beta2)])?;
        positive(&[("train.learning_rate", self.learning_rate), ("train.epsilon", self.epsilon)])?;
        if !(self.clip_norm >= 0.0 && self.clip_norm.is_finite()) {
            let reason = "must be positive, or 0 for no clipping";
            return Err(ConfigError::invalid("train.clip_norm", self.clip_norm, reason));
        }
        let share = self.pct_start;
        if self.schedule == ScheduleKind::OneCycle && !(share > 0.0 && share < 1.0) {
            return Err(ConfigError::invalid("train.pct_start", share, "must lie between 0 and 1"));
        }
        Ok(())
    }
}
