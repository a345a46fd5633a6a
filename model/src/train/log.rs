//! `log.jsonl`: what happens in a run, a line of JSON each, written as it happens.
//!
//! A run that goes on after a crash trains again what no checkpoint holds, and its log says so: a
//! `start` with the step from which it goes on, and later lines count where steps repeat.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::score::Score;
use crate::train::report::EpochRow;

/// What a line tells.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// Training begins, or goes on, behind so many steps.
    Start { step: u64, device: &'a str, attention: &'a str, precision: &'a str, parameters: usize },
    /// Losses came from the device: the mean of those since the last line, up to this step.
    Losses { epoch: usize, batch: usize, step: u64, loss: f64, learning_rate: f64 },
    /// An epoch ended.
    Epoch {
        #[serde(flatten)]
        row: &'a EpochRow,
        /// The lowest validation error so far.
        best: bool,
    },
    /// Asked to stop; the checkpoint is written.
    Stop { step: u64 },
    /// The best epoch was measured.
    Finish { step: u64, best_epoch: usize, test: Score, test_drop_last: Option<Score>, val: Score },
}

#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since 1970.
    time: f64,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

/// The open file.
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the file to go on behind its last whole line.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            // What a crash cut off in the middle.
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            file.set_len(whole as u64)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = open().with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Writes a line; it is in the file when this returns.
    pub fn write(&mut self, event: &Event<'_>) -> Result<()> {
        let time =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let mut line = serde_json::to_vec(&Line { time, event })?;
        line.push(b'\n');
        self.file.write_all(&line).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
