//! Benchmarks of Tilewright, and the one binary that is carried to a machine with a GPU.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line; it contains those of `patchtst`, `autotune` and `datasets` |
//! | [`shapes`] | the attention shapes that peers were measured on |
//! | [`attention`] | device time of attention, beside what memory bandwidth allows |
//! | [`results`] | rows of measurements, as a table, JSON and Markdown |
//! | [`conformance`] | the library's conformance suite, with progress |

pub mod attention;
pub mod cli;
pub mod conformance;
pub mod results;
pub mod shapes;

pub use cli::{Cli, run};

/// The commit that this program was built from, or `unknown`.
pub const COMMIT: &str = env!("TILEWRIGHT_BUILD_COMMIT");
