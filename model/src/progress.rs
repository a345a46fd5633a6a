//! What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::train::report::EpochRow;

/// Seconds between two lines of an epoch where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Progress of a run on standard error.
pub struct Progress {
    quiet: bool,
    bar: Option<ProgressBar>,
    terminal: bool,
    began: Instant,
    epoch: usize,
    epochs: usize,
    batches: usize,
    /// Batches seen since `began`, over all epochs: what the estimate rests on.
    seen: usize,
    last_batch: usize,
    loss: Option<f64>,
    last_line: Instant,
}

impl Progress {
    pub fn new(quiet: bool) -> Self {
        let now = Instant::now();
        Self {
            quiet,
            bar: None,
            terminal: std::io::stderr().is_terminal(),
            began: now,
            epoch: 0,
            epochs: 0,
            batches: 0,
            seen: 0,
            last_batch: 0,
            loss: None,
            last_line: now,
        }
    }

    pub fn begin_epoch(&mut self, epoch: usize, epochs: usize, done: usize, batches: usize) {
        (self.epoch, self.epochs, self.batches, self.last_batch) = (epoch, epochs, batches, done);
        self.loss = None;
        if self.quiet || !self.terminal {
            return;
        }
        let bar = ProgressBar::new(batches as u64);
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(format!("epoch {}/{epochs}", epoch + 1));
        bar.set_position(done as u64);
        self.bar = Some(bar);
    }

    /// `batch` batches of the epoch are done; `loss` if it was read just now.
    pub fn step(&mut self, batch: usize, loss: Option<f64>) {
        self.seen += batch - self.last_batch;
        self.last_batch = batch;
        self.loss = loss.or(self.loss);
        let text = || match self.loss {
            Some(loss) => format!("loss {loss:.4}, {} left", HumanDuration(self.left())),
            None => String::new(),
        };
        if let Some(bar) = &self.bar {
            bar.set_position(batch as u64);
            bar.set_message(text());
        } else if !self.quiet && self.last_line.elapsed() > LINE_EVERY {
            eprintln!(
                "epoch {}/{} batch {batch}/{} {}",
                self.epoch + 1,
                self.epochs,
                self.batches,
                text()
            );
            self.last_line = Instant::now();
        }
    }

    /// Time that the remaining epochs would take at the pace so far.
    fn left(&self) -> Duration {
        let all = self.batches * (self.epochs - self.epoch);
        let left = all.saturating_sub(self.last_batch);
        let pace = self.began.elapsed().as_secs_f64() / self.seen.max(1) as f64;
        Duration::from_secs((pace * left as f64) as u64)
    }

    pub fn end_epoch(&mut self, row: &EpochRow, better: bool) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.quiet {
            return;
        }
        let test = row.test.map(|test| format!("  test {test:.5}")).unwrap_or_default();
        let mark = if better { "  best" } else { "" };
        eprintln!(
            "epoch {:>3}/{}  train {:.5}  val {:.5}{test}  lr {:.2e}  {:.1} s{mark}",
            row.epoch, self.epochs, row.train, row.val, row.learning_rate, row.seconds
        );
        self.last_line = Instant::now();
    }

    pub fn note(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }
}
