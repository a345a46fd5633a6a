#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn nothing(score: f32) {
    score;
}

#[score_mod]
fn wide(score: f32) -> f64 {
    score
}

#[score_mod]
fn truth(score: f32) -> f32 {
    score > 1.0
}

#[mask_mod]
fn number(at: Position) -> bool {
    at.query
}

#[score_mod]
fn unfinished(score: f32) -> f32 {
    score + 1.0;
}

#[score_mod]
fn only_let(score: f32) -> f32 {
    let score = score + 1.0;
}

#[score_mod]
fn empty(score: f32) -> f32 {}

fn main() {}
