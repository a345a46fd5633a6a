//! Optimiser steps: forward, mean squared error, backward, clipping, Adam.
//!
//! On the CPU a step is a chain of values. On a GPU its hundreds of small kernels take less time
//! than it takes to launch them one by one, so after a few steps one is recorded as a CUDA graph
//! and from then on replayed by a single launch. A recorded kernel sees the same memory each time:
//! what changes from step to step (rates, seeds, inputs) is written into tensors that stay, and
//! weights and moments are updated where they lie (see [`in_place`]).

use anyhow::{Context, Result, bail};
use burn::backend::{Backend, BackendGraph, Dispatch};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use crate::ops::control::{self, RING};
use crate::ops::in_place;
use crate::pass::{TrainingPass, on_host};
use crate::patchtst::PatchTst;
use crate::tensors::{self, NamedTensors};
use crate::train::adam::Adam;
use crate::train::batch::BatchShape;
use crate::train::clip;
use crate::train::schedule::StepRate;

/// A model being trained.
pub struct Stepper {
    /// Absent only while a step moves it.
    model: Option<PatchTst>,
    adam: Adam,
    /// With autodiff.
    device: Device,
    shape: BatchShape,
    seed: u64,
    /// The largest norm of a step's gradients; 0: any.
    clip_norm: f64,
    /// Only the head is trained.
    head_only: bool,
    /// Losses on the CPU that have not been read.
    waiting: Vec<Tensor<1>>,
    gpu: Option<Gpu>,
}

/// The tensors that stay on a GPU from step to step.
struct Gpu {
    control: Tensor<1>,
    x: Tensor<1>,
    y: Tensor<1>,
    ring: Tensor<1>,
    /// The steps whose losses in the ring have not been read.
    unread: std::ops::Range<u64>,
    recording: Recording,
}

enum Recording {
    /// Steps left until one is recorded: kernels must be compiled and memory taken before.
    After(u32),
    Recorded(BackendGraph<Dispatch>),
    Off,
}

/// Steps before the recorded one. Fusion settles on its kernels in the first, and the memory of the
/// following ones is what a recording finds again.
const WARM_UP: u32 = 4;

impl Stepper {
    /// A stepper for `model` on `device` (with autodiff); `record` allows CUDA graphs.
    pub fn new(
        model: PatchTst,
        adam: Adam,
        device: &Device,
        shape: BatchShape,
        seed: u64,
        record: bool,
    ) -> Result<Self> {
        let mut stepper = Self {
            model: Some(model),
            adam,
            device: device.clone(),
            shape,
            seed,
            clip_norm: 0.0,
            head_only: false,
            waiting: Vec::new(),
            gpu: None,
        };
        if !on_host(device) {
            let recording = if record { stepper.recording_to_come() } else { Recording::Off };
            stepper.settle(recording)?;
        }
        Ok(stepper)
    }

    /// A step is recorded after a few, if the device can: each recording is announced to it.
    fn recording_to_come(&self) -> Recording {
        match Dispatch::graph_prepare(self.plain().as_dispatch()) {
            Ok(_) => Recording::After(WARM_UP),
            Err(_) => Recording::Off,
        }
    }

    /// Clips each step's gradients to this norm (see [`clip`]); 0 never does.
    pub fn clip_norm(mut self, most: f64) -> Self {
        self.clip_norm = most;
        self
    }

    /// Replaces the weights. Before a recorded step runs again the tensors must be settled anew, as
    /// a change of what is trained does.
    pub fn set_weights(&mut self, weights: NamedTensors) -> Result<()> {
        self.model = Some(tensors::into_module(self.take_model()?, weights)?);
        Ok(())
    }

    /// Trains the head alone, or everything; the encoder's statistics follow the batches either way,
    /// as in the official code. With everything, the optimiser begins anew, as there. A recorded
    /// step is recorded again.
    pub fn train_head_only(&mut self, head_only: bool, fresh: Adam) -> Result<()> {
        if self.head_only == head_only {
            return Ok(());
        }
        self.head_only = head_only;
        if !head_only {
            self.adam = fresh;
        }
        match &self.gpu {
            None => Ok(()),
            Some(Gpu { recording: Recording::Off, .. }) => self.settle(Recording::Off),
            Some(_) => self.settle(self.recording_to_come()),
        }
    }

    /// Gives the model and the inputs memory that stays.
    fn settle(&mut self, recording: Recording) -> Result<()> {
        let plain = self.plain();
        let model = self.take_model()?.map(&mut Pack);
        self.adam.pack(&model);
        self.model = Some(model);
        let BatchShape { batch, context, horizon, channels, channels_out, .. } = self.shape;
        let zeros = |length| in_place::packed(Tensor::<1>::zeros([length], &plain));
        let unread = self.gpu.as_ref().map_or(0..0, |gpu| gpu.unread.clone());
        self.gpu = Some(Gpu {
            control: zeros(control::LENGTH),
            x: zeros(batch * context * channels),
            y: zeros(batch * horizon * channels_out),
            ring: zeros(RING),
            unread,
            recording,
        });
        plain.sync()?;
        Ok(())
    }

    /// One step on `x` `[batch, context, channels]` and `y` `[batch, horizon, channels out]`, the
    /// `index`-th of the run from 0. On a GPU nothing is waited for.
    pub fn step(&mut self, x: Vec<f32>, y: Vec<f32>, rate: StepRate, index: u64) -> Result<()> {
        let values = self.adam.advance(self.seed, index, rate);
        if self.gpu.is_some() {
            self.step_on_gpu(x, y, values, index)
        } else {
            self.step_on_host(x, y, values, rate)
        }
    }

    /// The losses of the steps since the last reading, in order. Waits for the device.
    pub fn read_losses(&mut self) -> Result<Vec<f32>> {
        if let Some(gpu) = &mut self.gpu {
            if gpu.unread.is_empty() {
                return Ok(Vec::new());
            }
            let ring = gpu.ring.to_data().try_into_vec::<f32>()?;
            let unread = std::mem::replace(&mut gpu.unread, 0..0);
            return Ok(unread.map(|step| ring[(step % RING as u64) as usize]).collect());
        }
        if self.waiting.is_empty() {
            return Ok(Vec::new());
        }
        Ok(Tensor::cat(std::mem::take(&mut self.waiting), 0).into_data().try_into_vec::<f32>()?)
    }

    /// The model as it stands.
    pub fn model(&self) -> Result<&PatchTst> {
        self.model.as_ref().context("the model was lost in a failed step")
    }

    pub fn adam(&self) -> &Adam {
        &self.adam
    }

    /// Whether steps are replayed from a recording.
    pub fn is_recorded(&self) -> bool {
        matches!(&self.gpu, Some(Gpu { recording: Recording::Recorded(_), .. }))
    }

    fn step_on_host(
        &mut self,
        x: Vec<f32>,
        y: Vec<f32>,
        control: [f32; control::LENGTH],
        rate: StepRate,
    ) -> Result<()> {
        let plain = self.plain();
        let flat = |values: Vec<f32>| {
            let length = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [length]), &plain)
        };
        let model = self.take_model()?;
        let pass = TrainingPass::new(flat(control.to_vec()));
        let loss = loss(&model, flat(x), flat(y), self.shape, &pass);
        let gradients = self.gradients(&loss, &model);
        self.model = Some(self.adam.step(model, gradients, rate));
        self.waiting.push(loss.without_autodiff());
        Ok(())
    }

    fn step_on_gpu(
        &mut self,
        x: Vec<f32>,
        y: Vec<f32>,
        control: [f32; control::LENGTH],
        index: u64,
    ) -> Result<()> {
        let plain = self.plain();
        let gpu = self.gpu.as_mut().context("a step on a GPU without one")?;
        let copy = |target: &Tensor<1>, values: Vec<f32>| {
            let length = values.len();
            in_place::overwrite(
                target,
                Tensor::from_data(TensorData::new(values, [length]), &plain),
            )
        };
        let tokens = [copy(&gpu.control, control.to_vec()), copy(&gpu.x, x), copy(&gpu.y, y)];
        plain.flush()?;
        drop(tokens);
        if gpu.unread.is_empty() {
            gpu.unread = index..index;
        }
        gpu.unread.end = index + 1;
        if gpu.unread.end - gpu.unread.start > RING as u64 {
            bail!(
                "{} losses wait to be read; the device keeps {RING}",
                gpu.unread.end - gpu.unread.start
            );
        }
        match &mut gpu.recording {
            Recording::Recorded(graph) => {
                // SAFETY: the tensors that the recording reads and writes are the ones of `gpu`, the
                // model and the moments, which live as long as `self` and are only replaced together
                // with the recording; everything runs on one stream.
                unsafe { Dispatch::graph_replay(plain.as_dispatch(), graph) }?;
                Ok(())
            }
            Recording::After(0) => self.record(),
            Recording::After(left) => {
                *left -= 1;
                self.compute()
            }
            Recording::Off => self.compute(),
        }
    }

    /// The step on the tensors that stay.
    fn compute(&mut self) -> Result<()> {
        let plain = self.plain();
        let model = self.model.as_ref().context("the model was lost in a failed step")?;
        let gpu = self.gpu.as_ref().context("a step on a GPU without one")?;
        let pass = TrainingPass::new(gpu.control.clone());
        let loss = loss(model, gpu.x.clone(), gpu.y.clone(), self.shape, &pass);
        let mut gradients = self.gradients(&loss, model);
        // Everything that reads the weights is submitted before they are written.
        plain.flush()?;
        let mut tokens = pass.into_tokens();
        tokens.extend(self.adam.step_in_place(model, &mut gradients, &gpu.control));
        tokens.push(in_place::record(&gpu.ring, loss.without_autodiff(), &gpu.control));
        plain.flush()?;
        Ok(())
    }

    /// Records the step and runs the recording. If that is refused, steps go on one kernel at a
    /// time, from the weights as they were.
    fn record(&mut self) -> Result<()> {
        let plain = self.plain();
        let weights = tensors::of_module(self.model()?);
        let moments = self.adam.record(self.model()?);
        // Losses in the ring would be lost with it.
        plain.sync()?;
        let recorded = Dispatch::graph_start_capture(plain.as_dispatch())
            .map_err(anyhow::Error::from)
            .and_then(|()| {
                let computed = self.compute();
                let graph = Dispatch::graph_stop_capture(plain.as_dispatch());
                computed.and(graph.map_err(anyhow::Error::from))
            });
        match recorded {
            Ok(graph) => {
                // SAFETY: as in `step_on_gpu`.
                unsafe { Dispatch::graph_replay(plain.as_dispatch(), &graph) }?;
                if let Some(gpu) = &mut self.gpu {
                    gpu.recording = Recording::Recorded(graph);
                }
                Ok(())
            }
            Err(error) => {
                eprintln!("steps are launched kernel by kernel: {error}");
                let (control, x, y, ring) = match &self.gpu {
                    Some(gpu) => (
                        gpu.control.to_data(),
                        gpu.x.to_data(),
                        gpu.y.to_data(),
                        gpu.ring.try_to_data().ok(),
                    ),
                    None => bail!("a step on a GPU without one"),
                };
                // A refused recording leaves what it would have written unusable.
                let steps = self.adam.steps();
                let model = tensors::into_module(self.take_model()?, weights)?;
                self.adam.restore(&model, &moments, steps, &self.device);
                self.model = Some(model);
                self.settle(Recording::Off)?;
                if let Some(gpu) = &self.gpu {
                    let copy =
                        |target, data| in_place::overwrite(target, Tensor::from_data(data, &plain));
                    let mut tokens =
                        vec![copy(&gpu.control, control), copy(&gpu.x, x), copy(&gpu.y, y)];
                    tokens.extend(ring.map(|ring| copy(&gpu.ring, ring)));
                    plain.flush()?;
                }
                self.compute()
            }
        }
    }

    fn gradients(&self, loss: &Tensor<1>, model: &PatchTst) -> GradientsParams {
        let mut gradients = GradientsParams::from_grads(loss.backward(), model);
        if self.head_only {
            let heads = std::iter::once(&model.network).chain(&model.trend);
            let mut left = GradientsParams::new();
            for network in heads {
                network.head.visit(&mut MoveGradients { from: &mut gradients, to: &mut left });
            }
            gradients = left;
        }
        if self.clip_norm > 0.0 {
            clip::clip(model, &mut gradients, self.clip_norm);
        }
        gradients
    }

    fn plain(&self) -> Device {
        self.device.clone().without_autodiff()
    }

    fn take_model(&mut self) -> Result<PatchTst> {
        self.model.take().context("the model was lost in a failed step")
    }
}

/// The task's loss on inputs as they lie in memory.
fn loss(
    model: &PatchTst,
    x: Tensor<1>,
    y: Tensor<1>,
    shape: BatchShape,
    pass: &TrainingPass,
) -> Tensor<1> {
    let (x, y) = shape.arranged(x, y);
    model.loss(x, y, shape.output, Some(pass))
}

/// Takes a module's gradients out of all.
struct MoveGradients<'a> {
    from: &'a mut GradientsParams,
    to: &'a mut GradientsParams,
}

impl ModuleVisitor for MoveGradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.from.remove::<D>(param.id) {
            self.to.register(param.id, gradient);
        }
    }
}

/// Copies every tensor of a module into memory without gaps.
struct Pack;

impl ModuleMapper for Pack {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            if !value.is_autodiff() {
                return in_place::packed(value);
            }
            let tracked = value.is_require_grad();
            Tensor::from_inner(in_place::packed(value.without_autodiff())).set_require_grad(tracked)
        })
    }
}
