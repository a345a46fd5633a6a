//! What a run starts with: its model, its optimiser, its stepper.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;

use super::adam::Adam;
use super::batch::BatchShape;
use super::step::Stepper;
use crate::config::Config;
use crate::heads;
use crate::patchtst::PatchTst;
use crate::weights::start_from;

/// The model that a new run starts from, and the names of what `train.weights` did not hold.
pub(super) fn first_model(
    config: &Config,
    channels: usize,
    device: &Device,
) -> Result<(PatchTst, Vec<String>)> {
    let model = PatchTst::new(&config.model, channels, config.train.seed, device);
    let (model, fresh) = match config.train.weights.as_str() {
        "" => (model, Vec::new()),
        path => {
            let start = start_from(model, channels, Path::new(path))
                .with_context(|| format!("train.weights = {path}"))?;
            (start.model, start.fresh)
        }
    };
    let all = model.heads();
    let left = all.without(&config.prune.named(config.model.layers));
    let model = match left == all {
        true => model,
        false => heads::prune(&model, &left, channels, device)?,
    };
    Ok((model, fresh))
}

pub(super) fn fresh_adam(config: &Config) -> Adam {
    Adam::new(config.train.beta2, config.train.epsilon)
}

pub(super) fn stepper(
    model: PatchTst,
    adam: Adam,
    device: &Device,
    shape: BatchShape,
    config: &Config,
) -> Result<Stepper> {
    let stepper =
        Stepper::new(model, adam, device, shape, config.train.seed, config.runtime.graph)?;
    Ok(stepper.clip_norm(config.train.clip_norm))
}
