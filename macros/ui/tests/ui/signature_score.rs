#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn no_score() -> f32 {
    1.0
}

#[score_mod]
fn position_first(at: Position, score: f32) -> f32 {
    score
}

#[score_mod]
fn wrong_type(score: f64, cap: f32) -> f32 {
    score
}

#[score_mod]
fn position_late(score: f32, cap: f32, at: Position) -> f32 {
    score
}

#[score_mod]
fn position_by_reference(score: f32, at: &Position) -> f32 {
    score
}

fn main() {}
