//! From the lines of a CSV to a series.
//!
//! Lines are cut here rather than by the csv crate, whose line numbers drift with CRLF and blank
//! lines, and every error must name the right one. Lines that hold a quote go through that crate.

use std::io::{self, BufRead};
use std::path::Path;

use super::{DatePolicy, MissingPolicy, ReadOptions, Series};
use crate::dates::{self, DateTime};
use crate::error::{Error, Result};

pub(super) fn read(input: impl BufRead, path: &Path, options: &ReadOptions) -> Result<Series> {
    let mut lines = Lines::new(input, path);
    let Some(header_line) = lines.next_line()? else {
        return Err(Error::Empty { path: path.to_path_buf() });
    };
    let header = header(&lines.text, header_line, path)?;
    let mut table = Table::new(path, header, *options);
    while let Some(line) = lines.next_line()? {
        table.push(&lines.text, line)?;
    }
    table.finish()
}

/// The lines of a file that are not blank, with their numbers, checked to be UTF-8.
struct Lines<'a, R> {
    input: R,
    path: &'a Path,
    bytes: Vec<u8>,
    text: String,
    line: usize,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn new(input: R, path: &'a Path) -> Self {
        Self { input, path, bytes: Vec::new(), text: String::new(), line: 0 }
    }

    /// Puts the next line that is not blank into `text` and returns its number.
    fn next_line(&mut self) -> Result<Option<usize>> {
        loop {
            self.bytes.clear();
            let read = self.input.read_until(b'\n', &mut self.bytes);
            if read.map_err(|source| Error::io("read", self.path, source))? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let mut bytes = self.bytes.as_slice();
            if self.line == 1 {
                bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            }
            let Ok(text) = std::str::from_utf8(bytes) else {
                return Err(self.not_utf8());
            };
            let text = text.trim_end_matches(['\n', '\r']);
            if !text.trim().is_empty() {
                self.text.clear();
                self.text.push_str(text);
                return Ok(Some(self.line));
            }
        }
    }

    fn not_utf8(&self) -> Error {
        let wide = self.line == 1
            && (self.bytes.starts_with(b"\xFF\xFE") || self.bytes.starts_with(b"\xFE\xFF"));
        Error::NotUtf8 {
            path: self.path.to_path_buf(),
            line: self.line,
            hint: if wide { " (it looks like UTF-16)" } else { "" }.to_string(),
            from: if wide { "UTF-16" } else { "LATIN1" },
        }
    }
}

/// Calls `cell` with each cell of a line. Fails on a quote that stays open.
fn for_each_cell(
    text: &str,
    line: usize,
    path: &Path,
    mut cell: impl FnMut(usize, &str) -> Result<()>,
) -> Result<usize> {
    let mut count = 0;
    if !text.contains('"') {
        for part in text.split(',') {
            cell(count, part.trim())?;
            count += 1;
        }
        return Ok(count);
    }
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(Error::OpenQuote { path: path.to_path_buf(), line });
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let read = reader.read_record(&mut record).map_err(io::Error::from);
    read.map_err(|source| Error::io("read", path, source))?;
    for part in &record {
        cell(count, part.trim())?;
        count += 1;
    }
    Ok(count)
}

/// The names in the header: of the date column, then of the channels.
fn header(text: &str, line: usize, path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::<String>::new();
    for_each_cell(text, line, path, |index, name| {
        names.push(if name.is_empty() && index > 0 {
            format!("column_{}", index + 1)
        } else {
            name.to_string()
        });
        Ok(())
    })?;
    if names.len() < 2 {
        let other = [(';', "semicolon"), ('\t', "tab"), ('|', "bar")];
        let found = other.iter().find(|(mark, _)| text.contains(*mark));
        return Err(Error::NoChannels {
            path: path.to_path_buf(),
            line,
            hint: match found {
                Some((_, name)) => format!("; it looks separated by {name}s, not commas"),
                None => String::new(),
            },
        });
    }
    let mut seen = std::collections::HashMap::new();
    for (index, name) in names.iter().enumerate().skip(1) {
        if let Some(first) = seen.insert(name, index) {
            return Err(Error::DuplicateColumn {
                path: path.to_path_buf(),
                line,
                name: name.clone(),
                first: first + 1,
                second: index + 1,
            });
        }
    }
    Ok(names)
}

/// Rows as they are read.
struct Table<'a> {
    path: &'a Path,
    names: Vec<String>,
    options: ReadOptions,
    dates: Vec<DateTime>,
    values: Vec<f64>,
    missing: Vec<usize>,
    dropped: usize,
    /// Dates that repeat or go back, and the line of the first.
    irregular: Option<(usize, usize)>,
}

/// A cell, read.
enum Cell {
    Value(f64),
    Missing,
    Infinite,
    Text,
}

fn cell(text: &str) -> Cell {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Cell::Value(value),
        Ok(value) if value.is_nan() => Cell::Missing,
        Ok(_) => Cell::Infinite,
        // What pandas reads as missing, as far as it occurs in such files.
        Err(_) => match text {
            "" | "NA" | "N/A" | "n/a" | "null" | "NULL" | "None" | "<NA>" | "?" => Cell::Missing,
            _ => Cell::Text,
        },
    }
}

/// A cell for an error: not a screenful of it.
fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

impl<'a> Table<'a> {
    fn new(path: &'a Path, names: Vec<String>, options: ReadOptions) -> Self {
        Self {
            path,
            missing: vec![0; names.len() - 1],
            names,
            options,
            dates: Vec::new(),
            values: Vec::new(),
            dropped: 0,
            irregular: None,
        }
    }

    fn push(&mut self, text: &str, line: usize) -> Result<()> {
        let channels = self.names.len() - 1;
        let before = self.values.len();
        let mut date = None;
        let mut gap = false;
        // Cells past the header's width are counted, not read.
        let found = for_each_cell(text, line, self.path, |index, text| {
            if index == 0 {
                date = dates::parse(text);
                if date.is_none() {
                    return Err(Error::BadDate {
                        path: self.path.to_path_buf(),
                        line,
                        name: self.names[0].clone(),
                        text: shown(text),
                    });
                }
            } else if index <= channels {
                let value = self.number(text, line, index)?;
                if value.is_nan() {
                    self.missing[index - 1] += 1;
                    gap = true;
                }
                self.values.push(value);
            }
            Ok(())
        });
        // A row cut short in its last cell shows as text or as missing first; the count of its
        // cells is the better message.
        let cells = match found {
            Ok(found) => found,
            Err(error) => {
                let count = for_each_cell(text, line, self.path, |_, _| Ok(()))?;
                if count == self.names.len() {
                    return Err(error);
                }
                count
            }
        };
        if cells != self.names.len() {
            return Err(Error::RaggedRow {
                path: self.path.to_path_buf(),
                line,
                found: cells,
                expected: self.names.len(),
            });
        }
        // The first cell is always read.
        let Some(date) = date else {
            return Ok(());
        };
        if gap && self.options.missing == MissingPolicy::Drop {
            self.values.truncate(before);
            self.dropped += 1;
            return Ok(());
        }
        self.check_order(date, line)?;
        self.dates.push(date);
        Ok(())
    }

    /// The number of a cell; NaN where it is missing and that is allowed.
    fn number(&self, text: &str, line: usize, index: usize) -> Result<f64> {
        let read = cell(text);
        match read {
            Cell::Value(value) => return Ok(value),
            Cell::Missing if self.options.missing != MissingPolicy::Error => return Ok(f64::NAN),
            _ => {}
        }
        let path = self.path.to_path_buf();
        let name = self.names[index].clone();
        let column = index + 1;
        Err(match read {
            Cell::Missing => Error::Missing {
                path,
                line,
                column,
                name,
                shown: if text.is_empty() {
                    String::new()
                } else {
                    format!(" (`{}`)", shown(text))
                },
            },
            Cell::Infinite => Error::Infinite { path, line, column, name, text: shown(text) },
            Cell::Value(_) | Cell::Text => {
                Error::NotANumber { path, line, column, name, text: shown(text) }
            }
        })
    }

    fn check_order(&mut self, date: DateTime, line: usize) -> Result<()> {
        let Some(&previous) = self.dates.last() else {
            return Ok(());
        };
        if date > previous {
            return Ok(());
        }
        if self.options.dates == DatePolicy::Note {
            self.irregular = match self.irregular {
                Some((count, first)) => Some((count + 1, first)),
                None => Some((1, line)),
            };
            return Ok(());
        }
        let path = self.path.to_path_buf();
        // A date that goes back to one that was there is out of order, too; "repeats" is only
        // said of neighbours, where deleting one is the cure.
        Err(if date == previous {
            Error::DuplicateDate { path, line, date: dates::format(date) }
        } else {
            Error::Unsorted {
                path,
                line,
                date: dates::format(date),
                previous: dates::format(previous),
            }
        })
    }

    fn finish(mut self) -> Result<Series> {
        if self.dates.is_empty() {
            let path = self.path.to_path_buf();
            return Err(if self.dropped > 0 {
                Error::AllDropped { path }
            } else {
                Error::HeaderOnly { path }
            });
        }
        let mut notes = Vec::new();
        if let Some((count, line)) = self.irregular {
            notes.push(format!(
                "{count} date(s) repeat or go back, the first in line {line}; rows are kept in the \
                 file's order"
            ));
        }
        if self.dropped > 0 {
            notes.push(format!(
                "{} row(s) with missing values were left out; the rows around them are now \
                 neighbours",
                self.dropped
            ));
        }
        if self.options.missing == MissingPolicy::Interpolate {
            let filled = self.interpolate()?;
            if filled > 0 {
                notes.push(format!("{filled} missing value(s) were interpolated"));
            }
        }
        let stem = self.path.file_stem().unwrap_or(self.path.as_os_str());
        let name = stem.to_string_lossy().into_owned();
        let columns = self.names.split_off(1);
        let mut series = Series::new(name, columns, self.dates, self.values)?;
        series.missing = self.missing;
        series.notes = notes;
        Ok(series)
    }

    /// Fills missing values; returns how many.
    fn interpolate(&mut self) -> Result<usize> {
        let channels = self.missing.len();
        let mut filled = 0;
        for channel in 0..channels {
            if self.missing[channel] == 0 {
                continue;
            }
            let known: Vec<usize> = (0..self.dates.len())
                .filter(|row| !self.values[row * channels + channel].is_nan())
                .collect();
            let (Some(&first), Some(&last)) = (known.first(), known.last()) else {
                return Err(Error::AllMissing {
                    path: self.path.to_path_buf(),
                    column: channel + 2,
                    name: self.names[channel + 1].clone(),
                });
            };
            let at = |values: &[f64], row: usize| values[row * channels + channel];
            let (head, tail) = (at(&self.values, first), at(&self.values, last));
            for row in 0..first {
                self.values[row * channels + channel] = head;
            }
            for row in last + 1..self.dates.len() {
                self.values[row * channels + channel] = tail;
            }
            for pair in known.windows(2) {
                let (from, to) = (pair[0], pair[1]);
                let (low, high) = (at(&self.values, from), at(&self.values, to));
                for row in from + 1..to {
                    let part = self.part_of_way(from, row, to);
                    self.values[row * channels + channel] = low * (1.0 - part) + high * part;
                }
            }
            filled += self.missing[channel];
        }
        Ok(filled)
    }

    /// How far `row` lies between `from` and `to`, in time: 0 to 1.
    fn part_of_way(&self, from: usize, row: usize, to: usize) -> f64 {
        let whole = dates::seconds_between(self.dates[from], self.dates[to]);
        let part = dates::seconds_between(self.dates[from], self.dates[row]) / whole;
        if (0.0..=1.0).contains(&part) {
            part
        } else {
            // Dates that repeat or go back, which were allowed: count rows instead.
            (row - from) as f64 / (to - from) as f64
        }
    }
}
