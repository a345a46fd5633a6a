//! Does this device compute attention right? Every variant, layout, element type, shape and way
//! of running, forward and all gradients, against the `f64` [reference](crate::reference).
//!
//! The suite is a library, so that the same cases run in the tests on a CPU and, carried inside a
//! benchmark binary, on a GPU; a variant of your own is found through the registry and run too.
//! How close is close enough is stated in full in the source of `tolerance`: `f32` within 1e-5 of
//! the largest magnitude of a tensor, `f16` and `bf16` within twice the error of PyTorch's math
//! back end plus one unit in the last place. Every case runs twice and must give the same bits.
//!
//! ```no_run
//! use tilewright::conformance::{Level, Options, run};
//!
//! let (client, _) = tilewright::open_device("auto")?;
//! let report = run(&client, &Options::new(Level::Quick), |_| {});
//! println!("{report}");
//! assert!(report.is_success());
//! # Ok::<(), tilewright::DeviceError>(())
//! ```

mod case;
mod check;
mod math_backend;
mod plan_gate;
mod report;
mod selection;
mod special;
mod tables;
mod tensor_cores;
pub(crate) mod tensors;
pub(crate) mod tolerance;

use core::fmt;
use core::str::FromStr;
use std::time::Instant;

use cubecl::client::Client;
use serde::Serialize;

pub use case::{Case, Layout, PlanPick, Size};
pub use plan_gate::PlanGate;
pub use report::{Failure, Report, Row};

use crate::device::Device;

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every pair of choices once: minutes on a CPU.
    Quick,
    /// Several times as much, and every plan that the device can run.
    Full,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Quick => "quick",
            Level::Full => "full",
        })
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "quick" => Ok(Level::Quick),
            "full" => Ok(Level::Full),
            _ => Err(format!("`{text}` is no level; use quick or full")),
        }
    }
}

/// What to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How much.
    pub level: Level,
    /// Only cases and special checks whose description contains this.
    pub filter: Option<String>,
    /// Only this part of the cases, the first of how many: a way to share them out.
    pub part: (usize, usize),
    /// Whether the special checks run: errors, infinities, empty tensors.
    pub special: bool,
}

impl Options {
    /// Everything of a level.
    pub fn new(level: Level) -> Self {
        Self { level, filter: None, part: (0, 1), special: true }
    }
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Cases and special checks done.
    pub done: usize,
    /// Cases and special checks in all.
    pub total: usize,
    /// Failures so far.
    pub failed: usize,
    /// What runs next.
    pub next: String,
}

/// The cases that a run with these options would check.
pub fn cases(options: &Options, device: &Device) -> Vec<Case> {
    let (part, parts) = options.part;
    selection::cases(options.level, device)
        .into_iter()
        .filter(|case| {
            options.filter.as_ref().is_none_or(|filter| case.to_string().contains(filter))
        })
        .enumerate()
        .filter(|(i, _)| i % parts.max(1) == part)
        .map(|(_, case)| case)
        .collect()
}

/// Checks one case.
///
/// # Errors
///
/// What is wrong, in words.
pub fn check_case(client: &Client, case: &Case) -> Result<(), String> {
    match check::check(client, case) {
        Ok(outcome) => outcome.failure.map_or(Ok(()), Err),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs the suite. `progress` is called before each case.
pub fn run(client: &Client, options: &Options, mut progress: impl FnMut(&Progress)) -> Report {
    let started = Instant::now();
    let device = Device::of(client);
    let cases = cases(options, &device);
    let special: Vec<_> = special::CHECKS
        .iter()
        .filter(|_| options.special)
        .filter(|(name, _)| options.filter.as_ref().is_none_or(|filter| name.contains(filter)))
        .collect();
    let total = cases.len() + special.len();
    let mut report = Report::new(client.properties().identity.name.clone(), options.level);
    for (done, case) in cases.iter().enumerate() {
        let failed = report.failures.len();
        progress(&Progress { done, total, failed, next: case.to_string() });
        let outcome = check::check(client, case).map_err(|error| error.to_string());
        report.add(case, outcome);
    }
    for (i, (name, check)) in special.into_iter().enumerate() {
        let failed = report.failures.len();
        progress(&Progress { done: cases.len() + i, total, failed, next: (*name).to_owned() });
        report.add_special(name, check(client));
    }
    report.finish(started.elapsed().as_secs_f64());
    report
}
