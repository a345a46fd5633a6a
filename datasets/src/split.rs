//! Where training ends and testing begins.
//!
//! The rules are those of Informer's and Autoformer's loaders, which every later paper compares
//! on: the ETT sets are cut after 12, 16 and 20 months of 30 days (what follows is not used), the
//! others at 70 and 80 percent. Validation and test start one context *before* their border, so
//! that their first window predicts the first row after it.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the rows of a series are divided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitRule {
    /// That many rows for each part, from the start; rows after them are not used.
    Rows {
        /// Rows of the training part.
        train: usize,
        /// Rows of the validation part, without the context before it.
        validation: usize,
        /// Rows of the test part, without the context before it.
        test: usize,
    },
    /// `train` of the rows first, `test` of the rows last, validation between them; each count
    /// is rounded down, as the published loaders do.
    Ratio {
        /// Fraction of the rows that train.
        train: f64,
        /// Fraction of the rows that test.
        test: f64,
    },
}

const MONTH_OF_HOURS: usize = 30 * 24;

impl SplitRule {
    /// ETTh1 and ETTh2: 12, 4 and 4 months of hours.
    pub const ETT_HOURLY: Self = Self::Rows {
        train: 12 * MONTH_OF_HOURS,
        validation: 4 * MONTH_OF_HOURS,
        test: 4 * MONTH_OF_HOURS,
    };
    /// ETTm1 and ETTm2: 12, 4 and 4 months of quarter hours.
    pub const ETT_QUARTER_HOURLY: Self = Self::Rows {
        train: 12 * MONTH_OF_HOURS * 4,
        validation: 4 * MONTH_OF_HOURS * 4,
        test: 4 * MONTH_OF_HOURS * 4,
    };
    /// Every other set: 70, 10 and 20 percent.
    pub const RATIO_70_10_20: Self = Self::Ratio { train: 0.7, test: 0.2 };

    /// The rows that each part owns (no overlap): train, validation, test; `None` where `rows`
    /// cannot hold them.
    fn borders(&self, rows: usize) -> Option<[Range<usize>; 3]> {
        let (train, validation, test) = match *self {
            Self::Rows { train, validation, test } => {
                if train.checked_add(validation)?.checked_add(test)? > rows {
                    return None;
                }
                (train, validation, test)
            }
            Self::Ratio { train, test } => {
                let sound = (0.0..=1.0).contains(&train)
                    && (0.0..=1.0).contains(&test)
                    && train + test <= 1.0;
                if !sound {
                    return None;
                }
                // Truncation of a product in double precision, exactly as int(n * 0.7).
                let train = (rows as f64 * train) as usize;
                let test = (rows as f64 * test) as usize;
                (train, rows.checked_sub(train + test)?, test)
            }
        };
        let second = train + validation;
        Some([0..train, train..second, second..second + test])
    }

    /// The parts of a series of `rows` rows, for windows of `context` + `horizon` rows.
    ///
    /// `name` is only used in the error.
    ///
    /// # Errors
    ///
    /// [`Error::TooShort`] when a part holds no window (it says how many rows are needed);
    /// [`Error::BadSplit`] when the fractions make no sense.
    pub fn split(&self, name: &str, rows: usize, context: usize, horizon: usize) -> Result<Split> {
        if let Self::Ratio { train, test } = *self {
            let sound = train > 0.0 && test >= 0.0 && train + test <= 1.0;
            if !sound {
                return Err(Error::BadSplit { train, test });
            }
        }
        match self.try_split(rows, context, horizon) {
            Ok(split) => Ok(split),
            Err(part) => Err(Error::TooShort {
                name: name.to_string(),
                part,
                rows,
                context,
                horizon,
                needed: self.rows_needed(rows, context, horizon),
            }),
        }
    }

    /// The split, or the first part that holds no window.
    fn try_split(
        &self,
        rows: usize,
        context: usize,
        horizon: usize,
    ) -> std::result::Result<Split, Part> {
        let Some([train, validation, test]) = self.borders(rows) else {
            return Err(Part::Train);
        };
        let split = Split {
            fit: train.clone(),
            validation: validation.start.checked_sub(context).ok_or(Part::Train)?..validation.end,
            test: test.start.checked_sub(context).ok_or(Part::Train)?..test.end,
            train,
            context,
            horizon,
        };
        match Part::ALL.into_iter().find(|&part| split.windows(part) == 0) {
            None => Ok(split),
            Some(part) => Err(part),
        }
    }

    /// The fewest rows, above `rows`, from which on every part holds a window.
    fn rows_needed(&self, rows: usize, context: usize, horizon: usize) -> Option<usize> {
        let enough = |rows: &usize| self.try_split(*rows, context, horizon).is_ok();
        match *self {
            Self::Rows { train, validation, test } => {
                Some(train + validation + test).filter(enough)
            }
            // Rounding makes the condition not quite monotone (104 rows may do where 105 do
            // not), so the last failure is searched from above; 40 windows is far more than
            // 70/10/20 asks for (10 horizons).
            Self::Ratio { .. } => {
                let top = (context + horizon).saturating_mul(40).min(50_000_000);
                let last_failure = (rows..=top).rev().find(|rows| !enough(rows))?;
                (last_failure < top).then_some(last_failure + 1)
            }
        }
    }
}

impl fmt::Display for SplitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ETT_HOURLY | Self::ETT_QUARTER_HOURLY => f.write_str("12/4/4 months"),
            Self::Rows { train, validation, test } => write!(f, "{train}/{validation}/{test} rows"),
            Self::Ratio { train, test } => {
                let percent = |fraction: f64| (fraction * 100.0).round();
                write!(f, "{}/{}/{} %", percent(train), percent(1.0 - train - test), percent(test))
            }
        }
    }
}

/// One of the three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Trained on; the scaler is fitted here.
    Train,
    /// Chosen by: early stopping and the like.
    Validation,
    /// Reported.
    Test,
}

impl Part {
    /// The parts in their order in time.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// The row ranges of the three parts, for one context and horizon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Split {
    /// Rows of the training part.
    pub train: Range<usize>,
    /// Rows of the validation part, with the context before its border.
    pub validation: Range<usize>,
    /// Rows of the test part, with the context before its border.
    pub test: Range<usize>,
    /// Rows that the scaler is fitted on: the training rows.
    pub fit: Range<usize>,
    /// Rows that a window reads.
    pub context: usize,
    /// Rows that a window predicts.
    pub horizon: usize,
}

impl Split {
    /// The rows of a part.
    #[must_use]
    pub fn rows(&self, part: Part) -> Range<usize> {
        match part {
            Part::Train => self.train.clone(),
            Part::Validation => self.validation.clone(),
            Part::Test => self.test.clone(),
        }
    }

    /// How many windows a part holds: `rows - context - horizon + 1`, or 0.
    #[must_use]
    pub fn windows(&self, part: Part) -> usize {
        (self.rows(part).len() + 1).saturating_sub(self.context + self.horizon)
    }
}
