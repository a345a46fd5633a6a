//! What a person sees of a run while it lasts.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar with the time left, and lines above it.
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    /// A bar over so many problems; nothing but errors if `quiet`.
    pub fn new(problems: usize, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(problems as u64) };
        let style = "{bar:24} {pos}/{len} {elapsed}, {eta} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        if !quiet {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, quiet }
    }

    /// What is being done now.
    pub fn now(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// One more problem is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// A line above the bar; where there is no terminal to draw a bar on, just a line.
    pub fn say(&self, line: impl AsRef<str>) {
        match self.bar.is_hidden() {
            _ if self.quiet => {}
            true => eprintln!("{}", line.as_ref()),
            false => self.bar.println(line),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
