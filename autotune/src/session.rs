//! A whole run: problem after problem, behind a journal, within a budget, into a table.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tilewright::table::{self, Entry, Table};
use tilewright::{Plan, Problem};

use crate::drift;
use crate::grid::Task;
use crate::journal::{Header, Journal, Journalled};
use crate::laboratory::Laboratory;
use crate::method::{Budget, Method};
use crate::search::{Finding, Step, Wishes, search};
use crate::space::Pruned;

/// What a run is to do.
pub struct Session<'a> {
    /// Where.
    pub laboratory: &'a dyn Laboratory,
    /// The problems, in order.
    pub tasks: &'a [Task],
    /// How each is measured.
    pub method: Method,
    /// For how long.
    pub budget: Budget,
    /// Where measurements are written down as they are taken.
    pub journal: &'a Path,
    /// Plans that are raced to the end, beside the rule's.
    pub pinned: &'a dyn Fn(&Problem) -> Vec<Plan>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was found of each problem, in order.
    pub findings: Vec<Finding>,
    /// Problems that were not measured, and why.
    pub skipped: Vec<(Problem, String)>,
    /// The largest change of the reference kernel's time, as a part of its first.
    pub drift: Option<f64>,
    /// Whether the budget ended the run.
    pub out_of_time: bool,
}

/// What is heard of a run.
pub enum Event<'a> {
    /// A problem begins.
    Begin(&'a Problem),
    /// Something happens to it.
    Step(Step),
    /// It is done.
    Done(&'a Finding),
    /// Something to be told.
    Note(String),
}

/// Whoever listens to a run; an error ends it.
pub type Listener<'a> = dyn FnMut(Event<'_>) -> Result<()> + 'a;

impl Outcome {
    /// Why plans were left out, over all problems.
    pub fn pruned(&self) -> Pruned {
        let mut all = Pruned::default();
        for finding in &self.findings {
            all.extend(&finding.pruned);
        }
        all
    }
}

impl Session<'_> {
    /// Measures every problem, going on with what the journal holds.
    ///
    /// # Errors
    ///
    /// The device fails as a whole, the journal is another run's or cannot be written, or whoever
    /// listens wants no more.
    pub fn run(&self, heard: &mut Listener<'_>) -> Result<(Outcome, Journal)> {
        let Method { effort, seed, .. } = self.method;
        let fingerprint = self.laboratory.fingerprint();
        let mut journal =
            Journal::open(self.journal, &Header::new(fingerprint.clone(), effort, seed))?;
        if journal.measurements() > 0 {
            let (known, path) = (journal.measurements(), self.journal.display());
            heard(Event::Note(format!("going on with the {known} measurements of {path}")))?;
        }
        let (name, reaches) = (&fingerprint.name, self.laboratory.description());
        heard(Event::Note(format!("{name}: {reaches}")))?;
        let mut outcome = Outcome::default();
        self.watch(&mut journal, heard)?;
        for (place, task) in self.tasks.iter().enumerate() {
            let problem = &task.problem;
            heard(Event::Begin(problem))?;
            if let Some(finding) = journal.finding(problem).cloned() {
                heard(Event::Done(&finding))?;
                outcome.findings.push(finding);
                continue;
            }
            if let Err(why) = self.laboratory.fits(problem) {
                outcome.skipped.push((*problem, why));
                continue;
            }
            if self.budget.is_used_up() {
                outcome.out_of_time = true;
                outcome.skipped.push((*problem, "the budget is used up".to_owned()));
                continue;
            }
            let budget = self.budget.share(self.tasks.len() - place);
            let wishes = self.wishes(problem, &outcome.findings);
            let finding = self.measure(task, &wishes, &budget, &mut journal, heard)?;
            heard(Event::Done(&finding))?;
            outcome.findings.push(finding);
            self.watch(&mut journal, heard)?;
        }
        outcome.drift = drift::worst(journal.reference());
        Ok((outcome, journal))
    }

    fn measure(
        &self,
        task: &Task,
        wishes: &Wishes,
        budget: &Budget,
        journal: &mut Journal,
        heard: &mut Listener<'_>,
    ) -> Result<Finding> {
        let problem = &task.problem;
        let device = self.laboratory.fingerprint().device();
        let mut unheard = Ok(());
        let mut report = |step| {
            if unheard.is_ok() {
                unheard = heard(Event::Step(step));
            }
        };
        let found = {
            let stand = self.laboratory.stand(task, self.method.seed);
            let mut stand = Journalled::new(stand, journal, *problem);
            search(problem, &device, &mut stand, wishes, &self.method, budget, &mut report)
        };
        unheard?;
        let mut finding = found.with_context(|| format!("measuring {problem}"))?;
        if let Some(entry) = &mut finding.entry {
            entry.roofline_fraction = self.laboratory.fraction(problem, entry.nanoseconds);
        }
        journal.finish(&finding)?;
        Ok(finding)
    }

    /// Measures the reference kernel again.
    fn watch(&self, journal: &mut Journal, heard: &mut Listener<'_>) -> Result<()> {
        let now = self.laboratory.reference()?;
        let note = drift::note(journal.reference(), now);
        journal.add_reference(now)?;
        note.map_or(Ok(()), |note| heard(Event::Note(note)))
    }

    /// What won for the problems most like this one is tried first.
    fn wishes(&self, problem: &Problem, findings: &[Finding]) -> Wishes {
        let device = self.laboratory.fingerprint().device();
        let near = |entry: &Entry| {
            let distance = table::distance(&entry.problem, problem)?;
            Some((distance, entry.plan.adapted(&entry.problem, problem, &device)))
        };
        let entries = findings.iter().filter_map(|finding| finding.entry.as_ref());
        let mut near: Vec<(f64, Plan)> = entries.filter_map(near).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let hints = near.into_iter().take(2).map(|(_, plan)| plan).collect();
        Wishes { pinned: (self.pinned)(problem), hints }
    }
}

/// Runs a session into a table and a file, which is up to date after every problem. The journal is
/// gone when everything is measured.
///
/// # Errors
///
/// As [`Session::run`]; also a file that cannot be written.
pub fn tabulate(
    session: &Session<'_>,
    table: &mut Table,
    output: &Path,
    heard: &mut Listener<'_>,
) -> Result<Outcome> {
    let save = |table: &Table| -> Result<()> {
        // Nothing is written that would not be read.
        table.check(output)?;
        table.save(output)?;
        Ok(())
    };
    let (outcome, journal) = session.run(&mut |event| {
        if let Event::Done(Finding { entry: Some(entry), .. }) = &event {
            table.insert(entry.clone());
            save(table)?;
        }
        heard(event)
    })?;
    let drift = outcome.drift.map(|drift| (drift * 1e4).round() / 1e4);
    table.drift = [table.drift, drift].into_iter().flatten().reduce(f64::max);
    save(table)?;
    // What was not measured is measured by the next run, with what the journal knows.
    if !outcome.out_of_time {
        journal.remove()?;
    }
    Ok(outcome)
}

/// The journal that belongs to an output; a `fresh` run forgets what one that was cut off measured.
///
/// # Errors
///
/// What is to be forgotten cannot be removed.
pub fn journal_of(output: &Path, fresh: bool) -> Result<PathBuf> {
    let mut name = output.as_os_str().to_owned();
    name.push(".journal");
    let journal = PathBuf::from(name);
    if fresh
        && let Err(error) = std::fs::remove_file(&journal)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot remove {}", journal.display()));
    }
    Ok(journal)
}
