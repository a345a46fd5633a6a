//! What changes between epochs: which parameters are trained, and which heads there are.

use anyhow::Result;

use super::early_stopping::EarlyStopping;
use super::pruning;
use super::start::{fresh_adam, stepper};
use super::training_loop::Trainer;
use crate::progress::Progress;

impl Trainer {
    /// What changes between epochs: which parameters are trained, and which heads there are.
    pub(super) fn prepare_epoch(&mut self, progress: &mut Progress) -> Result<()> {
        let (epoch, train) = (self.position.epoch, &self.config.train);
        let head_only = epoch < train.freeze_epochs;
        // A checkpoint of a later epoch holds the optimiser and the weights of that phase: only at
        // the boundary do they begin anew, the weights from the best of the frozen epochs.
        if self.position.batch == 0 && epoch == train.freeze_epochs && epoch > 0 {
            if let Some(best) = &self.best {
                self.stepper.set_weights(best.clone())?;
            }
            self.stepper.train_head_only(true, fresh_adam(&self.config))?;
        }
        self.stepper.train_head_only(head_only, fresh_adam(&self.config))?;
        let prune = &self.config.prune;
        if prune.dynamic > 0 && epoch >= prune.after_epochs && !self.position.pruned {
            self.prune(progress)?;
        }
        Ok(())
    }

    /// Takes each layer's least important heads out. Errors from before are not compared with those
    /// after.
    fn prune(&mut self, progress: &mut Progress) -> Result<()> {
        let model = self.stepper.model()?;
        let prune = &self.config.prune;
        let importance =
            pruning::importance(model, &self.loader, self.shape, prune.batches, &self.device)?;
        let heads = model.heads();
        let least = heads.least(&importance, prune.dynamic);
        let left = heads.without(&least);
        progress.note(&format!(
            "pruned {} of {} heads: {}",
            heads.count() - left.count(),
            heads.count(),
            least.iter().map(|heads| format!("{heads:?}")).collect::<Vec<_>>().join(" ")
        ));
        let (model, adam) = pruning::prune(
            model,
            self.stepper.adam(),
            fresh_adam(&self.config),
            &left,
            self.data.channels(),
            &self.device,
        )?;
        self.stepper = stepper(model, adam, &self.device, self.shape, &self.config)?;
        self.best = None;
        self.position.stopping = EarlyStopping::new(self.config.train.patience);
        self.position.pruned = true;
        Ok(())
    }
}
