#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn of_a_float(score: f32) -> f32 {
    match score {
        0.0 => 1.0,
        _ => score,
    }
}

#[score_mod]
fn own_constant(score: f32, kind: u32) -> f32 {
    match kind {
        LIMIT => 1.0,
        _ => score,
    }
}

#[score_mod]
fn unknown_constant(score: f32, kind: u32) -> f32 {
    match kind {
        u32::BITS => 1.0,
        Kind::Near => 2.0,
        _ => score,
    }
}

#[score_mod]
fn other_type(score: f32, kind: u32) -> f32 {
    match kind {
        -1 => 1.0,
        true => 2.0,
        3i32 => 3.0,
        _ => score,
    }
}

#[score_mod]
fn names_in_alternatives(score: f32, kind: u32) -> f32 {
    match kind {
        0 | n => score * n as f32,
        _ => score,
    }
}

#[score_mod]
fn truths_in_a_range(score: f32) -> f32 {
    match score > 0.0 {
        false..=true => 1.0,
        _ => score,
    }
}

#[score_mod]
fn other_patterns(score: f32, kind: u32) -> f32 {
    match kind {
        Some(n) => 1.0,
        &n => 2.0,
        ref n => 3.0,
        [n] => 4.0,
        _ => score,
    }
}

#[score_mod]
fn tuple_lengths(score: f32, kind: u32) -> f32 {
    match (kind, score > 0.0) {
        (0, true, _) => 1.0,
        3 => 2.0,
        _ => score,
    }
}

fn main() {}
