//! What a person, or the program that started this one, hears of a session.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::columns::{micros, percent};
use crate::progress::Progress;
use crate::search::{Finding, Step};
use crate::session::Event;
use crate::workers::{OF_WORKERS, Worker, run_all, say};

/// Tells a person on a terminal, or a program in lines of JSON.
pub struct Watch {
    progress: Progress,
    events: bool,
    problem: String,
}

impl Watch {
    /// Over so many problems; `events` are for a program.
    pub fn new(problems: usize, quiet: bool, events: bool) -> Self {
        let progress = Progress::new(problems, quiet || events);
        Self { progress, events, problem: String::new() }
    }

    /// Tells what happened.
    ///
    /// # Errors
    ///
    /// The program no longer listens.
    pub fn hear(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Begin(problem) => {
                self.problem = problem.to_string();
                self.progress.now(&self.problem);
            }
            Event::Step(step) => self.progress.now(format!("{}: {}", self.problem, in_words(step))),
            Event::Note(line) => self.tell(line)?,
            Event::Done(finding) => {
                self.tell(describe(finding))?;
                if self.events {
                    say(&json!({ "done": finding.problem.to_string() }))?;
                }
                self.progress.advance();
            }
        }
        Ok(())
    }

    fn tell(&self, line: String) -> Result<()> {
        match self.events {
            true => say(&json!({ "note": line })),
            false => {
                self.progress.say(line);
                Ok(())
            }
        }
    }

    /// Nothing more will happen.
    pub fn finish(&self) {
        self.progress.finish();
    }
}

/// Runs a process for each worker and tells what each of them tells; what else they say goes to
/// `heard`.
///
/// # Errors
///
/// As [`run_all`].
pub fn share_out(
    workers: &[Worker],
    problems: usize,
    quiet: bool,
    heard: &mut dyn FnMut(Value),
) -> Result<()> {
    let progress = Progress::new(problems, quiet);
    run_all(workers, &OF_WORKERS, &mut |worker, value| {
        if let Some(note) = value["note"].as_str() {
            progress.say(note);
        } else if let Some(problem) = value["done"].as_str() {
            progress.now(format!("{}: {problem}", worker.device));
            progress.advance();
        } else {
            heard(value);
        }
    })?;
    for turns in workers.iter().filter_map(|worker| worker.turns.as_deref()) {
        // Gone already where two workers share it.
        let _ = std::fs::remove_file(turns);
    }
    progress.finish();
    Ok(())
}

/// Removes what the workers wrote, once it is part of the whole.
///
/// # Errors
///
/// A file cannot be removed.
pub fn remove_parts(workers: &[Worker]) -> Result<()> {
    let remove = |path: &Path| {
        std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
    };
    workers.iter().try_for_each(|worker| remove(&worker.output))
}

fn in_words(step: Step) -> String {
    match step {
        Step::Look(nth, most) => format!("plan {nth} of {most} at most"),
        Step::Heat(plans) => format!("{plans} plans race"),
        Step::RunOff(plans) => format!("run-off of {plans} plans"),
        Step::Judge(plan) => format!("comparing {plan} with the oracle"),
    }
}

fn describe(finding: &Finding) -> String {
    let Finding { problem, entry, refused, .. } = finding;
    let mut line = match entry {
        None => format!("{problem}: no plan works"),
        Some(entry) => format!(
            "{problem}: {} {} us, {} of the roofline",
            entry.plan,
            micros(entry.nanoseconds),
            percent(entry.roofline_fraction)
        ),
    };
    for refused in refused {
        line += &format!("\n    {} is out: {}", refused.plan, refused.why);
    }
    line
}
