//! What a table says, how it is written and how it is read.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{EntryFault, TableError};
use crate::device::{Device, DeviceKind};
use crate::{Plan, Problem};

/// The version of the format that this library reads and writes.
pub const SCHEMA: u32 = 1;

/// The device that a table was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// As the driver names it, as in `NVIDIA H200`; a CPU's brand.
    pub name: String,
    /// CPU or GPU.
    pub kind: DeviceKind,
    /// Cores of a CPU; units of a cube at most on a GPU.
    pub units: usize,
    /// Units that move in lockstep.
    pub plane: usize,
    /// Bytes of shared memory that one cube may use.
    pub shared_memory: usize,
    /// `f32` lanes of the widest vector that is worth using.
    pub lanes: usize,
    /// Multiprocessors of a GPU; 1 on a CPU.
    pub multiprocessors: usize,
    /// Whether it has tensor cores for 16-bit numbers.
    pub tensor_cores: bool,
}

impl Fingerprint {
    /// The fingerprint of a device with this name.
    pub fn new(name: impl Into<String>, device: &Device) -> Self {
        let Device { kind, units, plane, shared_memory, lanes, multiprocessors, tensor_cores } =
            *device;
        let name = name.into();
        Self { name, kind, units, plane, shared_memory, lanes, multiprocessors, tensor_cores }
    }

    /// What plans are checked against.
    pub fn device(&self) -> Device {
        Device {
            kind: self.kind,
            units: self.units,
            plane: self.plane,
            shared_memory: self.shared_memory,
            lanes: self.lanes,
            multiprocessors: self.multiprocessors,
            tensor_cores: self.tensor_cores,
        }
    }

    /// Whether plans measured there are worth using here.
    ///
    /// GPUs must have the same name and as many multiprocessors. CPUs differ too much in name and
    /// too little in what decides between plans: there the width of vectors must be the same.
    pub fn serves(&self, name: &str, device: &Device) -> bool {
        self.kind == device.kind
            && match device.kind {
                DeviceKind::Cpu => self.lanes == device.lanes,
                DeviceKind::Gpu => {
                    self.name == name && self.multiprocessors == device.multiprocessors
                }
            }
    }
}

/// A plan that was not chosen, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerUp {
    /// The second-fastest plan.
    pub plan: Plan,
    /// Its median time.
    pub nanoseconds: f64,
}

/// The fastest plan measured for one problem.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was run.
    pub problem: Problem,
    /// How it ran fastest.
    pub plan: Plan,
    /// Median time of one call on the device.
    pub nanoseconds: f64,
    /// The second-fastest plan, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<RunnerUp>,
    /// Plans that were measured.
    pub candidates: usize,
    /// The time that memory bandwidth alone would take, divided by the time taken; at most about 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_fraction: Option<f64>,
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
    /// The command line that made the table.
    pub command: String,
    /// One entry for each problem, in the order of problems.
    pub entries: Vec<Entry>,
}

/// All of a [`Table`] but its entries, which are written one to a line.
#[derive(Serialize)]
struct Head<'a> {
    schema: u32,
    device: &'a Fingerprint,
    library: &'a str,
    kernels: &'a str,
    date: &'a str,
    command: &'a str,
}

impl Table {
    /// A table without entries, for measurements with this build of the library.
    pub fn new(device: Fingerprint, date: String, command: String) -> Self {
        Self {
            schema: SCHEMA,
            device,
            library: env!("CARGO_PKG_VERSION").to_owned(),
            kernels: super::kernel_hash(),
            date,
            command,
            entries: Vec::new(),
        }
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

    /// Reads a table and checks every entry against the device it was measured on.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is no table (with line and column), is a table of another
    /// schema, or has an entry that cannot run.
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

    fn check(&self, origin: &Path) -> Result<(), TableError> {
        let device = self.device.device();
        let refuse = |problem: Problem, fault| {
            Err(TableError::Entry { path: origin.to_owned(), problem: problem.to_string(), fault })
        };
        for pair in self.entries.windows(2) {
            if pair[0].problem == pair[1].problem {
                return refuse(pair[0].problem, EntryFault::Twice);
            }
        }
        for entry in &self.entries {
            let runner_up = entry.runner_up.map(|r| (r.plan, r.nanoseconds));
            for (plan, nanoseconds) in
                [(entry.plan, entry.nanoseconds)].into_iter().chain(runner_up)
            {
                if !(nanoseconds.is_finite() && nanoseconds > 0.0) {
                    return refuse(entry.problem, EntryFault::Time(nanoseconds));
                }
                if let Err(reason) = plan.check(&entry.problem, &device) {
                    let plan = plan.to_string();
                    return refuse(entry.problem, EntryFault::Plan { plan, reason });
                }
            }
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
            command: &self.command,
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
