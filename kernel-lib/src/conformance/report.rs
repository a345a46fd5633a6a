//! What a run of the conformance suite found.

use core::fmt;
use std::collections::BTreeMap;

use serde::Serialize;

use super::Level;
use super::case::Case;
use super::check::Outcome;
use crate::DType;

/// Cases of one kind: one variant, element type and way of running.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// The variant's name.
    pub variant: String,
    /// Element type.
    pub dtype: String,
    /// Algorithms and lowerings of the forward and the backward pass.
    pub plan: String,
    /// Cases that agree with the reference.
    pub passed: usize,
    /// Cases that do not.
    pub failed: usize,
    /// The largest distance from the reference, in what is allowed: below 1 is right.
    pub worst: f64,
}

/// A case, or special check, that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The case in full: enough to repeat it.
    pub case: String,
    /// What is wrong.
    pub message: String,
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The device's name.
    pub device: String,
    /// The level that was run.
    pub level: Level,
    /// One row for each kind of case, in order.
    pub rows: Vec<Row>,
    /// Everything that failed.
    pub failures: Vec<Failure>,
    /// Names of the special checks that passed.
    pub special_passed: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Report {
    pub(super) fn new(device: String, level: Level) -> Self {
        Self {
            device,
            level,
            rows: Vec::new(),
            failures: Vec::new(),
            special_passed: Vec::new(),
            seconds: 0.0,
        }
    }

    pub(super) fn add(&mut self, case: &Case, outcome: Result<Outcome, String>) {
        let (plan, worst, failure) = match outcome {
            Ok(Outcome { plans: [forward, backward], worst, failure }) => {
                let short = |plan: crate::Plan| {
                    let text = plan.to_string();
                    text.split(' ').next().unwrap_or_default().to_owned()
                };
                let (forward, backward) = (short(forward), short(backward));
                let plan = match forward == backward {
                    true => forward,
                    false => format!("{forward}, {backward}"),
                };
                (plan, worst, failure)
            }
            Err(message) => ("refused or lost".to_owned(), f64::INFINITY, Some(message)),
        };
        let (variant, dtype) = (case.family(), case.dtype.to_string());
        let same =
            |row: &&mut Row| row.variant == variant && row.dtype == dtype && row.plan == plan;
        let row = match self.rows.iter_mut().find(same) {
            Some(row) => row,
            None => {
                self.rows.push(Row { variant, dtype, plan, ..Row::default() });
                let last = self.rows.len() - 1;
                &mut self.rows[last]
            }
        };
        row.worst = row.worst.max(worst);
        match failure {
            None => row.passed += 1,
            Some(message) => {
                row.failed += 1;
                self.failures.push(Failure { case: case.to_string(), message });
            }
        }
    }

    pub(super) fn add_special(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.special_passed.push(name.to_owned()),
            Err(message) => self.failures.push(Failure { case: name.to_owned(), message }),
        }
    }

    pub(super) fn finish(&mut self, seconds: f64) {
        let key = |row: &Row| (row.variant.clone(), row.dtype.clone(), row.plan.clone());
        self.rows.sort_by_key(key);
        self.seconds = seconds;
    }

    /// Cases that agree with the reference.
    pub fn passed(&self) -> usize {
        self.rows.iter().map(|row| row.passed).sum()
    }

    /// Whether nothing failed, and something was run.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.passed() + self.special_passed.len() > 0
    }

    /// Cases by element type: passed and failed.
    pub fn by_dtype(&self) -> BTreeMap<String, (usize, usize)> {
        let mut counts = BTreeMap::new();
        for dtype in DType::ALL {
            counts.insert(dtype.to_string(), (0, 0));
        }
        for row in &self.rows {
            let count: &mut (usize, usize) = counts.entry(row.dtype.clone()).or_default();
            count.0 += row.passed;
            count.1 += row.failed;
        }
        counts
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["variant", "dtype", "plan: forward, backward"];
        let mut widths = heads.map(str::len);
        for row in &self.rows {
            for (width, text) in widths.iter_mut().zip([&row.variant, &row.dtype, &row.plan]) {
                *width = (*width).max(text.chars().count());
            }
        }
        let [a, b, c] = widths;
        writeln!(f, "{:a$}  {:b$}  {:c$}  passed  failed  worst", heads[0], heads[1], heads[2])?;
        for Row { variant, dtype, plan, passed, failed, worst } in &self.rows {
            writeln!(f, "{variant:a$}  {dtype:b$}  {plan:c$}  {passed:6}  {failed:6}  {worst:.3}")?;
        }
        writeln!(f, "(worst: distance from the f64 reference, in what is allowed)")?;
        for name in &self.special_passed {
            writeln!(f, "passed  {name}")?;
        }
        for Failure { case, message } in &self.failures {
            writeln!(f, "FAILED  {case}\n        {message}")?;
        }
        write!(
            f,
            "{} level on {}: {} cases and {} special checks passed, {} failed, in {:.1} s",
            self.level,
            self.device,
            self.passed(),
            self.special_passed.len(),
            self.failures.len(),
            self.seconds
        )
    }
}
