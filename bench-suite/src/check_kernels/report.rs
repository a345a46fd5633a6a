//! What was found: a row for each kernel, as a table and as JSON, and what to do about a failure.

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use super::compiler::Outcome;
use super::found::Found;
use super::known::{KNOWN_SPILLS, KnownSpill, known_spill};
use super::ptxas::Resources;
use super::selection::{Item, Origin};

/// Registers of a multiprocessor, which a cube's units share.
const REGISTERS: u32 = 65_536;
/// Failures told in full; each of many says much the same.
const TOLD: usize = 8;

/// One kernel of one plan on one architecture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// As ptxas names it.
    pub arch: String,
    /// The kernel's function in the library; empty where the plan has none on the architecture.
    pub kernel: String,
    /// What the plan is for.
    pub problem: String,
    /// The variant that the kernel was made for.
    pub variant: String,
    /// The plan.
    pub plan: String,
    /// Who chose it.
    pub origin: String,
    /// Units of a cube.
    pub units: u32,
    /// Bytes of shared memory of a cube.
    pub shared_bytes: usize,
    /// Whether it may be shipped.
    pub status: Status,
    /// What it takes, if it was compiled.
    pub resources: Option<Resources>,
    /// Why the status is what it is.
    pub reason: Option<String>,
    #[serde(skip)]
    known: Option<&'static KnownSpill>,
}

/// Whether a kernel may be shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It may.
    Ok,
    /// It spills, and is on the list of those that may.
    Known,
    /// The plan was measured on another architecture, and this one lacks something.
    NotForIt,
    /// It spills.
    Spill,
    /// The compiler warns about it.
    Warning,
    /// It was not compiled, or can never be launched.
    Failed,
}

impl Status {
    fn fails(self) -> bool {
        matches!(self, Status::Spill | Status::Warning | Status::Failed)
    }
}

impl Row {
    /// The row of what was found of a plan.
    pub fn new(item: &Item, found: &Found) -> Self {
        let mut row = Self {
            arch: item.sm.to_string(),
            kernel: found.kernel.clone(),
            problem: item.problem.to_string(),
            variant: item.variant.describe(),
            plan: item.plan.to_string(),
            origin: item.origin.to_string(),
            units: found.units,
            shared_bytes: found.shared_bytes,
            status: Status::Ok,
            resources: None,
            reason: None,
            known: None,
        };
        row.judge(item, &found.outcome);
        row
    }

    fn judge(&mut self, item: &Item, outcome: &Outcome) {
        let (status, reason) = match outcome {
            Outcome::Failed { log } => (Status::Failed, Some(log.clone())),
            // Tables are asked on devices of their own name only; the rule was asked for this one.
            Outcome::Lacks { what } if item.origin == Origin::Rule => {
                (Status::Failed, Some(format!("the rule chose a plan that cannot run: {what}")))
            }
            Outcome::Lacks { what } => (Status::NotForIt, Some(what.clone())),
            Outcome::Compiled(found) => {
                self.resources = Some(found.clone());
                // Registers are given out in eights.
                let needed = found.registers.next_multiple_of(8) * self.units;
                let spills = found.spill_stores > 0 || found.spill_loads > 0;
                self.known = known_spill(item, found).filter(|_| spills);
                if needed > REGISTERS {
                    let reason = format!(
                        "{} units of {} registers are more than the {REGISTERS} of a \
                         multiprocessor: it cannot be launched",
                        self.units, found.registers
                    );
                    (Status::Failed, Some(reason))
                } else if !found.warnings.is_empty() {
                    (Status::Warning, Some(found.warnings.join("; ")))
                } else if let Some(known) = self.known {
                    (Status::Known, Some(known.reason.to_owned()))
                } else if spills {
                    let reason = format!(
                        "it spills: {} bytes of a unit are stored and {} loaded",
                        found.spill_stores, found.spill_loads
                    );
                    (Status::Spill, Some(reason))
                } else {
                    (Status::Ok, None)
                }
            }
        };
        self.status = status;
        self.reason = reason;
    }

    /// What failed, where, and the way out.
    fn failure(&self) -> String {
        let Row { arch, kernel, problem, variant, plan, origin, .. } = self;
        let reason = self.reason.as_deref().unwrap_or_default();
        let kernel = if kernel.is_empty() { "no kernel" } else { kernel };
        let choice = if origin == "rule" {
            "another choice in `Plan::rule` (kernel-lib/src/plan)"
        } else {
            "measuring the problem again (`autotune run`), which replaces the table's entry"
        };
        let way_out = match self.status {
            Status::Spill => format!(
                "fewer rows or columns of a tile: {choice}; or, if it is measured to be faster as \
                 it is, an entry with the reason in bench-suite/src/check_kernels/known.rs"
            ),
            _ => format!("a change of the kernel, or {choice}"),
        };
        format!(
            "{kernel} on {arch}: {reason}\n  problem   {problem}, {variant}\n  plan      {plan} \
             ({origin})\n  way out   {way_out}\n  its text  cargo xtask check-kernels --arch {arch} \
             -- --sources kernels --filter '{problem} {variant}'"
        )
    }
}

/// All rows of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The compilers.
    pub tools: String,
    /// The commit that the program was built from.
    pub commit: String,
    /// What was found.
    pub rows: Vec<Row>,
}

impl Report {
    /// The report of these rows.
    pub fn new(tools: String, rows: Vec<Row>) -> Self {
        Self { tools, commit: crate::COMMIT.to_owned(), rows }
    }

    /// Entries of the list of known spills that no kernel needs.
    pub fn unneeded(&self) -> impl Iterator<Item = &'static KnownSpill> {
        KNOWN_SPILLS.iter().filter(|known| !self.rows.iter().any(|row| row.known == Some(known)))
    }

    /// Whether all may be shipped.
    ///
    /// # Errors
    ///
    /// What may not, and the way out.
    pub fn verdict(&self) -> Result<()> {
        let failures: Vec<&Row> = self.rows.iter().filter(|row| row.status.fails()).collect();
        if failures.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = failures.iter().take(TOLD).map(|row| row.failure()).collect();
        let more = match failures.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!("\n\nand {more} more, in the table above"),
        };
        bail!("{} kernels may not be shipped\n\n{}{more}", failures.len(), told.join("\n\n"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEAD: [&str; 10] = [
            "arch",
            "status",
            "regs",
            "stores",
            "loads",
            "stack",
            "shared",
            "units",
            "kernel",
            "problem, variant, plan",
        ];
        let mut lines = vec![HEAD.map(str::to_owned)];
        lines.extend(self.rows.iter().map(cells));
        let widths: Vec<usize> = (0..HEAD.len() - 1)
            .map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0))
            .collect();
        for line in &lines {
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                // Numbers to the right.
                match column {
                    2..=7 => write!(f, "{cell:>width$}  ")?,
                    _ => write!(f, "{cell:<width$}  ")?,
                }
            }
            writeln!(f, "{}", line[HEAD.len() - 1])?;
        }
        for (number, known) in KNOWN_SPILLS.iter().enumerate() {
            if self.rows.iter().any(|row| row.known == Some(known)) {
                writeln!(f, "known {}: {}", number + 1, known.reason)?;
            }
        }
        let of = |status| self.rows.iter().filter(|row| row.status == status).count();
        let failures = self.rows.iter().filter(|row| row.status.fails()).count();
        writeln!(
            f,
            "{} rows: {} ok, {} spill and are known to, {} not for the architecture, {failures} failed",
            self.rows.len(),
            of(Status::Ok),
            of(Status::Known),
            of(Status::NotForIt),
        )
    }
}

fn cells(row: &Row) -> [String; 10] {
    let known = KNOWN_SPILLS.iter().position(|known| row.known == Some(known)).unwrap_or(0) + 1;
    let status = match row.status {
        Status::Ok => "ok".to_owned(),
        Status::Known => format!("known {known}"),
        Status::NotForIt => "not for it".to_owned(),
        Status::Spill => "SPILL".to_owned(),
        Status::Warning => "WARNING".to_owned(),
        Status::Failed => "FAILED".to_owned(),
    };
    let number = |of: fn(&Resources) -> u32| {
        row.resources.as_ref().map_or_else(|| "-".to_owned(), |found| of(found).to_string())
    };
    let described = format!("{}, {}, {} ({})", row.problem, row.variant, row.plan, row.origin);
    [
        row.arch.clone(),
        status,
        number(|found| found.registers),
        number(|found| found.spill_stores),
        number(|found| found.spill_loads),
        number(|found| found.stack),
        row.shared_bytes.to_string(),
        row.units.to_string(),
        if row.kernel.is_empty() { "-".to_owned() } else { row.kernel.clone() },
        match (&row.reason, row.status) {
            (Some(reason), Status::NotForIt) => format!("{described}: {reason}"),
            _ => described,
        },
    ]
}

#[cfg(test)]
mod tests;
