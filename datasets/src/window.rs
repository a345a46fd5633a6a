//! Context and horizon, sliced from one shared array.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::scaler::Scaler;
use crate::series::Series;
use crate::split::{Part, Split, SplitRule};

/// Which channels go in and which come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Features {
    /// All channels in, all channels out.
    #[default]
    M,
    /// The target alone, in and out.
    S,
    /// All channels in, the target out.
    #[serde(rename = "MS")]
    Ms,
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::M => "M",
            Self::S => "S",
            Self::Ms => "MS",
        })
    }
}

impl std::str::FromStr for Features {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_uppercase().as_str() {
            "M" => Ok(Self::M),
            "S" => Ok(Self::S),
            "MS" => Ok(Self::Ms),
            _ => Err(Error::BadSetting {
                setting: "features",
                value: text.to_string(),
                why: "M (all channels in and out), S (the target alone) or MS (all in, the target \
                      out)",
            }),
        }
    }
}

/// What to forecast from a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastSpec {
    /// Rows that a window reads.
    pub context: usize,
    /// Rows that a window predicts; 0 for windows without a target, as in masked pre-training.
    pub horizon: usize,
    /// Which channels go in and come out.
    pub features: Features,
    /// The target of `S` and `MS`; the last column if `None`.
    pub target: Option<String>,
    /// Where the parts begin and end.
    pub rule: SplitRule,
    /// Whether channels are scaled to z-scores by their training rows.
    pub scale: bool,
}

/// A series made ready: scaled, split, windowed.
#[derive(Clone, Debug)]
pub struct ForecastData {
    /// Windows to train on.
    pub train: Windows,
    /// Windows to choose by.
    pub validation: Windows,
    /// Windows to report.
    pub test: Windows,
    /// Scaler of the input channels; the identity when nothing is scaled.
    pub scaler: Scaler,
    /// Scaler of the output channels, for reading forecasts in the series' own units.
    pub scaler_out: Scaler,
    /// Names of the input channels.
    pub inputs: Vec<String>,
    /// Names of the output channels.
    pub outputs: Vec<String>,
    /// The row ranges.
    pub split: Split,
    /// What the reader should know: constant channels and the like.
    pub notes: Vec<String>,
}

impl ForecastData {
    /// Splits, scales and windows a series.
    ///
    /// # Errors
    ///
    /// [`Error::MissingTarget`], [`Error::TooShort`], [`Error::BadSplit`], [`Error::TooLarge`], or
    /// [`Error::BadSetting`] for a context of 0.
    pub fn new(series: &Series, spec: &ForecastSpec) -> Result<Self> {
        if spec.context == 0 {
            return Err(Error::BadSetting {
                setting: "context",
                value: "0".to_string(),
                why: "a window reads at least one row",
            });
        }
        let target = match &spec.target {
            Some(target) => series.column_index(target)?,
            None => series.channels() - 1,
        };
        let split = spec.rule.split(series.name(), series.rows(), spec.context, spec.horizon)?;
        let all: Vec<usize> = (0..series.channels()).collect();
        let (inputs, output) = match spec.features {
            Features::M => (all, None),
            Features::S => (vec![target], None),
            Features::Ms => (all, Some(target)),
        };

        let picked = series.select(&inputs);
        let scaler = if spec.scale {
            Scaler::fit(&picked, inputs.len(), split.fit.clone())?
        } else {
            Scaler::identity(inputs.len())
        };
        let values = scaler.transform(&picked)?;
        drop(picked);
        let sound = |value: &f64| value.is_finite();
        let unsound = (0..inputs.len())
            .find(|&c| !sound(&scaler.mean[c]) || !sound(&scaler.std[c]))
            .or_else(|| {
                let cell = values.iter().position(|value| !value.is_finite());
                cell.map(|cell| cell % inputs.len())
            });
        if let Some(channel) = unsound {
            return Err(Error::TooLarge {
                name: series.name().to_string(),
                column: series.columns()[inputs[channel]].clone(),
            });
        }
        let values: Arc<[f32]> = values.into();

        let names = |channels: &[usize]| -> Vec<String> {
            channels.iter().map(|&channel| series.columns()[channel].clone()).collect()
        };
        let notes = scaler
            .constant
            .iter()
            .map(|&channel| {
                format!(
                    "channel {} does not vary in the training rows; its deviation is taken as 1",
                    series.columns()[inputs[channel]]
                )
            })
            .collect();
        let windows = |part: Part| -> Result<Windows> {
            Windows::new(
                Arc::clone(&values),
                inputs.len(),
                output,
                split.rows(part),
                spec.context,
                spec.horizon,
            )
        };
        Ok(Self {
            train: windows(Part::Train)?,
            validation: windows(Part::Validation)?,
            test: windows(Part::Test)?,
            scaler_out: match output {
                Some(channel) => scaler.select(&[channel]),
                None => scaler.clone(),
            },
            scaler,
            outputs: match output {
                Some(channel) => names(&[channel]),
                None => names(&inputs),
            },
            inputs: names(&inputs),
            split,
            notes,
        })
    }

    /// The windows of a part.
    #[must_use]
    pub fn part(&self, part: Part) -> &Windows {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    /// The last `context` rows of the whole series, scaled, [context, channels]: what a forecast
    /// past its end reads.
    #[must_use]
    pub fn latest_context(&self) -> &[f32] {
        let windows = &self.test;
        let from = windows.values.len() - windows.context * windows.channels;
        &windows.values[from..]
    }
}

/// The windows of one part: a view of one shared array, which is never copied.
///
/// Window `i` reads rows `first + i .. + context` and predicts the `horizon` rows after them.
#[derive(Clone)]
pub struct Windows {
    values: Arc<[f32]>,
    channels: usize,
    output: Option<usize>,
    rows: Range<usize>,
    context: usize,
    horizon: usize,
    count: usize,
}

impl fmt::Debug for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the values: they are millions.
        f.debug_struct("Windows")
            .field("rows", &self.rows)
            .field("channels", &self.channels)
            .field("channels_out", &self.channels_out())
            .field("context", &self.context)
            .field("horizon", &self.horizon)
            .field("count", &self.count)
            .finish()
    }
}

impl Windows {
    /// Windows over `rows` of `values` [time, channels]; `output` picks the one channel that comes
    /// out, `None` all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when the values are no whole number of rows, or the rows or the output
    /// channel lie outside them; [`Error::BadSetting`] for a context of 0.
    pub fn new(
        values: Arc<[f32]>,
        channels: usize,
        output: Option<usize>,
        rows: Range<usize>,
        context: usize,
        horizon: usize,
    ) -> Result<Self> {
        if context == 0 {
            return Err(Error::BadSetting {
                setting: "context",
                value: "0".to_string(),
                why: "a window reads at least one row",
            });
        }
        if channels == 0 || !values.len().is_multiple_of(channels) {
            return Err(Error::Shape {
                what: format!("windows over rows of {channels} channels"),
                expected: channels,
                found: values.len(),
            });
        }
        let time = values.len() / channels;
        if rows.start > rows.end || rows.end > time {
            return Err(Error::Shape {
                what: format!("windows over rows {}..{}", rows.start, rows.end),
                expected: rows.end,
                found: time,
            });
        }
        if let Some(output) = output.filter(|&output| output >= channels) {
            return Err(Error::Shape {
                what: format!("windows with output channel {output}"),
                expected: output + 1,
                found: channels,
            });
        }
        let count = (rows.len() + 1).saturating_sub(context + horizon);
        Ok(Self { values, channels, output, rows, context, horizon, count })
    }

    /// How many windows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Rows that a window reads.
    #[must_use]
    pub fn context(&self) -> usize {
        self.context
    }

    /// Rows that a window predicts.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// Channels that go in.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Channels that come out.
    #[must_use]
    pub fn channels_out(&self) -> usize {
        match self.output {
            Some(_) => 1,
            None => self.channels,
        }
    }

    /// The rows of the series that the windows cover.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The first `count` windows, or all if there are fewer: for quick runs.
    #[must_use]
    pub fn take(mut self, count: usize) -> Self {
        self.count = self.count.min(count);
        self
    }

    /// Row of the series at which window `index` begins to read.
    ///
    /// # Panics
    ///
    /// When there is no such window.
    #[must_use]
    pub fn start(&self, index: usize) -> usize {
        assert!(index < self.count, "window {index} of {} windows", self.count);
        self.rows.start + index
    }

    /// What window `index` reads: [context, channels], a slice of the shared array.
    ///
    /// # Panics
    ///
    /// When there is no such window.
    #[must_use]
    pub fn x(&self, index: usize) -> &[f32] {
        let start = self.start(index);
        &self.values[start * self.channels..(start + self.context) * self.channels]
    }

    /// Appends what window `index` predicts: [horizon, channels_out].
    ///
    /// # Panics
    ///
    /// When there is no such window.
    pub fn extend_y(&self, index: usize, y: &mut Vec<f32>) {
        let start = self.start(index) + self.context;
        let rows = &self.values[start * self.channels..(start + self.horizon) * self.channels];
        match self.output {
            None => y.extend_from_slice(rows),
            Some(output) => y.extend(rows.iter().skip(output).step_by(self.channels)),
        }
    }
}
