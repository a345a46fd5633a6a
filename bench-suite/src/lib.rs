//! Benchmarks of Tilewright, and the one binary that is carried to a machine with a GPU.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line; it contains those of `patchtst`, `autotune` and `datasets` |
//! | [`shapes`] | the attention shapes that are measured |
//! | [`attention`] | device time of attention, beside what memory bandwidth allows |
//! | [`implementation`] | whose code is measured |
//! | [`measure`] | one problem, by everyone who takes part, in turns |
//! | [`peers`] | others' attention, in a Python process; its program lies in `peers/` |
//! | [`oracle`] | whether results agree with the `f64` reference |
//! | [`results`] | rows of measurements, and the files that they are kept in |
//! | `tables`, [`chart`] | those rows as text, Markdown and SVG |
//! | [`check_kernels`] | registers and spills of the shipped kernels, without a GPU |
//! | [`explain`] | a variant's function, derivative, plan and kernels, to read |
//! | [`kernels`] | device time of whole kernels under `#[kernel]` |
//! | [`paper`] | errors of trained runs beside the published table |
//! | [`conformance`] | the library's conformance suite, with progress |

pub mod attention;
pub mod chart;
pub mod check_kernels;
pub mod cli;
pub mod conformance;
pub mod explain;
pub mod implementation;
pub mod kernels;
pub mod measure;
pub mod oracle;
pub mod paper;
pub mod peers;
pub mod results;
pub mod shapes;
pub mod subjects;
mod tables;

pub use cli::{Cli, run};

/// The commit that this program was built from, or `unknown`.
pub const COMMIT: &str = env!("TILEWRIGHT_BUILD_COMMIT");
