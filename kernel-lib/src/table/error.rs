use std::path::PathBuf;

use crate::PlanRefusal;

/// Why a tuning table could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be read.
    #[error("cannot read the tuning table {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The file is not a tuning table, or only part of one.
    #[error("{}:{line}:{column}: not a tuning table: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What was found, and what was expected.
        message: String,
    },
    /// The table has another format.
    #[error(
        "{} has schema {found}, and this version reads schema {expected}: {}",
        path.display(),
        match found < expected {
            true => "measure it again with `autotune run`",
            false => "it needs a newer version, or measure it again with `autotune run`",
        }
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The schema that this version reads.
        expected: u32,
    },
    /// The device in its head cannot be.
    #[error("{}: the table's device: {fault}", path.display())]
    Device {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: EntryFault,
    },
    /// An entry cannot be used.
    #[error("{}: the entry for `{problem}` {fault}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The problem of the entry.
        problem: String,
        /// What is wrong.
        fault: EntryFault,
    },
    /// The file cannot be written.
    #[error("cannot write the tuning table {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
}

/// What is wrong with an entry of a tuning table.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// There are two entries for the problem.
    #[error("occurs twice")]
    Twice,
    /// A time is not a positive number.
    #[error("says that a call takes {0} ns")]
    Time(f64),
    /// A size is none.
    #[error("has {name} = {given}; it must be {least} to {most}")]
    Size {
        /// Which.
        name: &'static str,
        /// What it is.
        given: usize,
        /// What it is at least.
        least: usize,
        /// What it is at most.
        most: usize,
    },
    /// Query heads are no multiple of key heads.
    #[error(
        "has {heads} heads and {kv_heads} kv_heads; the first must be a multiple of the second"
    )]
    Heads {
        /// Query heads.
        heads: usize,
        /// Key heads.
        kv_heads: usize,
    },
    /// No device holds tensors of this size.
    #[error("has tensors that no memory holds")]
    Tensor,
    /// A fraction is no number from 0 on.
    #[error("says that a fraction of {0} of the roofline is reached")]
    Fraction(f64),
    /// The median lies outside its interval.
    #[error("has the median {median} ns outside its interval, {} to {} ns", interval[0], interval[1])]
    Interval {
        /// The median.
        median: f64,
        /// The interval.
        interval: [f64; 2],
    },
    /// A runner-up is faster than who is before it.
    #[error("has a runner-up of {nanoseconds} ns after one of {before} ns")]
    Order {
        /// The runner-up's time.
        nanoseconds: f64,
        /// The time before.
        before: f64,
    },
    /// Two of the plans are one.
    #[error("names the plan `{plan}` twice")]
    PlanTwice {
        /// The plan.
        plan: String,
    },
    /// The plan cannot run on the table's own device.
    #[error("has the plan `{plan}`, which cannot run on the table's device: {reason}")]
    Plan {
        /// The plan.
        plan: String,
        /// Why it cannot run.
        reason: PlanRefusal,
    },
}

impl TableError {
    pub(super) fn parse(path: PathBuf, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        // The place is stated in front.
        let mut message = error.to_string();
        if let Some(end) = message.rfind(" at line ") {
            message.truncate(end);
        }
        TableError::Parse { path, line, column, message }
    }
}
