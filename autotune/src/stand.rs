//! Where the plans of one problem are measured and judged.

use std::collections::HashMap;

use tilewright::conformance::PlanGate;
use tilewright::{Plan, Problem};

use crate::grid::Task;
use crate::timing::{Timer, TimingError};
use crate::workload::{MemoryOrder, Workload};

/// Why a plan gives no time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// This plan does not run; others may.
    #[error("{0}")]
    Plan(String),
    /// This plan took the device with it; the process needs a new one.
    #[error("{0}; the device is lost: run again to go on without this plan")]
    Lost(String),
    /// What was measured could not be written down: nothing more can be done.
    #[error("{0}")]
    Fatal(String),
}

impl From<TimingError> for Fault {
    fn from(error: TimingError) -> Self {
        Fault::Plan(error.to_string())
    }
}

/// Where the plans of one problem are measured and judged. Searches see nothing else of a device, so
/// that they can be tried out without one, and so that a journal can stand in front of it.
pub trait Stand {
    /// Compiles a plan and takes this many first times of a call, in nanoseconds.
    ///
    /// # Errors
    ///
    /// It does not run.
    fn look(&mut self, plan: &Plan, times: usize) -> Result<Vec<f64>, Fault>;

    /// One more time of a call, in nanoseconds. The plan was looked at before.
    ///
    /// # Errors
    ///
    /// It no longer runs.
    fn sample(&mut self, plan: &Plan) -> Result<f64, Fault>;

    /// Compares a plan's results with the oracle: `None` if they are right, else what is wrong.
    ///
    /// # Errors
    ///
    /// Nothing could be found out.
    fn judge(&mut self, plan: &Plan) -> Result<Option<String>, Fault>;
}

/// A device.
pub struct DeviceStand<'a> {
    timer: &'a Timer,
    task: &'a Task,
    seed: u64,
    /// Made when they are needed first: a problem that a journal knows needs neither.
    workload: Option<Workload>,
    gate: Option<PlanGate>,
    /// Calls in a window of each plan that was looked at.
    calls: HashMap<Plan, usize>,
}

impl<'a> DeviceStand<'a> {
    /// A stand for a problem. Nothing is allocated yet.
    pub fn new(timer: &'a Timer, task: &'a Task, seed: u64) -> Self {
        Self { timer, task, seed, workload: None, gate: None, calls: HashMap::new() }
    }

    fn workload(&mut self) -> Result<&Workload, Fault> {
        if self.workload.is_none() {
            let Task { problem, variant, .. } = self.task;
            let client = self.timer.client();
            // As models lay tensors out; what is best for a head's rows alone is not for theirs.
            let made = Workload::new(client, *problem, variant, MemoryOrder::Bshd, self.seed);
            self.workload = Some(made.map_err(|error| Fault::Plan(error.to_string()))?);
        }
        self.workload.as_ref().ok_or_else(|| Fault::Fatal("no tensors".to_owned()))
    }

    /// Compiles, and finds how many calls make a window.
    fn prepare(&mut self, plan: &Plan) -> Result<usize, Fault> {
        if let Some(calls) = self.calls.get(plan) {
            return Ok(*calls);
        }
        let timer = self.timer;
        let workload = self.workload()?;
        workload.probe(Some(*plan)).map_err(|error| Fault::Plan(error.to_string()))?;
        let call = |nth| workload.call(nth, Some(*plan));
        // The first window still learns how long the host takes to queue a call.
        timer.window(1, call)?;
        let calls = timer.calls_for(timer.window(1, call)?);
        self.calls.insert(*plan, calls);
        Ok(calls)
    }
}

impl DeviceStand<'_> {
    /// A plan that does not run may leave the device unable to run anything.
    fn alive(&self, fault: Fault) -> Fault {
        let client = self.timer.client();
        let echo = client.read_one(client.create_from_slice(&[1; 16]));
        match fault {
            Fault::Plan(why) if echo.is_err() => Fault::Lost(why),
            other => other,
        }
    }
}

impl Stand for DeviceStand<'_> {
    fn look(&mut self, plan: &Plan, times: usize) -> Result<Vec<f64>, Fault> {
        let look = self.prepare(plan).and_then(|_| (0..times).map(|_| self.sample(plan)).collect());
        look.map_err(|fault| self.alive(fault))
    }

    fn sample(&mut self, plan: &Plan) -> Result<f64, Fault> {
        let calls = self.prepare(plan)?;
        let timer = self.timer;
        let workload = self.workload()?;
        Ok(timer.window(calls, |nth| workload.call(nth, Some(*plan)))?)
    }

    fn judge(&mut self, plan: &Plan) -> Result<Option<String>, Fault> {
        if self.gate.is_none() {
            let task = self.task;
            let variant = |problem: &Problem| task.variant_for(problem);
            let gate = PlanGate::new(self.timer.client(), &task.problem, variant)
                .map_err(|error| Fault::Plan(error.to_string()))?;
            self.gate = Some(gate);
        }
        let gate = self.gate.as_ref().ok_or_else(|| Fault::Fatal("no oracle".to_owned()))?;
        Ok(gate.judge(plan).err())
    }
}
