//! Measures which plan is fastest for each attention problem on one device, proves it correct, and
//! writes the tuning table that the library reads at run time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`], [`commands`], [`problems`] | the command line, for this crate's binary and for others to embed |
//! | [`session`] | a whole run: problem after problem, into a table |
//! | [`search`] | one problem: prune, race, run off, judge |
//! | [`space`], [`method`], [`statistics`] | which plans are measured, how thoroughly, and what times say |
//! | [`laboratory`], [`stand`] | where plans run: a device, or what takes its place in a test |
//! | [`journal`] | every measurement, so that a run that was cut off goes on |
//! | [`drift`], [`roofline`], [`occupancy`] | whether the device stays as fast as it was, what it could reach, and how a plan fills it |
//! | [`grid`] | which problems are measured: presets and ranges |
//! | [`workload`], [`values`] | tensors of one problem's sizes, and the call to measure |
//! | [`timing`], [`bandwidth`] | device time of short calls, with cold caches; what a plain copy reaches |
//! | [`compare`], [`merge`], [`heat_map`], [`columns`] | tables beside each other, as one, as a picture, as text |
//! | [`kernels`] | the tunings of a whole kernel under `#[kernel]` |
//! | [`workers`], [`progress`], [`files`], [`kernel_cache`] | one run on several devices, what a person sees of it, files written whole, kernels kept |

pub mod bandwidth;
pub mod cli;
pub mod columns;
pub mod commands;
pub mod compare;
pub mod drift;
pub mod files;
pub mod grid;
pub mod heat_map;
pub mod journal;
pub mod kernel_cache;
pub mod kernels;
pub mod laboratory;
pub mod merge;
pub mod method;
pub mod occupancy;
pub mod problems;
pub mod progress;
pub mod roofline;
pub mod search;
pub mod session;
pub mod space;
pub mod stand;
pub mod statistics;
pub mod timing;
pub mod values;
pub mod workers;
pub mod workload;

pub use cli::{Cli, run};
