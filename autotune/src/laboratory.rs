//! What a run needs of a device, and the devices that there are.

use std::path::Path;

use anyhow::{Context as _, Result};
use cubecl::client::Client;
use tilewright::table::Fingerprint;
use tilewright::{DType, Device, Pass, Plan, Problem};

use crate::grid::Task;
use crate::roofline::Roofline;
use crate::stand::{DeviceStand, Stand};
use crate::statistics::median;
use crate::timing::{Timer, TimingError};
use crate::workload::{MemoryOrder, Workload};

/// What a run needs of a device. Runs see nothing else of it, so that they can be tried out without
/// one.
pub trait Laboratory {
    /// The device.
    fn fingerprint(&self) -> &Fingerprint;

    /// What the device reaches, in words.
    fn description(&self) -> String;

    /// Whether a problem's tensors fit into memory.
    ///
    /// # Errors
    ///
    /// What they need and what there is, in words.
    fn fits(&self, problem: &Problem) -> Result<(), String>;

    /// Where the plans of a task are measured; tensors are made when they are needed.
    fn stand<'a>(&'a self, task: &'a Task, seed: u64) -> Box<dyn Stand + 'a>;

    /// The time of a reference kernel, now, in nanoseconds.
    ///
    /// # Errors
    ///
    /// The device fails.
    fn reference(&self) -> Result<f64>;

    /// The part of the roofline that a problem's time reaches.
    fn fraction(&self, problem: &Problem, nanoseconds: f64) -> Option<f64>;
}

/// A device.
pub struct DeviceLaboratory {
    timer: Timer,
    fingerprint: Fingerprint,
    roofline: Roofline,
    reference: Reference,
}

impl DeviceLaboratory {
    /// Measures what the device reaches. Processes that share the device name the same file, by
    /// which they take turns (see [`Timer::in_turns`]).
    ///
    /// # Errors
    ///
    /// The device fails, or takes no time stamps; the file cannot be made.
    pub fn new(client: &Client, turns: Option<&Path>) -> Result<Self> {
        let timer = Timer::new(client);
        let timer = match turns {
            None => timer,
            Some(file) => timer
                .in_turns(file)
                .with_context(|| format!("cannot take turns by {}", file.display()))?,
        };
        let fingerprint = Fingerprint::of(client);
        let roofline =
            Roofline::measure(&timer, &fingerprint).context("measuring what the device reaches")?;
        let reference = Reference::new(&timer).context("measuring the reference kernel")?;
        Ok(Self { timer, fingerprint, roofline, reference })
    }
}

impl Laboratory for DeviceLaboratory {
    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    fn description(&self) -> String {
        let Roofline { bytes_per_second, plain_flops, .. } = self.roofline;
        format!(
            "a copy reaches {:.1} GB/s, plain units {:.2} TFLOP/s",
            bytes_per_second / 1e9,
            plain_flops / 1e12
        )
    }

    fn fits(&self, problem: &Problem) -> Result<(), String> {
        fits(problem, &self.timer)
    }

    fn stand<'a>(&'a self, task: &'a Task, seed: u64) -> Box<dyn Stand + 'a> {
        Box::new(DeviceStand::new(&self.timer, task, seed))
    }

    fn reference(&self) -> Result<f64> {
        self.reference.time(&self.timer).context("the device no longer runs its reference kernel")
    }

    fn fraction(&self, problem: &Problem, nanoseconds: f64) -> Option<f64> {
        self.roofline.fraction(problem, nanoseconds)
    }
}

/// Whether a problem's tensors fit a device's memory.
///
/// # Errors
///
/// What they need and what there is, in words.
pub fn fits(problem: &Problem, timer: &Timer) -> Result<(), String> {
    let memory = timer.client().properties().memory.max_memory().unwrap_or(u64::MAX) as usize;
    let needed = Workload::bytes(problem);
    let gib = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
    match needed <= memory / 10 * 8 {
        true => Ok(()),
        false => Err(format!(
            "its tensors need {:.1} GiB, and the device has {:.1}",
            gib(needed),
            gib(memory)
        )),
    }
}

/// Times of the reference kernel on each occasion.
const TIMES: usize = 7;

/// A kernel whose time tells whether the device is as fast as it was.
struct Reference {
    workload: Workload,
    plan: Plan,
    calls: usize,
}

impl Reference {
    fn new(timer: &Timer) -> Result<Self, TimingError> {
        let client = timer.client();
        let device = Device::of(client);
        let batch = if device.is_cpu() { 4 } else { 512 };
        let task =
            Task::plain(Problem::self_attention(Pass::Forward, DType::F32, [batch, 4, 64, 16]));
        let plan = Plan::rule(&task.problem, &device);
        let workload = Workload::new(client, task.problem, &task.variant, MemoryOrder::Bhsd, 0)?;
        workload.probe(Some(plan))?;
        let call = |nth| workload.call(nth, Some(plan));
        // The first window still learns how long the host takes to queue a call.
        timer.window(1, call)?;
        let calls = timer.calls_for(timer.window(1, call)?);
        Ok(Self { workload, plan, calls })
    }

    fn time(&self, timer: &Timer) -> Result<f64, TimingError> {
        let call = |nth| self.workload.call(nth, Some(self.plan));
        let times: Result<Vec<f64>, TimingError> =
            (0..TIMES).map(|_| timer.window(self.calls, call)).collect();
        median(&times?).ok_or(TimingError::Nothing)
    }
}
