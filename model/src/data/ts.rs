//! Labelled cases in the `.ts` format of timeseriesclassification.com, which aeon, sktime and
//! Time-Series-Library read too: a header of lines that begin with `@`, then a case on each line,
//! its dimensions parted by colons, their values by commas, and its label last.
//!
//! ```text
//! # a comment
//! @problemName Waves
//! @univariate false
//! @dimensions 2
//! @equalLength true
//! @seriesLength 3
//! @classLabel true calm rough
//! @data
//! 0.1,0.2,0.1:1.0,1.1,1.0:calm
//! 0.9,-0.8,0.7:0.2,3.1,-2.0:rough
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::few;
use super::ts_header::{Header, Kind};

/// Why a `.ts` file cannot be used.
#[derive(Debug, Error)]
pub enum TsError {
    #[error("cannot read {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}, line {line}: {what}", path = path.display())]
    Line { path: PathBuf, line: usize, what: String },
    #[error("{path}: {what}", path = path.display())]
    File { path: PathBuf, what: String },
}

/// What is said about the cases of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The names of the classes in the header's order, and the class of each case.
    Classes { names: Vec<String>, of: Vec<usize> },
    /// A number for each case (`@targetlabel true`).
    Numbers(Vec<f64>),
    /// Nothing: cases to predict.
    None,
}

/// The cases of a file: as many values in every channel of every one.
#[derive(Clone, Debug, PartialEq)]
pub struct TsFile {
    /// As the header has it, or the file's name without its ending.
    pub name: String,
    /// Dimensions, as the format calls them.
    pub channels: usize,
    /// Steps of a case.
    pub length: usize,
    /// `[cases, length, channels]`, row-major.
    pub values: Vec<f64>,
    pub labels: Labels,
}

impl TsFile {
    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// In one line, with the file, the line and what to do: a header that contradicts itself or its
    /// cases, cases of different lengths or dimensions, values that are missing or no numbers, labels
    /// that the header does not name, no cases.
    pub fn read(path: &Path) -> Result<Self, TsError> {
        Self::read_some(path, usize::MAX)
    }

    /// Reads the header and the first case, which tell the shape of all.
    pub fn read_first(path: &Path) -> Result<Self, TsError> {
        Self::read_some(path, 1)
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.values.len() / (self.length * self.channels).max(1)
    }

    fn read_some(path: &Path, most: usize) -> Result<Self, TsError> {
        let fault = |source| TsError::Read { path: path.to_path_buf(), source };
        let mut file = BufReader::new(File::open(path).map_err(fault)?);
        let mut reading = Reading::new(path);
        let (mut bytes, mut number) = (Vec::new(), 0);
        while reading.cases < most {
            bytes.clear();
            if file.read_until(b'\n', &mut bytes).map_err(fault)? == 0 {
                break;
            }
            number += 1;
            // Comments hold names in any encoding; a value that is damaged by it is no number.
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_start_matches('\u{feff}').trim();
            let line = |what| TsError::Line { path: path.to_path_buf(), line: number, what };
            reading.line(text).map_err(line)?;
        }
        let what = |what| TsError::File { path: path.to_path_buf(), what };
        reading.finish().map_err(what)
    }
}

/// A file as far as it was read. Errors are without the place, which the caller knows.
struct Reading {
    stem: String,
    header: Header,
    in_data: bool,
    cases: usize,
    /// Channels and steps of the first case.
    shape: Option<(usize, usize)>,
    values: Vec<f64>,
    classes: Vec<usize>,
    numbers: Vec<f64>,
}

impl Reading {
    fn new(path: &Path) -> Self {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Self {
            stem: stem.unwrap_or_default(),
            header: Header::default(),
            in_data: false,
            cases: 0,
            shape: None,
            values: Vec::new(),
            classes: Vec::new(),
            numbers: Vec::new(),
        }
    }

    fn line(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() || text.starts_with(['#', '%']) {
            return Ok(());
        }
        if self.in_data {
            return self.case(text);
        }
        let Some(entry) = text.strip_prefix('@') else {
            return Err("a case before the line @data, with which cases begin".into());
        };
        if entry.trim().eq_ignore_ascii_case("data") {
            self.in_data = true;
            return self.header.check();
        }
        self.header.entry(entry)
    }

    fn case(&mut self, text: &str) -> Result<(), String> {
        let mut dimensions: Vec<&str> = text.split(':').collect();
        let label = match &self.header.kind {
            Kind::Unlabelled => None,
            _ => dimensions.pop(),
        };
        let parsed: Vec<Vec<f64>> = dimensions
            .iter()
            .enumerate()
            .map(|(place, values)| dimension(values, place + 1))
            .collect::<Result<_, _>>()?;
        let found = parsed.len();
        let length = parsed.first().map_or(0, Vec::len);
        let (channels, steps) = match self.shape {
            Some(shape) => shape,
            None => {
                self.header.check_shape(found, length)?;
                *self.shape.insert((found, length))
            }
        };
        if found != channels {
            return Err(format!(
                "{found} dimensions, where the first case has {channels}; a colon parts dimensions{}",
                if label.is_some() { ", and the label stands behind the last" } else { "" }
            ));
        }
        if let Some(place) = parsed.iter().position(|values| values.len() != steps) {
            return Err(format!(
                "dimension {} has {} values, where the first case has {steps}; cut or pad the \
                 cases to one length",
                place + 1,
                parsed[place].len()
            ));
        }
        if let Some(label) = label {
            self.label(label.trim())?;
        }
        self.values.reserve(steps * channels);
        for step in 0..steps {
            self.values.extend(parsed.iter().map(|values| values[step]));
        }
        self.cases += 1;
        Ok(())
    }

    fn label(&mut self, label: &str) -> Result<(), String> {
        match &self.header.kind {
            Kind::Classes(names) => {
                let class = names.iter().position(|name| name == label).ok_or_else(|| {
                    format!(
                        "`{label}` is none of the classes in @classLabel: {}; correct the label, \
                         or add it there",
                        few(names)
                    )
                })?;
                self.classes.push(class);
            }
            Kind::Numbers => {
                let number = number(label).map_err(|why| format!("the target {why}"))?;
                self.numbers.push(number);
            }
            Kind::Unlabelled => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<TsFile, String> {
        if !self.in_data {
            return Err("no line @data, with which cases begin".into());
        }
        let Some((channels, length)) = self.shape else {
            return Err("no cases behind the line @data".into());
        };
        Ok(TsFile {
            name: self.header.name.unwrap_or(self.stem),
            channels,
            length,
            values: self.values,
            labels: match self.header.kind {
                Kind::Classes(names) => Labels::Classes { names, of: self.classes },
                Kind::Numbers => Labels::Numbers(self.numbers),
                Kind::Unlabelled => Labels::None,
            },
        })
    }
}

/// The values of the dimension that is counted `place`, from 1.
fn dimension(text: &str, place: usize) -> Result<Vec<f64>, String> {
    if text.trim().is_empty() {
        return Err(format!("dimension {place} has no values"));
    }
    if text.trim_start().starts_with('(') {
        return Err(format!(
            "dimension {place} has time stamps; write the values alone, at equal steps"
        ));
    }
    let value = |(index, text): (usize, &str)| {
        number(text.trim()).map_err(|why| format!("dimension {place}, value {}: {why}", index + 1))
    };
    text.split(',').enumerate().map(value).collect()
}

/// A finite number, or why there is none.
fn number(text: &str) -> Result<f64, String> {
    if text.is_empty() || text == "?" || text.eq_ignore_ascii_case("nan") {
        return Err("is missing; fill missing values in first, for example by interpolation".into());
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("`{text}` is not finite")),
        Err(_) => Err(format!("`{text}` is not a number")),
    }
}
