//! The training loop.
//!
//! A loop of its own rather than Burn's `Learner`: a run must stop in the middle of an epoch and go
//! on bit for bit, and no step may make the host wait for the device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::Device;
use tilewright_datasets::Loader;

use crate::config::{Config, Task};
use crate::data::Data;
use crate::evaluate::{Evaluation, evaluate, naive};
use crate::forecast;
use crate::heads;
use crate::patchtst::PatchTst;
use crate::plot;
use crate::progress::Progress;
use crate::runtime::Runtime;
use crate::tensors::{self, NamedTensors};
use crate::train::adam::Adam;
use crate::train::batch::{BatchShape, compared};
use crate::train::checkpoint::{self, Checkpoint, DataFacts, Position};
use crate::train::early_stopping::EarlyStopping;
use crate::train::log::{Event, Log};
use crate::train::pruning;
use crate::train::report::{EpochRow, Metrics, WindowCounts, write_losses};
use crate::train::run_folder::RunFolder;
use crate::train::schedule::Schedule;
use crate::train::step::Stepper;
use crate::weights::start_from;

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
    config: Config,
    data: Data,
    loader: Loader,
    folder: RunFolder,
    /// With autodiff.
    device: Device,
    device_name: String,
    shape: BatchShape,
    /// What a person should know before the first epoch.
    notes: Vec<String>,
    stepper: Stepper,
    schedule: Schedule,
    position: Position,
    best: Option<NamedTensors>,
    facts: DataFacts,
    log: Log,
    started: Instant,
    first_step_seconds: Option<f64>,
    stop: Arc<AtomicBool>,
    after_step: Option<Box<dyn FnMut(u64)>>,
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
        let facts = DataFacts {
            inputs: data.forecast.inputs.clone(),
            outputs: data.forecast.outputs.clone(),
            scaler: data.forecast.scaler.clone(),
            output: data.output,
        };
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
            if saved.facts.inputs != facts.inputs || saved.facts.scaler != facts.scaler {
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
            parameters: learned(&model),
        })?;
        let shape = BatchShape::of(&config, loader.windows(), data.output);
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

    /// What changes between epochs: which parameters are trained, and which heads there are.
    fn prepare_epoch(&mut self, progress: &mut Progress) -> Result<()> {
        let (epoch, train) = (self.position.epoch, &self.config.train);
        let head_only = epoch < train.freeze_epochs;
        // A checkpoint of a later epoch holds the optimiser of that phase: only at the boundary
        // does it begin anew.
        if self.position.batch == 0 && epoch == train.freeze_epochs && epoch > 0 {
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
            progress.step(self.position.batch, shown);
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
        let val = self.measure(&model, Part::Validation)?.complete.mse;
        let test = match self.config.train.test_each_epoch {
            true => Some(self.measure(&model, Part::Test)?.complete.mse),
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

    fn finish(&mut self, progress: &mut Progress) -> Result<Metrics> {
        progress.note("measuring the best epoch on the test part");
        let fresh = self.stepper.model()?.valid();
        let parameters = learned(&fresh);
        let model = match self.best.take() {
            Some(best) => tensors::into_module(fresh, best)?,
            None => fresh,
        };
        let test = self.measure(&model, Part::Test)?;
        let val = self.measure(&model, Part::Validation)?;
        let parts = &self.data.forecast;
        let (epoch_seconds, data_seconds, compute_seconds) = Metrics::seconds(&self.position.rows);
        let metrics = Metrics {
            dataset: self.config.data.dataset.clone(),
            horizon: self.config.model.horizon,
            test: test.complete,
            test_drop_last: test.drop_last,
            val: val.complete,
            naive: (self.config.model.task == Task::Forecast)
                .then(|| naive(&parts.test, self.data.output, self.data.period)),
            epoch_seconds,
            data_seconds,
            compute_seconds,
            epochs: self.position.rows.len(),
            best_epoch: self.position.stopping.best_epoch(),
            stopped_early: self.position.epoch < self.config.train.epochs,
            steps: self.position.step,
            time_to_first_step_seconds: self.first_step_seconds.unwrap_or_default(),
            device: self.device_name.clone(),
            attention: self.config.model.attention.name().to_string(),
            parameters,
            windows: WindowCounts {
                train: parts.train.len(),
                val: parts.validation.len(),
                test: parts.test.len(),
            },
            seed: self.config.train.seed,
            version: env!("CARGO_PKG_VERSION").to_string(),
        };
        metrics.write(&self.folder.metrics())?;
        self.log.write(&Event::Finish {
            step: metrics.steps,
            best_epoch: metrics.best_epoch,
            test: metrics.test,
            test_drop_last: metrics.test_drop_last,
            val: metrics.val,
        })?;
        let device = self.device.clone().without_autodiff();
        if self.config.model.task == Task::Forecast {
            let shown = forecast::of_test_window(&model, &self.data, &device)?;
            plot::save_both(&shown, &self.folder.plot())?;
        }
        if let Some(losses) = plot::losses(&self.position.rows) {
            plot::save_both(&losses, &self.folder.loss_plot())?;
        }
        Ok(metrics)
    }

    fn measure(&self, model: &PatchTst, part: Part) -> Result<Evaluation> {
        let windows = match part {
            Part::Validation => &self.data.forecast.validation,
            Part::Test => &self.data.forecast.test,
        };
        let device = self.device.clone().without_autodiff();
        evaluate(model, windows, self.data.output, &self.config, &device)
    }

    /// Adds the losses that wait to the epoch's sum and logs them; the mean of what was read. They are added one
    /// by one in double precision, so that it does not matter when they are read.
    fn read_losses(&mut self) -> Result<f64> {
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

    fn save(&mut self) -> Result<()> {
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
            let start = start_from(model, channels, std::path::Path::new(path))
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

fn fresh_adam(config: &Config) -> Adam {
    Adam::new(config.train.beta2, config.train.epsilon)
}

fn stepper(
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

enum Part {
    Validation,
    Test,
}

/// Learned numbers: running statistics are not among them.
pub fn learned(model: &PatchTst) -> usize {
    tensors::of_module(model)
        .iter()
        .filter(|(name, _)| !name.contains("running_"))
        .map(|(_, data)| data.num_elements())
        .sum()
}
