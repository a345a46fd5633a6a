//! The end of a run: the best epoch on the test part, its metrics and pictures.

use anyhow::Result;
use burn::module::Module;

use super::log::Event;
use super::report::Metrics;
use super::training_loop::{Trainer, learned};
use crate::config::Task;
use crate::data::{Data, Part, SeriesData};
use crate::evaluate::naive;
use crate::progress::Progress;
use crate::{forecast, plot, tensors};

impl Trainer {
    pub(super) fn finish(&mut self, progress: &mut Progress) -> Result<Metrics> {
        progress.note("measuring the best epoch on the test part");
        let fresh = self.stepper.model()?.valid();
        let parameters = learned(&fresh);
        let model = match self.best.take() {
            Some(best) => tensors::into_module(fresh, best)?,
            None => fresh,
        };
        let test = self.measure(&model, Part::Test)?;
        let val = self.measure(&model, Part::Validation)?;
        let (epoch_seconds, data_seconds, compute_seconds) = Metrics::seconds(&self.position.rows);
        let metrics = Metrics {
            dataset: self.config.data_name(),
            horizon: self.horizon(),
            test: test.complete,
            test_drop_last: test.drop_last,
            val: val.complete,
            naive: self
                .forecast_data()
                .map(|data| naive(&data.forecast.test, data.output, data.period)),
            same_for_all: match &self.data {
                Data::Cases(data) => Some(data.baseline()),
                Data::Series(_) => None,
            },
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
            precision: self.config.model.precision,
            parameters,
            windows: self.data.counts(),
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
        if let Some(data) = self.forecast_data() {
            let shown = forecast::of_test_window(&model, data, &device)?;
            plot::save_both(&shown, &self.folder.plot())?;
        }
        let loss = self.config.model.task.validation_loss();
        if let Some(losses) = plot::losses(&self.position.rows, loss) {
            plot::save_both(&losses, &self.folder.loss_plot())?;
        }
        Ok(metrics)
    }

    /// The series, if it is what is forecast.
    fn forecast_data(&self) -> Option<&SeriesData> {
        match &self.data {
            Data::Series(data) if self.config.model.task == Task::Forecast => Some(data),
            _ => None,
        }
    }

    fn horizon(&self) -> usize {
        if self.config.model.task.is_labelled() { 0 } else { self.config.model.horizon }
    }
}
