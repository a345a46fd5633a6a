//! `autotune`, its command line on the CPU, its searches on a simulated device.
// A failed `unwrap` is a failed test, in helpers too.
#![allow(clippy::unwrap_used)]

mod commands;
mod journal;
mod kernels;
mod search;
mod simulated;
mod tables;

use std::process::{Command, Output};

fn autotune(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_autotune"))
        .args(arguments)
        .env_remove("TILEWRIGHT_TABLE")
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a run that must succeed.
fn success(arguments: &[&str]) -> String {
    let output = autotune(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Standard error of a run that must fail.
fn failure(arguments: &[&str]) -> String {
    let output = autotune(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded: {}", text(&output.stdout));
    text(&output.stderr)
}
