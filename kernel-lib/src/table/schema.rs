//! What a table says.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Fingerprint;
use crate::{Plan, Problem};

/// The version of the format that this library reads and writes.
pub const SCHEMA: u32 = 2;

/// Plans beside the fastest that an entry names, at most.
pub const RUNNERS_UP: usize = 5;

/// Plans whose times differ by no more than this part are equally fast.
pub const TIE: f64 = 0.02;

/// How thoroughly a table was measured.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// The plans that are likely to be fast, within minutes.
    Quick,
    /// Every plan but those of algorithms and lowerings that are slow at first sight.
    #[default]
    Normal,
    /// Every plan that can run.
    Full,
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effort::Quick => "quick",
            Effort::Normal => "normal",
            Effort::Full => "full",
        })
    }
}

impl FromStr for Effort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "quick" => Ok(Effort::Quick),
            "normal" => Ok(Effort::Normal),
            "full" => Ok(Effort::Full),
            _ => Err(format!("`{text}` is no effort; use quick, normal or full")),
        }
    }
}

/// A plan and its time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// The plan.
    pub plan: Plan,
    /// Median time of one call on the device.
    pub nanoseconds: f64,
}

/// The fastest plan measured for one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was run.
    pub problem: Problem,
    /// How it ran fastest.
    pub plan: Plan,
    /// Median time of one call on the device.
    pub nanoseconds: f64,
    /// Where that median lies with 95% confidence.
    pub interval: [f64; 2],
    /// The time of [`Plan::rule`]'s plan, if it was measured to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_nanoseconds: Option<f64>,
    /// The time that the device needs at least, by its memory's bandwidth and its arithmetic,
    /// divided by the time taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roofline_fraction: Option<f64>,
    /// Plans that were measured.
    pub tried: usize,
    /// Plans of the space that were not, as they cannot run or gave no hope.
    pub pruned: usize,
    /// The next-fastest plans, the fastest first; their results are right too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runners_up: Vec<Timed>,
}

impl Entry {
    /// The plan and the runners-up, the fastest first.
    pub fn contenders(&self) -> impl Iterator<Item = Timed> {
        let Entry { plan, nanoseconds, .. } = *self;
        core::iter::once(Timed { plan, nanoseconds }).chain(self.runners_up.iter().copied())
    }

    /// How many times as fast as the rule's plan the entry's is.
    pub fn speedup_over_rule(&self) -> Option<f64> {
        self.rule_nanoseconds.map(|rule| rule / self.nanoseconds)
    }
}

/// A tuning table: the fastest plans that were measured on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// [`SCHEMA`] at the time of writing.
    pub schema: u32,
    /// The device measured on.
    pub device: Fingerprint,
    /// Version of this library.
    pub library: String,
    /// [`kernel_hash`](super::kernel_hash) of the kernels measured.
    pub kernels: String,
    /// When, as in `2026-11-20T14:03:00Z`.
    pub date: String,
    /// How thoroughly.
    pub effort: Effort,
    /// The command line that made the table.
    pub command: String,
    /// By how much a reference kernel changed its time while the table was measured, as a part of
    /// its first time; the largest such change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<f64>,
    /// One entry for each problem, in the order of problems.
    pub entries: Vec<Entry>,
}

impl Table {
    /// A table without entries, for measurements with this build of the library.
    pub fn new(device: Fingerprint, date: String, effort: Effort, command: String) -> Self {
        Self {
            schema: SCHEMA,
            device,
            library: env!("CARGO_PKG_VERSION").to_owned(),
            kernels: super::kernel_hash().to_owned(),
            date,
            effort,
            command,
            drift: None,
            entries: Vec::new(),
        }
    }

    /// The entry for a problem.
    pub fn get(&self, problem: &Problem) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|entry| entry.problem.cmp(problem));
        place.ok().map(|i| &self.entries[i])
    }

    /// Adds an entry, in place of one for the same problem.
    pub fn insert(&mut self, entry: Entry) {
        match self.entries.binary_search_by(|e| e.problem.cmp(&entry.problem)) {
            Ok(i) => self.entries[i] = entry,
            Err(i) => self.entries.insert(i, entry),
        }
    }

    /// Whether it was measured with the kernels of this build. Its plans are valid either way;
    /// they may no longer be the fastest.
    pub fn is_current(&self) -> bool {
        self.kernels == super::kernel_hash()
    }
}
