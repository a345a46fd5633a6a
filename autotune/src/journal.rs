//! Every measurement, written down as it is taken, so that a run that was cut off anywhere goes on
//! where it was.
//!
//! A journal is a file of JSON lines that only grows. Its first line says what was measured on and
//! how; a run with another device, other kernels or another method is refused. Searches are functions
//! of what they measure (their order is seeded), so going on means searching again with the times that
//! are known given out first: [`Journalled`] stands in front of a device and does that. A line that was
//! being written when the run was cut off has no end, and is dropped.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tilewright::table::{Effort, Fingerprint};
use tilewright::{Plan, Problem};

use crate::search::Finding;
use crate::stand::{Fault, Stand};

/// The version of the format.
const FORMAT: u32 = 1;

/// Why a journal cannot be used.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("cannot use the journal {}: {reason}", path.display())]
    File { path: PathBuf, reason: std::io::Error },
    /// Another run has it.
    #[error("{} is in use: another run is writing it", path.display())]
    InUse { path: PathBuf },
    /// A line is none that this program writes.
    #[error(
        "{}:{line}: not a line of a journal: {message}; pass --fresh to begin anew", path.display()
    )]
    Line { path: PathBuf, line: usize, message: String },
    /// It belongs to another run.
    #[error(
        "{} belongs to a run with {what} {theirs}, and this one has {ours}: go on with that run, or \
         pass --fresh to begin anew",
        path.display()
    )]
    Foreign { path: PathBuf, what: &'static str, theirs: String, ours: String },
}

/// What is measured on, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the format.
    pub journal: u32,
    /// The device.
    pub device: Fingerprint,
    /// Version of this library.
    pub library: String,
    /// [`tilewright::table::kernel_hash`].
    pub kernels: String,
    /// How thoroughly.
    pub effort: Effort,
    /// Decides tensors and orders.
    pub seed: u64,
}

impl Header {
    /// The header of a run of this build.
    pub fn new(device: Fingerprint, effort: Effort, seed: u64) -> Self {
        Self {
            journal: FORMAT,
            device,
            library: env!("CARGO_PKG_VERSION").to_owned(),
            kernels: tilewright::table::kernel_hash().to_owned(),
            effort,
            seed,
        }
    }

    /// Where another differs, in words: what, its own, this one's.
    fn difference(&self, other: &Header) -> Option<(&'static str, String, String)> {
        let number = |x: u64| x.to_string();
        let pairs = [
            ("format", number(other.journal.into()), number(self.journal.into())),
            ("device", other.device.name.clone(), self.device.name.clone()),
            ("kernels", other.kernels.clone(), self.kernels.clone()),
            ("library version", other.library.clone(), self.library.clone()),
            ("effort", other.effort.to_string(), self.effort.to_string()),
            ("seed", number(other.seed), number(self.seed)),
            (
                "driver, NVRTC or limits of the device",
                format!("{:?}", other.device),
                format!("{:?}", self.device),
            ),
        ];
        pairs.into_iter().find(|(_, theirs, ours)| theirs != ours)
    }
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Record {
    /// A plan was looked at. The lines below name it by its place among these.
    Look { problem: Problem, plan: Plan, times: Vec<f64> },
    /// A plan did not run.
    Failed { problem: Problem, plan: Plan, why: String },
    /// A time of a plan.
    Sample(usize, f64),
    /// A plan's results were compared with the oracle.
    Verdict { plan: usize, wrong: Option<String> },
    /// A time of the reference kernel.
    Reference(f64),
    /// All of a problem is measured.
    Done(Box<Finding>),
}

/// What is known of a plan.
#[derive(Debug)]
struct Known {
    number: usize,
    look: Result<Vec<f64>, String>,
    /// Not given out yet.
    samples: VecDeque<f64>,
    /// `Some(None)`: its results are right.
    verdict: Option<Option<String>>,
}

/// A run's measurements.
pub struct Journal {
    path: PathBuf,
    file: File,
    plans: HashMap<(Problem, Plan), Known>,
    /// Plans looked at, or failed.
    numbers: usize,
    done: HashMap<Problem, Finding>,
    reference: Vec<f64>,
    measurements: usize,
}

impl Journal {
    /// Opens a journal to go on with it, or begins one.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written, that another run has, that is none, or that belongs to a
    /// run with another device, other kernels or another method.
    pub fn open(path: &Path, header: &Header) -> Result<Self, JournalError> {
        let failed = |reason| JournalError::File { path: path.to_owned(), reason };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(failed)?;
        // Where locks do not exist, nobody is kept out.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(JournalError::InUse { path: path.to_owned() });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        // What was cut off within a line has no end.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::Start(whole as u64)).map_err(failed)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            plans: HashMap::new(),
            numbers: 0,
            done: HashMap::new(),
            reference: Vec::new(),
            measurements: 0,
        };
        if whole == 0 {
            journal.append(header)?;
            return Ok(journal);
        }
        journal.read(&bytes[..whole], header)?;
        Ok(journal)
    }

    fn read(&mut self, bytes: &[u8], header: &Header) -> Result<(), JournalError> {
        let path = self.path.clone();
        let mut numbered: Vec<(Problem, Plan)> = Vec::new();
        for (i, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let wrong =
                |message: String| JournalError::Line { path: path.clone(), line: i + 1, message };
            let malformed = |error: serde_json::Error| wrong(error.to_string());
            if i == 0 {
                let theirs: Header = serde_json::from_slice(line).map_err(malformed)?;
                if let Some((what, theirs, ours)) = header.difference(&theirs) {
                    return Err(JournalError::Foreign { path, what, theirs, ours });
                }
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let record: Record = serde_json::from_slice(line).map_err(malformed)?;
            let known = |number: usize| {
                let key = numbered.get(number);
                key.copied().ok_or_else(|| wrong(format!("no plan has the number {number}")))
            };
            match record {
                Record::Look { problem, plan, times } => {
                    numbered.push((problem, plan));
                    self.note(problem, plan, Ok(times));
                }
                Record::Failed { problem, plan, why } => {
                    numbered.push((problem, plan));
                    self.note(problem, plan, Err(why));
                }
                Record::Sample(number, time) => {
                    if !(time.is_finite() && time > 0.0) {
                        return Err(wrong(format!("{time} is no time")));
                    }
                    let key = known(number)?;
                    self.measurements += 1;
                    self.plans.entry(key).and_modify(|plan| plan.samples.push_back(time));
                }
                Record::Verdict { plan, wrong } => {
                    let key = known(plan)?;
                    self.plans.entry(key).and_modify(|plan| plan.verdict = Some(wrong));
                }
                Record::Reference(time) => self.reference.push(time),
                Record::Done(finding) => {
                    self.done.insert(finding.problem, *finding);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, problem: Problem, plan: Plan, look: Result<Vec<f64>, String>) {
        self.measurements += look.as_ref().map_or(1, Vec::len);
        let number = self.numbers;
        self.numbers += 1;
        let known = Known { number, look, samples: VecDeque::new(), verdict: None };
        self.plans.insert((problem, plan), known);
    }

    fn append(&mut self, record: &impl Serialize) -> Result<(), JournalError> {
        let failed = |reason| JournalError::File { path: self.path.clone(), reason };
        let mut line = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        // One write: whoever is killed within it leaves a line without an end.
        self.file.write_all(&line).map_err(failed)
    }

    /// Times and failures that it held when it was opened.
    pub fn measurements(&self) -> usize {
        self.measurements
    }

    /// What a run that was cut off found out of a problem, if it was done with it.
    pub fn finding(&self, problem: &Problem) -> Option<&Finding> {
        self.done.get(problem)
    }

    /// Everything that is done.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.done.values()
    }

    /// The reference kernel's times.
    pub fn reference(&self) -> &[f64] {
        &self.reference
    }

    /// Writes down a time of the reference kernel.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn add_reference(&mut self, nanoseconds: f64) -> Result<(), JournalError> {
        self.append(&Record::Reference(nanoseconds))?;
        self.reference.push(nanoseconds);
        Ok(())
    }

    /// Writes down that all of a problem is measured, safe from a loss of power too.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn finish(&mut self, finding: &Finding) -> Result<(), JournalError> {
        self.append(&Record::Done(Box::new(finding.clone())))?;
        self.done.insert(finding.problem, finding.clone());
        let failed = |reason| JournalError::File { path: self.path.clone(), reason };
        self.file.sync_data().map_err(failed)
    }

    /// Removes it: its run is over.
    ///
    /// # Errors
    ///
    /// It cannot be removed.
    pub fn remove(self) -> Result<(), JournalError> {
        std::fs::remove_file(&self.path)
            .map_err(|reason| JournalError::File { path: self.path.clone(), reason })
    }
}

/// A stand that gives out what a journal knows, and writes down what it must measure.
pub struct Journalled<'a> {
    stand: Box<dyn Stand + 'a>,
    journal: &'a mut Journal,
    problem: Problem,
}

impl<'a> Journalled<'a> {
    /// The stand of a problem behind the journal.
    pub fn new(stand: Box<dyn Stand + 'a>, journal: &'a mut Journal, problem: Problem) -> Self {
        Self { stand, journal, problem }
    }

    fn known(&mut self, plan: &Plan) -> Result<&mut Known, Fault> {
        let known = self.journal.plans.get_mut(&(self.problem, *plan));
        known.ok_or_else(|| Fault::Fatal(format!("{plan} was not looked at")))
    }
}

fn fatal(error: JournalError) -> Fault {
    Fault::Fatal(error.to_string())
}

impl Stand for Journalled<'_> {
    fn look(&mut self, plan: &Plan, times: usize) -> Result<Vec<f64>, Fault> {
        let problem = self.problem;
        if let Some(known) = self.journal.plans.get(&(problem, *plan)) {
            return known.look.clone().map_err(Fault::Plan);
        }
        let look = match self.stand.look(plan, times) {
            Ok(times) => Ok(times),
            Err(Fault::Plan(why)) => Err(why),
            Err(Fault::Lost(why)) => {
                // Who goes on does not try it again.
                let record = Record::Failed { problem, plan: *plan, why: why.clone() };
                self.journal.append(&record).map_err(fatal)?;
                return Err(Fault::Lost(why));
            }
            Err(Fault::Fatal(why)) => return Err(Fault::Fatal(why)),
        };
        let plan = *plan;
        let record = match look.clone() {
            Ok(times) => Record::Look { problem, plan, times },
            Err(why) => Record::Failed { problem, plan, why },
        };
        self.journal.append(&record).map_err(fatal)?;
        self.journal.note(problem, plan, look.clone());
        look.map_err(Fault::Plan)
    }

    fn sample(&mut self, plan: &Plan) -> Result<f64, Fault> {
        let known = self.known(plan)?;
        let number = known.number;
        if let Some(time) = known.samples.pop_front() {
            return Ok(time);
        }
        let time = self.stand.sample(plan)?;
        self.journal.append(&Record::Sample(number, time)).map_err(fatal)?;
        Ok(time)
    }

    fn judge(&mut self, plan: &Plan) -> Result<Option<String>, Fault> {
        let known = self.known(plan)?;
        let number = known.number;
        if let Some(verdict) = &known.verdict {
            return Ok(verdict.clone());
        }
        let wrong = self.stand.judge(plan)?;
        let record = Record::Verdict { plan: number, wrong: wrong.clone() };
        self.journal.append(&record).map_err(fatal)?;
        self.known(plan)?.verdict = Some(wrong.clone());
        Ok(wrong)
    }
}
