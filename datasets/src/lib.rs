//! Benchmark time series for forecasting: reading, splits, scaling, windows, prefetching,
//! download.
//!
//! The way from a file to a batch:
//!
//! ```
//! use tilewright_datasets::{
//!     Features, ForecastData, ForecastSpec, Loader, LoaderOptions, ReadOptions, catalog,
//! };
//!
//! # fn main() -> Result<(), tilewright_datasets::Error> {
//! // "ETTh1", "weather", ... or a path of a CSV, or "synthetic", which needs no file.
//! let source = catalog::open("synthetic", None, &ReadOptions::default())?;
//! let data = ForecastData::new(
//!     &source.series,
//!     &ForecastSpec {
//!         context: 336,
//!         horizon: 96,
//!         features: Features::M,
//!         target: None, // the last column
//!         rule: source.rule,
//!         scale: true,
//!     },
//! )?;
//! let loader = Loader::new(
//!     data.train.clone(),
//!     LoaderOptions { batch: 32, shuffle: Some(2021), workers: 2, ..LoaderOptions::default() },
//! )?;
//! for batch in loader.epoch(0).skip_batches(160) {
//!     let batch = batch?;
//!     assert_eq!(batch.x.len(), batch.len * 336 * 7); // [len, context, channels]
//!     assert_eq!(batch.y.len(), batch.len * 96 * 7); // [len, horizon, channels_out]
//! }
//! println!("waited {:.3} s for data", loader.wait_seconds());
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`catalog`] | the facts of the nine public data sets, and finding and opening one by name or path |
//! | [`series`] | [`Series`]: a table of dates and channels; CSV in and out |
//! | [`dates`] | reading dates, the step between them, carrying them forward |
//! | [`split`] | the field's train / validation / test borders |
//! | [`scaler`] | z-scores fitted on the training rows |
//! | [`window`] | [`ForecastData`] and [`Windows`]: context and horizon, sliced from one shared array |
//! | [`loader`] | [`Loader`]: shuffled, prefetched, resumable batches |
//! | [`synthetic`] | a made series with known structure, for tests and first steps |
//! | [`fetch`] | resumable, checksummed download |
//! | [`inspect`] | what `datasets inspect` reports |
//! | [`cli`] | the command line, for this crate's binary and for others to embed |

pub mod catalog;
pub mod cli;
pub mod dates;
pub mod error;
pub mod fetch;
pub mod inspect;
pub mod loader;
pub mod scaler;
pub mod series;
pub mod split;
pub mod synthetic;
pub mod window;

pub use catalog::{Entry, Source};
pub use dates::{DateTime, Frequency};
pub use error::{Error, Result};
pub use loader::{Batch, Epoch, Loader, LoaderOptions};
pub use scaler::Scaler;
pub use series::{DatePolicy, MissingPolicy, ReadOptions, Series};
pub use split::{Part, Split, SplitRule};
pub use window::{Features, ForecastData, ForecastSpec, Windows};
