//! Measures which plan is fastest for each attention problem on one device, and writes the tuning
//! table that the library reads at run time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line, for this crate's binary and for others to embed |
//! | [`grid`] | which problems are measured: presets and ranges |
//! | [`workload`] | tensors of one problem's sizes, and the call to measure |
//! | [`values`] | elements of those tensors, which another program can make too |
//! | [`timing`] | device time of short calls, with cold caches |
//! | [`bandwidth`] | what a plain copy reaches, to know how far from it a plan is |
//! | [`kernels`], [`kernel_command`] | the tunings of a whole kernel under `#[kernel]` |
//! | [`tune`] | from one problem to the entry of a table |
//! | [`show`] | a table in a form to read |

pub mod bandwidth;
pub mod cli;
pub mod grid;
pub mod kernel_command;
pub mod kernels;
pub mod show;
pub mod timing;
pub mod tune;
pub mod values;
pub mod workload;

pub use cli::{Cli, run};
