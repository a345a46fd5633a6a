//! How a table is written and how it is read.
//!
//! Nothing in a file is believed: whatever a hand, a full disk or another version left there is
//! either a table whose every plan can run, or an error.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{EntryFault, TableError};
use super::schema::{RUNNERS_UP, TIE};
use super::{Effort, Entry, Fingerprint, SCHEMA, Table, Timed};
use crate::device::Device;
use crate::{MAX_HEAD_DIM, Plan, Problem};

/// Longer sequences, larger batches and larger tiles are typing errors; arithmetic on sizes up to
/// here stays within 64 bits.
const LARGEST_SIZE: usize = 1 << 24;
/// Elements of the largest tensor.
const LARGEST_TENSOR: u128 = 1 << 48;

/// All of a [`Table`] but its entries, which are written one to a line.
#[derive(Serialize)]
struct Head<'a> {
    schema: u32,
    device: &'a Fingerprint,
    library: &'a str,
    kernels: &'a str,
    date: &'a str,
    effort: Effort,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<f64>,
}

impl Table {
    /// Reads a table and checks every entry against the device it was measured on.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is no table (with line and column), is a table of another
    /// schema, or has an entry that cannot be.
    pub fn load(path: &Path) -> Result<Self, TableError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| TableError::Read { path: path.to_owned(), reason })?;
        Self::parse(&text, path)
    }

    /// As [`load`](Table::load), from text; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`load`](Table::load).
    pub fn parse(text: &str, origin: &Path) -> Result<Self, TableError> {
        let path = || origin.to_owned();
        let malformed = |error: serde_json::Error| TableError::parse(path(), &error);
        // The schema first: a table of another one would fail on whatever changed.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let Version { schema } = serde_json::from_str(text).map_err(malformed)?;
        if schema != SCHEMA {
            return Err(TableError::Schema { path: path(), found: schema, expected: SCHEMA });
        }
        let mut table: Table = serde_json::from_str(text).map_err(malformed)?;
        table.entries.sort_by_key(|entry| entry.problem);
        table.check(origin)?;
        Ok(table)
    }

    /// Whether a reader would take it.
    ///
    /// # Errors
    ///
    /// What is wrong; `origin` names the table.
    pub fn check(&self, origin: &Path) -> Result<(), TableError> {
        let device = self.device.device();
        check_device(&device)
            .map_err(|fault| TableError::Device { path: origin.to_owned(), fault })?;
        let refuse = |problem: &Problem, fault| TableError::Entry {
            path: origin.to_owned(),
            problem: problem.to_string(),
            fault,
        };
        for pair in self.entries.windows(2) {
            if pair[0].problem == pair[1].problem {
                return Err(refuse(&pair[0].problem, EntryFault::Twice));
            }
        }
        for entry in &self.entries {
            entry.check(&device).map_err(|fault| refuse(&entry.problem, fault))?;
        }
        Ok(())
    }

    /// The table as JSON: the head in full, then every entry on a line of its own, so that a
    /// changed plan is a changed line.
    ///
    /// # Errors
    ///
    /// A number in an entry that JSON cannot express.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let head = Head {
            schema: self.schema,
            device: &self.device,
            library: &self.library,
            kernels: &self.kernels,
            date: &self.date,
            effort: self.effort,
            command: &self.command,
            drift: self.drift,
        };
        let head = serde_json::to_string_pretty(&head)?;
        let mut text = head.trim_end_matches('}').trim_end().to_owned();
        text.push_str(",\n  \"entries\": [");
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.problem);
        for (i, entry) in entries.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}\n    {}", serde_json::to_string(entry)?);
        }
        text.push_str(if entries.is_empty() { "]\n}\n" } else { "\n  ]\n}\n" });
        Ok(text)
    }

    /// Writes the table. Readers see the old file or the new one, never a part.
    ///
    /// # Errors
    ///
    /// A folder that does not exist or cannot be written to, or a full disk.
    pub fn save(&self, path: &Path) -> Result<(), TableError> {
        let failed = |reason| TableError::Write { path: path.to_owned(), reason };
        let text = self.to_json().map_err(|error| failed(error.into()))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tuning-table-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // A temporary file is for its owner only; a table is for everybody.
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        let mut file = builder.tempfile_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn size(name: &'static str, given: usize, least: usize, most: usize) -> Result<(), EntryFault> {
    match (least..=most).contains(&given) {
        true => Ok(()),
        false => Err(EntryFault::Size { name, given, least, most }),
    }
}

fn check_device(device: &Device) -> Result<(), EntryFault> {
    for (name, given) in [
        ("units", device.units),
        ("plane", device.plane),
        ("shared_memory", device.shared_memory),
        ("lanes", device.lanes),
        ("multiprocessors", device.multiprocessors),
    ] {
        size(name, given, 1, LARGEST_SIZE)?;
    }
    Ok(())
}

impl Entry {
    /// Whether the entry can be, on the device that it is said to have been measured on.
    fn check(&self, device: &Device) -> Result<(), EntryFault> {
        check_problem(&self.problem)?;
        let fraction = self.roofline_fraction.unwrap_or(0.0);
        if !(fraction.is_finite() && fraction >= 0.0) {
            return Err(EntryFault::Fraction(fraction));
        }
        size("tried", self.tried, 1, LARGEST_SIZE)?;
        size("pruned", self.pruned, 0, LARGEST_SIZE)?;
        size("number of runners-up", self.runners_up.len(), 0, RUNNERS_UP)?;
        let [low, high] = self.interval;
        for time in [low, high].into_iter().chain(self.rule_nanoseconds) {
            check_time(time)?;
        }
        // Of plans that are equally fast, the one that is chosen need not have the least median.
        let mut before = 0.0;
        for (i, Timed { plan, nanoseconds }) in self.contenders().enumerate() {
            check_time(nanoseconds)?;
            check_plan(&plan, &self.problem, device)?;
            if nanoseconds < before {
                return Err(EntryFault::Order { nanoseconds, before });
            }
            before = if i == 0 { nanoseconds / (1.0 + TIE) } else { nanoseconds };
        }
        if !(low <= self.nanoseconds && self.nanoseconds <= high) {
            return Err(EntryFault::Interval { median: self.nanoseconds, interval: [low, high] });
        }
        for (i, contender) in self.contenders().enumerate() {
            if self.contenders().skip(i + 1).any(|other| other.plan == contender.plan) {
                return Err(EntryFault::PlanTwice { plan: contender.plan.to_string() });
            }
        }
        Ok(())
    }
}

fn check_time(nanoseconds: f64) -> Result<(), EntryFault> {
    match nanoseconds.is_finite() && nanoseconds > 0.0 {
        true => Ok(()),
        false => Err(EntryFault::Time(nanoseconds)),
    }
}

fn check_problem(problem: &Problem) -> Result<(), EntryFault> {
    let Problem { head_dim, value_dim, seq_q, seq_k, batch, heads, kv_heads, .. } = *problem;
    size("head_dim", head_dim, 1, MAX_HEAD_DIM)?;
    size("value_dim", value_dim, 1, MAX_HEAD_DIM)?;
    for (name, given) in [
        ("seq_q", seq_q),
        ("seq_k", seq_k),
        ("batch", batch),
        ("heads", heads),
        ("kv_heads", kv_heads),
    ] {
        size(name, given, 1, LARGEST_SIZE)?;
    }
    if !heads.is_multiple_of(kv_heads) {
        return Err(EntryFault::Heads { heads, kv_heads });
    }
    let rows = batch as u128 * heads as u128 * seq_q.max(seq_k) as u128;
    if rows * head_dim.max(value_dim) as u128 > LARGEST_TENSOR {
        return Err(EntryFault::Tensor);
    }
    Ok(())
}

fn check_plan(plan: &Plan, problem: &Problem, device: &Device) -> Result<(), EntryFault> {
    let Plan { tile_rows, tile_cols, team, teams, heads, block, vector, .. } = *plan;
    for (name, given) in [
        ("tile_rows", tile_rows),
        ("tile_cols", tile_cols),
        ("team", team),
        ("teams", teams),
        ("heads", heads),
        ("block", block),
        ("vector", vector),
    ] {
        size(name, given, 0, LARGEST_SIZE)?;
    }
    plan.check(problem, device)
        .map_err(|reason| EntryFault::Plan { plan: plan.to_string(), reason })
}
