//! All integration tests of the model, in one binary: each would link Burn anew.
// A failed `unwrap` is a failed test, in helpers too.
#![allow(clippy::unwrap_used)]

mod attention;
mod checkpoint;
mod cli;
mod clipping;
mod config;
mod dashboard;
mod distribution;
mod forecast;
mod heads;
mod huggingface;
mod labelled;
mod log;
mod malformed;
mod masking;
mod model;
mod official;
mod operators;
mod pictures;
mod precision;
mod schedule;
mod support;
mod tools;
mod training;
mod transfer;
mod ts;
