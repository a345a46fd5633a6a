//! Dynamic pruning in training: after a few epochs the least important heads of each layer go, and
//! training goes on without them.

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};
use tilewright_datasets::Loader;

use crate::heads::{self, Heads};
use crate::patchtst::PatchTst;
use crate::train::adam::Adam;
use crate::train::batch::BatchShape;

/// Each head's [importance](heads::importance) over the first `batches` batches of training, the
/// model in inference form.
pub fn importance(
    model: &PatchTst,
    loader: &Loader,
    shape: BatchShape,
    batches: usize,
    device: &Device,
) -> Result<Vec<Vec<f64>>> {
    let plain = device.clone().without_autodiff();
    let mut total: Option<Vec<Vec<f64>>> = None;
    for batch in loader.epoch(0).take(batches) {
        let batch = batch?;
        let flat = |values: Vec<f32>| {
            let count = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [count]), &plain)
        };
        let (x, y) = shape.arranged(flat(batch.x), flat(batch.y));
        let loss = model.loss(x, y, shape.output, None);
        let importance = heads::importance(model, &loss.backward());
        total = Some(match total {
            Some(total) => heads::added(total, importance),
            None => importance,
        });
    }
    total.context("no training batch to measure the heads' importance on")
}

/// `model` without all but `heads`, and an optimiser that goes on where `adam` stands.
pub fn prune(
    model: &PatchTst,
    adam: &Adam,
    fresh: Adam,
    heads: &Heads,
    channels: usize,
    device: &Device,
) -> Result<(PatchTst, Adam)> {
    let smaller = heads::prune(model, heads, channels, device)?;
    let moments = heads::pruned(adam.record(model), &model.config, &model.heads(), heads);
    let mut left = fresh;
    left.restore(&smaller, &moments, adam.steps(), device);
    Ok((smaller, left))
}
