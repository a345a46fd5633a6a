//! One optimiser step.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use crate::data::predicted;
use crate::noise::Noise;
use crate::patchtst::PatchTst;
use crate::train::adam::Adam;
use crate::train::schedule::StepRate;

/// Forward, mean squared error, backward, Adam. Returns the moved model and its loss, a scalar that
/// stays on the device: reading it would make the host wait.
#[allow(clippy::too_many_arguments)]
pub fn step(
    model: PatchTst,
    adam: &mut Adam,
    x: Tensor<3>,
    y: Tensor<3>,
    output: Option<usize>,
    rate: StepRate,
    seed: u64,
    index: u64,
    device: &Device,
) -> (PatchTst, Tensor<1>) {
    let noise = Noise::new(seed, index, device);
    let forecast = predicted(model.forward(x, Some(&noise)), output);
    let loss = (forecast - y).square().mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let model = adam.step(model, gradients, rate);
    (model, loss.without_autodiff())
}
