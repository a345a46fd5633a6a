//! The commands, a file for each or for two that belong together.

pub mod diff;
pub mod explain;
pub mod kernel;
pub mod lookup_time;
pub mod regret;
pub mod run;
pub mod show;
pub mod verify;
pub mod watch;
