//! The crate as its users see it.
// A failed `unwrap` is a failed test, in helpers too.
#![allow(clippy::unwrap_used)]

mod command_line;
mod facts;
mod fetching;
mod forecast;
mod loading;
mod reading;
mod round_trip;
mod server;
mod splitting;
mod synthetic;
