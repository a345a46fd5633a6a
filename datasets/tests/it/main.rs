//! The crate as its users see it.

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
