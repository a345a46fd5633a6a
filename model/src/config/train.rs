//! `[train]`: how it is trained.

use serde::{Deserialize, Serialize};

use super::{ConfigError, at_least_one, positive, probabilities};

/// How it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    pub epochs: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    /// `constant`, `type3` or `one-cycle`.
    pub schedule: ScheduleKind,
    /// One-cycle: the share of all steps in which the rate rises.
    pub pct_start: f64,
    /// One-cycle: move beta1 from 0.95 to 0.85 and back, as PyTorch does unless told not to.
    pub cycle_momentum: bool,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Stop after this many epochs without a better validation error; 0 never stops early.
    pub patience: usize,
    /// Seeds the weights, the shuffling and the dropout masks.
    pub seed: u64,
    /// Measure the test error after each epoch too (it is never used to choose anything).
    pub test_each_epoch: bool,
    /// Save a checkpoint every so many steps as well as after each epoch; 0: epochs only.
    pub checkpoint_steps: usize,
}

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The same rate throughout.
    Constant,
    /// The official `type3`: constant for three epochs, then times 0.9 each epoch.
    #[default]
    Type3,
    /// `torch.optim.lr_scheduler.OneCycleLR`, moved every step.
    OneCycle,
}

impl TrainConfig {
    /// Refuses what cannot be trained with.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        at_least_one(&[("train.batch_size", self.batch_size)])?;
        probabilities(&[("train.beta1", self.beta1), ("train.beta2", self.beta2)])?;
        positive(&[("train.learning_rate", self.learning_rate), ("train.epsilon", self.epsilon)])?;
        let share = self.pct_start;
        if self.schedule == ScheduleKind::OneCycle && !(share > 0.0 && share < 1.0) {
            return Err(ConfigError::invalid("train.pct_start", share, "must lie between 0 and 1"));
        }
        Ok(())
    }
}
