//! All integration tests of the model, in one binary: each would link Burn anew.

mod attention;
mod checkpoint;
mod cli;
mod config;
mod forecast;
mod model;
mod operators;
mod schedule;
mod support;
mod training;
