//! Stopping when the validation error no longer falls, and remembering where it was lowest.

use serde::{Deserialize, Serialize};

/// Counts epochs since the best one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    patience: usize,
    best: Option<f64>,
    best_epoch: usize,
    since_best: usize,
}

impl EarlyStopping {
    /// `patience` 0 never stops.
    pub fn new(patience: usize) -> Self {
        Self { patience, best: None, best_epoch: 0, since_best: 0 }
    }

    /// Takes the validation error of `epoch`; true if it is the best so far. An equal error counts
    /// as better, as in the official code; one that is not a number never does.
    pub fn record(&mut self, epoch: usize, error: f64) -> bool {
        let better = !error.is_nan() && self.best.is_none_or(|best| error <= best);
        if better {
            self.best = Some(error);
            self.best_epoch = epoch;
            self.since_best = 0;
        } else {
            self.since_best += 1;
        }
        better
    }

    /// Whether patience has run out.
    pub fn stops(&self) -> bool {
        self.patience > 0 && self.since_best >= self.patience
    }

    /// The best epoch, counted as it was given.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }

    /// The lowest validation error.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Changes the patience of a resumed run.
    pub fn set_patience(&mut self, patience: usize) {
        self.patience = patience;
    }
}
