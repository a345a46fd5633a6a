//! What a person sees while a run goes on: a dashboard or a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::dashboard::Dashboard;
use crate::dashboard::view::View;
use crate::train::report::EpochRow;

/// Seconds between two lines of an epoch where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Progress of a run: on standard error, or a dashboard on standard output.
pub struct Progress {
    quiet: bool,
    dashboard: Option<Dashboard>,
    /// What is printed once the dashboard is gone.
    lines: Vec<String>,
    view: View,
    bar: Option<ProgressBar>,
    terminal: bool,
    began: Instant,
    /// Batches seen since `began`, over all epochs: what the estimate rests on.
    seen: usize,
    loss: Option<f64>,
    last_line: Instant,
}

impl Progress {
    pub fn new(quiet: bool) -> Self {
        let now = Instant::now();
        Self {
            quiet,
            dashboard: None,
            lines: Vec::new(),
            view: View::default(),
            bar: None,
            terminal: std::io::stderr().is_terminal(),
            began: now,
            seen: 0,
            loss: None,
            last_line: now,
        }
    }

    /// Shows a dashboard, if standard output is a terminal that can be drawn on. A key there sets
    /// `stop`.
    pub fn with_dashboard(mut self, stop: &Arc<AtomicBool>) -> Self {
        self.dashboard = Dashboard::open(Arc::clone(stop));
        self
    }

    /// The epochs that a run has behind it, and which of them was best, from 1.
    pub fn resume(&mut self, rows: &[EpochRow], best: usize) {
        (self.view.rows, self.view.best) = (rows.to_vec(), best);
    }

    pub fn begin_epoch(&mut self, epoch: usize, epochs: usize, done: usize, batches: usize) {
        let view = &mut self.view;
        (view.epoch, view.epochs, view.batches, view.batch) = (epoch, epochs, batches, done);
        self.loss = None;
        if self.quiet || self.dashboard.is_some() || !self.terminal {
            return;
        }
        let bar = ProgressBar::new(batches as u64);
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(format!("epoch {}/{epochs}", epoch + 1));
        bar.set_position(done as u64);
        self.bar = Some(bar);
    }

    /// `batch` batches of the epoch are done, the last at this rate; `loss` if it was read just now.
    pub fn step(&mut self, batch: usize, loss: Option<f64>, learning_rate: f64) {
        self.seen += batch - self.view.batch;
        self.view.batch = batch;
        self.view.learning_rate = learning_rate;
        self.loss = loss.or(self.loss);
        if let Some(dashboard) = &mut self.dashboard {
            let at = self.view.done();
            self.view.losses.extend(loss.map(|loss| (at, loss)));
            self.view.left = self.loss.map(|_| left(&self.view, self.began, self.seen));
            dashboard.tick(&self.view);
            return;
        }
        let left = || HumanDuration(left(&self.view, self.began, self.seen));
        let text = || match self.loss {
            Some(loss) => format!("loss {loss:.4}, {} left", left()),
            None => String::new(),
        };
        if let Some(bar) = &self.bar {
            bar.set_position(batch as u64);
            bar.set_message(text());
        } else if !self.quiet && self.last_line.elapsed() > LINE_EVERY {
            let View { epoch, epochs, batches, .. } = &self.view;
            eprintln!("epoch {}/{epochs} batch {batch}/{batches} {}", epoch + 1, text());
            self.last_line = Instant::now();
        }
    }

    pub fn end_epoch(&mut self, row: &EpochRow, better: bool) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if better {
            self.view.best = row.epoch;
        }
        self.view.rows.push(row.clone());
        let line = self.view.line(row);
        self.say(line);
        self.last_line = Instant::now();
    }

    pub fn note(&mut self, text: &str) {
        self.view.notes.push(text.to_string());
        self.say(text.to_string());
    }

    /// Prints a line, now or once the dashboard is gone.
    fn say(&mut self, line: String) {
        match &mut self.dashboard {
            Some(dashboard) => {
                dashboard.draw(&self.view);
                self.lines.push(line);
            }
            None if !self.quiet => eprintln!("{line}"),
            None => {}
        }
    }

    /// Ends the dashboard and prints what it showed in lines, so that it stays to be read.
    pub fn close(&mut self) {
        if self.dashboard.take().is_some() {
            for line in self.lines.drain(..) {
                eprintln!("{line}");
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.close();
    }
}

/// Time that the remaining epochs would take at the pace so far.
fn left(view: &View, began: Instant, seen: usize) -> Duration {
    let all = view.batches * (view.epochs - view.epoch);
    let left = all.saturating_sub(view.batch);
    let pace = began.elapsed().as_secs_f64() / seen.max(1) as f64;
    Duration::from_secs((pace * left as f64) as u64)
}
