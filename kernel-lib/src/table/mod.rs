//! Tuning tables: which plan is fastest for which problem, measured by `autotune`.
//!
//! A table is a JSON file for one device, one line for each problem. [`lookup`] answers from the
//! tables in force: those named by the environment variable [`TABLE_VARIABLE`], then those built
//! in. Nothing here measures anything.

mod active;
mod error;
mod hash;
mod nearest;
mod schema;

pub use active::{TABLE_VARIABLE, embedded, lookup};
pub use error::{EntryFault, TableError};
pub use hash::{kernel_hash, kernel_sources};
pub use nearest::{MAX_DISTANCE, distance, lookup_in};
pub use schema::{Entry, Fingerprint, RunnerUp, SCHEMA, Table};

use crate::{Plan, Problem};

/// A plan, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The plan; it can run the problem on the device.
    pub plan: Plan,
    /// Where it comes from.
    pub source: Source,
}

/// Where a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// The problem was measured on such a device.
    Exact,
    /// A problem like it was.
    Nearest {
        /// The problem that was measured.
        problem: Problem,
        /// How unlike they are, in factors of two.
        distance: f64,
    },
    /// [`Plan::rule`]: nothing like it was measured.
    Rule,
}
