//! Tuning tables: which plan is fastest for which problem, measured by `autotune`.
//!
//! A table is a JSON file for one device, one line for each problem. [`lookup`] answers from the
//! tables in force: those given to [`use_tables`] or named by the environment variable
//! [`TABLE_VARIABLE`], then those built in. Nothing here measures anything.
//!
//! An answer says what it rests on. A plan is [`Measured`](Source::Measured) only for the very
//! problem, device and kernels that were measured; everything else is
//! [`Estimated`](Source::Estimated), with what it was estimated from, or the
//! [`Rule`](Source::Rule)'s.

mod active;
mod driver;
mod error;
mod file;
mod fingerprint;
mod hash;
mod interpolate;
mod memory;
mod schema;

use core::fmt;

pub use active::{TABLE_VARIABLE, embedded, in_force, lookup, use_tables};
pub use error::{EntryFault, TableError};
pub use fingerprint::{Fingerprint, Standing, UNKNOWN};
pub use hash::{kernel_hash, kernel_sources};
pub use interpolate::{MAX_DISTANCE, distance, lookup_in, nearest};
pub use schema::{Effort, Entry, RUNNERS_UP, SCHEMA, TIE, Table, Timed};

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
    /// This problem was measured, on this device and with these kernels.
    Measured,
    /// Measurements say so, but not of this very problem, device and kernels.
    Estimated(Estimate),
    /// [`Plan::rule`]: nothing like it was measured.
    Rule,
}

/// What an estimated plan rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The problem that was measured and is most like it.
    pub nearest: Problem,
    /// How unlike they are, in factors of two; 0 for the same.
    pub distance: f64,
    /// How many measured problems had a say.
    pub neighbours: usize,
    /// How many times the time of the best plan is expected; 1 is the best.
    pub slowdown: f64,
    /// What the table's measurements are worth here.
    pub trust: Trust,
}

/// What a table's measurements are worth on a device, with the kernels of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// They were taken with these kernels on such a device.
    Full,
    /// The kernels have changed since.
    OtherKernels,
    /// They were taken on another device of the kind.
    OtherDevice,
}

impl Source {
    /// `measured`, `estimated` or `rule`.
    pub fn name(&self) -> &'static str {
        match self {
            Source::Measured => "measured",
            Source::Estimated(_) => "estimated",
            Source::Rule => "rule",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { nearest, distance, neighbours, slowdown, trust } = match self {
            Source::Measured => return write!(f, "measured"),
            Source::Rule => return write!(f, "the rule, nothing like it was measured"),
            Source::Estimated(estimate) => estimate,
        };
        write!(f, "estimated")?;
        match distance {
            0.0 => write!(f, ", the problem was measured")?,
            _ => {
                let others = neighbours.saturating_sub(1);
                write!(f, " to take {slowdown:.2} times the best's time, from {nearest}")?;
                write!(f, ", {distance:.2} away, and {others} more")?;
            }
        }
        match trust {
            Trust::Full => Ok(()),
            Trust::OtherKernels => write!(f, ", with other kernels than these"),
            Trust::OtherDevice => write!(f, ", on another device of the kind"),
        }
    }
}
