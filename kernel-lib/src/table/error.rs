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
        "{} has schema {found}, and this version reads schema {expected}: measure it again with `autotune run`",
        path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The schema that this version reads.
        expected: u32,
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
