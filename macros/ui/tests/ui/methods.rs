#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn slip(score: f32) -> f32 {
    score.tahn()
}

#[score_mod]
fn unknown(score: f32) -> f32 {
    score.relu()
}

#[mask_mod]
fn other_type(at: Position) -> bool {
    at.query.sqrt() > 2
}

#[score_mod]
fn arguments(score: f32) -> f32 {
    score.min() + score.tanh(1.0) + score.powi(0.5) + score.max(1)
}

#[score_mod]
fn open_literal(score: f32) -> f32 {
    score + 2.pow(3) as f32
}

fn main() {}
