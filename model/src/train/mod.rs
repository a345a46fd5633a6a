//! Training: the loop, what it optimises with, and what it leaves behind.

pub mod adam;
pub mod batch;
pub mod checkpoint;
pub mod clip;
pub mod early_stopping;
mod finish;
pub mod group;
pub mod log;
pub mod lr_finder;
mod phases;
pub mod pruning;
pub mod report;
pub mod run_folder;
pub mod schedule;
pub mod seeds;
pub mod start;
pub mod step;
#[path = "loop.rs"]
pub mod training_loop;
