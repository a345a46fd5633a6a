//! The training loop.
//!
//! A loop of its own rather than Burn's `Learner`: a run must stop in the middle of an epoch and go
//! on bit for bit, and no step may make the host wait for the device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use burn::module::Module;
use burn::tensor::Device;
use tilewright_datasets::Loader;

use crate::config::Config;
use crate::data::{Data, Part};
use crate::evaluate::Evaluation;
use crate::patchtst::PatchTst;
use crate::progress::Progress;
use crate::runtime::Runtime;
use crate::tensors::{self, NamedTensors};
use crate::train::batch::{BatchShape, compared};
use crate::train::checkpoint::{self, Checkpoint, DataFacts, Position};
use crate::train::early_stopping::EarlyStopping;
use crate::train::log::{Event, Log};
use crate::train::report::{EpochRow, Metrics, write_losses};
use crate::train::run_folder::RunFolder;
use crate::train::schedule::Schedule;
use crate::train::start::{first_model, fresh_adam, stepper};
use crate::train::step::Stepper;

/// How a call to [`Trainer::run`] ended.
#[derive(Debug)]
pub enum Outcome {
    Finished(Box<Metrics>),
    /// Asked to stop; the checkpoint holds everything.
    Interrupted,
}

/// Steps between two readings of the losses that wait on the device.
const READ_EVERY: usize = 50;

/// A run in progress.
pub struct Trainer {
    pub(super) config: Config,
    pub(super) data: Data,
    pub(super) loader: Loader,
    pub(super) folder: RunFolder,
    /// With autodiff.
    pub(super) device: Device,
    pub(super) device_name: String,
    pub(super) shape: BatchShape,
    /// What a person should know before the first epoch.
    pub(super) notes: Vec<String>,
    pub(super) stepper: Stepper,
    pub(super) schedule: Schedule,
    pub(super) position: Position,
    pub(super) best: Option<NamedTensors>,
    pub(super) facts: DataFacts,
    pub(super) log: Log,
    pub(super) started: Instant,
    pub(super) first_step_seconds: Option<f64>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) after_step: Option<Box<dyn FnMut(u64)>>,
}

impl Trainer {
    /// A new run, or with `resume` the one that `folder` holds.
    pub fn new(
        config: Config,
        folder: RunFolder,
        runtime: &Runtime,
        data: Data,
        resume: bool,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let started = Instant::now();
        let loader = data.train_loader(&config)?;
        let device = runtime.device.clone().autodiff();
        let mut adam = fresh_adam(&config);
        let facts = data.facts();
        let mut notes = Vec::new();
        let mut position = Position {
            epoch: 0,
            batch: 0,
            step: 0,
            loss_sum: 0.0,
            seconds: 0.0,
            data_seconds: 0.0,
            stopping: EarlyStopping::new(config.train.patience),
            rows: Vec::new(),
            finished: false,
            pruned: false,
        };
        let mut best = None;
        let model = if resume && folder.checkpoint().exists() {
            let saved = Checkpoint::read(&folder.checkpoint())?;
            if saved.facts != facts {
                bail!("{}: the data is not what the run was trained on", folder.path().display());
            }
            let model = saved.restore(&config, &mut adam, &device)?;
            best = saved.best();
            position = saved.position;
            position.stopping.set_patience(config.train.patience);
            if position.epoch < config.train.epochs && !position.stopping.stops() {
                position.finished = false;
            }
            model
        } else {
            let (model, fresh) = first_model(&config, data.channels(), &device)?;
            if !fresh.is_empty() {
                notes.push(format!("not in {}: {}", config.train.weights, fresh.join(", ")));
            }
            model
        };
        let mut log = Log::open(&folder.log())?;
        log.write(&Event::Start {
            step: position.step,
            device: &runtime.name,
            attention: config.model.attention.name(),
            precision: config.model.precision.name(),
            parameters: learned(&model),
        })?;
        let shape = BatchShape::of(&config, data.channels(), data.output());
        let stepper = stepper(model, adam, &device, shape, &config)?;
        Ok(Self {
            schedule: Schedule::new(&config.train, loader.batches()),
            device_name: runtime.name.clone(),
            stepper,
            first_step_seconds: None,
            after_step: None,
            shape,
            notes,
            config,
            data,
            loader,
            folder,
            device,
            position,
            best,
            facts,
            log,
            started,
            stop,
        })
    }

    /// Counts the time to the first step from `since`, when the process opened its device.
    pub fn started_at(mut self, since: Instant) -> Self {
        self.started = since;
        self
    }

    /// Calls `callback` with the number of steps done after each of them.
    pub fn after_step(mut self, callback: impl FnMut(u64) + 'static) -> Self {
        self.after_step = Some(Box::new(callback));
        self
    }

    /// Trains until the epochs or the patience are used up, or until asked to stop.
    pub fn run(mut self, progress: &mut Progress) -> Result<Outcome> {
        progress.resume(&self.position.rows, self.position.stopping.best_epoch());
        for note in std::mem::take(&mut self.notes) {
            progress.note(&note);
        }
        while !self.position.finished {
            self.prepare_epoch(progress)?;
            if !self.epoch(progress)? {
                self.save()?;
                self.log.write(&Event::Stop { step: self.position.step })?;
                return Ok(Outcome::Interrupted);
            }
        }
        let metrics = self.finish(progress)?;
        Ok(Outcome::Finished(Box::new(metrics)))
    }

    /// One epoch, from where it stands. False if asked to stop.
    fn epoch(&mut self, progress: &mut Progress) -> Result<bool> {
        let batches = self.loader.batches();
        progress.begin_epoch(
            self.position.epoch,
            self.config.train.epochs,
            self.position.batch,
            batches,
        );
        let mut epoch =
            self.loader.epoch(self.position.epoch as u64).skip_batches(self.position.batch);
        let mut unread = 0;
        let mut clock = Instant::now();
        let (mut waited, mut shown) = (0.0, None);
        while let Some(batch) = epoch.next() {
            let batch = batch?;
            let rate = self.schedule.at(self.position.step);
            let y = compared(&self.config, self.shape, batch.y, self.position.step);
            self.stepper.step(batch.x, y, rate, self.position.step)?;
            unread += 1;
            self.position.batch += 1;
            self.position.step += 1;
            if self.first_step_seconds.is_none() {
                // The only wait outside the readings: it makes the first step's time true.
                shown = Some(self.read_losses()?);
                self.first_step_seconds = Some(self.started.elapsed().as_secs_f64());
                unread = 0;
            } else if unread >= READ_EVERY {
                shown = Some(self.read_losses()?);
                unread = 0;
            }
            progress.step(self.position.batch, shown, rate.learning_rate);
            if let Some(callback) = &mut self.after_step {
                callback(self.position.step);
            }
            let stop = self.stop.load(Ordering::Relaxed);
            let every = self.config.train.checkpoint_steps as u64;
            let due = every > 0 && self.position.step.is_multiple_of(every);
            if stop || due {
                self.read_losses()?;
                unread = 0;
                self.position.seconds += clock.elapsed().as_secs_f64();
                clock = Instant::now();
                self.position.data_seconds += epoch.wait_seconds() - waited;
                waited = epoch.wait_seconds();
                if stop {
                    return Ok(false);
                }
                self.save()?;
            }
        }
        self.read_losses()?;
        self.position.seconds += clock.elapsed().as_secs_f64();
        self.position.data_seconds += epoch.wait_seconds() - waited;
        self.end_epoch(progress)?;
        Ok(true)
    }

    fn end_epoch(&mut self, progress: &mut Progress) -> Result<()> {
        let batches = self.loader.batches();
        let train = self.position.loss_sum / batches as f64;
        if !train.is_finite() {
            bail!(
                "the training loss of epoch {} is {train}; lower train.learning_rate, or look for values that are \
                 not finite in the data",
                self.position.epoch + 1
            );
        }
        let model = self.stepper.model()?.valid();
        let val = self.measure(&model, Part::Validation)?.complete.loss();
        let test = match self.config.train.test_each_epoch {
            true => Some(self.measure(&model, Part::Test)?.complete.loss()),
            false => None,
        };
        let row = EpochRow {
            epoch: self.position.epoch + 1,
            train,
            val,
            test,
            learning_rate: self.schedule.at(self.position.step.saturating_sub(1)).learning_rate,
            seconds: self.position.seconds,
            data_seconds: self.position.data_seconds,
        };
        let better = self.position.stopping.record(row.epoch, val);
        if better {
            self.best = Some(tensors::of_module(&model));
        }
        progress.end_epoch(&row, better);
        self.log.write(&Event::Epoch { row: &row, best: better })?;
        self.position.rows.push(row);
        self.position.epoch += 1;
        self.position.batch = 0;
        self.position.loss_sum = 0.0;
        self.position.seconds = 0.0;
        self.position.data_seconds = 0.0;
        self.position.finished =
            self.position.epoch >= self.config.train.epochs || self.position.stopping.stops();
        write_losses(&self.folder.losses(), &self.position.rows)?;
        self.save()
    }

    pub(super) fn measure(&self, model: &PatchTst, part: Part) -> Result<Evaluation> {
        let device = self.device.clone().without_autodiff();
        self.data.measure(model, part, &self.config, &device)
    }

    /// Adds the losses that wait to the epoch's sum and logs them; the mean of what was read. They are added one
    /// by one in double precision, so that it does not matter when they are read.
    pub(super) fn read_losses(&mut self) -> Result<f64> {
        let losses = self.stepper.read_losses()?;
        for loss in &losses {
            self.position.loss_sum += f64::from(*loss);
        }
        let sum: f64 = losses.iter().map(|loss| f64::from(*loss)).sum();
        let loss = sum / losses.len().max(1) as f64;
        if !losses.is_empty() {
            self.log.write(&Event::Losses {
                epoch: self.position.epoch + 1,
                batch: self.position.batch,
                step: self.position.step,
                loss,
                learning_rate: self.schedule.at(self.position.step.saturating_sub(1)).learning_rate,
            })?;
        }
        Ok(loss)
    }

    pub(super) fn save(&mut self) -> Result<()> {
        let (model, adam) = (self.stepper.model()?, self.stepper.adam());
        checkpoint::save(
            &self.folder.checkpoint(),
            model,
            adam,
            self.best.as_ref(),
            &self.position,
            &self.facts,
        )
    }
}

/// Learned numbers: running statistics are not among them.
pub fn learned(model: &PatchTst) -> usize {
    tensors::of_module(model)
        .iter()
        .filter(|(name, _)| !name.contains("running_"))
        .map(|(_, data)| data.num_elements())
        .sum()
}
