//! A table of dates and channels, and the ways into and out of it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dates::{self, DateTime, Frequency};
use crate::error::{Error, Result};

mod reading;

/// What to do with a missing value: an empty cell, `NaN`, `NA`, `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum MissingPolicy {
    /// Stop at the first one and name its place.
    #[default]
    Error,
    /// Fill it on the straight line, in time, between the values around it in its channel; before
    /// the first and after the last value, with that value.
    Interpolate,
    /// Leave out its row; the rows around it become neighbours.
    Drop,
}

/// What to do with dates that repeat or go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePolicy {
    /// Stop at the first one and name its line.
    #[default]
    Strict,
    /// Keep the rows as they are and leave a note. The catalogue's files are read so: weather's
    /// holds 2020-05-12 06:00 twice (thuml/Autoformer#173), and every published number was
    /// measured with it.
    Note,
}

/// How a CSV is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// Missing values.
    pub missing: MissingPolicy,
    /// Dates out of order.
    pub dates: DatePolicy,
}

/// A multivariate time series: one date and one value per channel in each row.
///
/// Values are kept in double precision as the file states them, so that writing and reading again
/// changes nothing; windows hold them scaled, in single precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    name: String,
    columns: Vec<String>,
    dates: Vec<DateTime>,
    values: Arc<[f64]>,
    missing: Vec<usize>,
    notes: Vec<String>,
}

impl Series {
    /// A series from its parts: `values` is [dates, columns], row-major.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when the sizes do not fit together or there is no row or no column.
    pub fn new(
        name: impl Into<String>,
        columns: Vec<String>,
        dates: Vec<DateTime>,
        values: impl Into<Arc<[f64]>>,
    ) -> Result<Self> {
        let values = values.into();
        let name = name.into();
        let expected = dates.len() * columns.len();
        if expected == 0 || values.len() != expected {
            return Err(Error::Shape {
                what: format!(
                    "series {name} of {} dates and {} columns",
                    dates.len(),
                    columns.len()
                ),
                expected: expected.max(1),
                found: values.len(),
            });
        }
        Ok(Self {
            missing: vec![0; columns.len()],
            name,
            columns,
            dates,
            values,
            notes: Vec::new(),
        })
    }

    /// Reads a CSV file: a header, then rows of a date and one number for each channel.
    ///
    /// A byte-order mark, CRLF line ends, blank lines and a missing last line end are accepted.
    ///
    /// # Errors
    ///
    /// Most of [`Error`]; each says the file, the line, the column and the way out.
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                Error::NotFound { path: path.to_path_buf(), hint: crate::catalog::hint_for(path) }
            }
            _ => Error::io("read", path, source),
        })?;
        if metadata.is_dir() {
            return Err(Error::IsDirectory { path: path.to_path_buf() });
        }
        let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
        Self::read_from(BufReader::with_capacity(1 << 20, file), path, options)
    }

    /// Reads CSV text from anywhere; `path` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`Series::read`].
    pub fn read_from(input: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Self> {
        reading::read(input, path, options)
    }

    /// Writes the series as CSV, whole or not at all: the file appears under its name when the
    /// last byte is written. Values are written so that reading gives the same bits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, |file| {
            let mut out = csv::Writer::from_writer(BufWriter::new(file));
            let header = std::iter::once("date").chain(self.columns.iter().map(String::as_str));
            out.write_record(header)?;
            let mut record = csv::StringRecord::new();
            for (date, row) in self.dates.iter().zip(self.values.chunks(self.channels())) {
                record.clear();
                record.push_field(&dates::format(*date));
                for value in row {
                    record.push_field(&value.to_string());
                }
                out.write_record(&record)?;
            }
            out.flush()
        })
    }

    /// Name of the series: the data set's, or the file's without its extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same series under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.dates.len()
    }

    /// How many channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.columns.len()
    }

    /// Names of the channels.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The dates.
    #[must_use]
    pub fn dates(&self) -> &[DateTime] {
        &self.dates
    }

    /// All values, [rows, channels], row-major.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The values of a row.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        let channels = self.channels();
        &self.values[row * channels..(row + 1) * channels]
    }

    /// The values of a channel, in time.
    pub fn channel(&self, channel: usize) -> impl Iterator<Item = f64> + '_ {
        let values = self.values.get(channel..).unwrap_or_default();
        values.iter().step_by(self.channels()).copied()
    }

    /// How many values of each channel were missing in the file.
    #[must_use]
    pub fn missing(&self) -> &[usize] {
        &self.missing
    }

    /// What the reader should know: rows dropped, values filled, dates that repeat.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// The most common step between dates.
    #[must_use]
    pub fn frequency(&self) -> Option<Frequency> {
        Frequency::infer(&self.dates)
    }

    /// The `count` dates after the last; empty when no step can be inferred.
    #[must_use]
    pub fn dates_after(&self, count: usize) -> Vec<DateTime> {
        match (self.frequency(), self.dates.last()) {
            (Some(frequency), Some(last)) => frequency.forward(*last, count),
            _ => Vec::new(),
        }
    }

    /// Position of a channel.
    ///
    /// # Errors
    ///
    /// [`Error::MissingTarget`], which lists the channels.
    pub fn column_index(&self, name: &str) -> Result<usize> {
        let found = self.columns.iter().position(|column| column == name);
        found.ok_or_else(|| Error::MissingTarget {
            name: self.name.clone(),
            target: name.to_string(),
            columns: list(&self.columns),
        })
    }

    /// The values of some channels, [rows, channels.len()], row-major.
    ///
    /// # Panics
    ///
    /// When a channel is not there.
    #[must_use]
    pub fn select(&self, channels: &[usize]) -> Vec<f64> {
        if channels.iter().copied().eq(0..self.channels()) {
            return self.values.to_vec();
        }
        let mut picked = Vec::with_capacity(self.rows() * channels.len());
        for row in self.values.chunks_exact(self.channels()) {
            picked.extend(channels.iter().map(|&channel| row[channel]));
        }
        picked
    }
}

/// Names, shortened in the middle where there are hundreds (traffic has 862).
fn list(names: &[String]) -> String {
    const SHOWN: usize = 24;
    if names.len() <= SHOWN {
        return names.join(", ");
    }
    let head = names[..SHOWN / 2].join(", ");
    let tail = names[names.len() - SHOWN / 2..].join(", ");
    format!("{head}, ... ({} more) ..., {tail}", names.len() - SHOWN)
}

/// Runs `fill` on a new file beside `path`, then gives it that name.
pub(crate) fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<()> {
    if path.is_dir() {
        return Err(Error::IsDirectory { path: path.to_path_buf() });
    }
    let wrong = |source| Error::io("write", path, source);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&folder).map_err(|source| Error::io("create", &folder, source))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tilewright-");
    // Temporary files are private by default; data files get what the umask leaves.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(&folder).map_err(wrong)?;
    fill(file.as_file_mut()).map_err(wrong)?;
    file.as_file().sync_all().map_err(wrong)?;
    file.persist(path).map_err(|failed| wrong(failed.error))?;
    Ok(())
}
