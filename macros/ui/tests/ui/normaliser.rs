#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod(normaliser = sink)]
fn sink(score: f32) -> f32 {
    score
}

#[score_mod(normaliser)]
fn unchosen(score: f32) -> f32 {
    score
}

#[score_mod(example(1.0), normaliser = "sigmoid")]
fn text(score: f32, bias: f32) -> f32 {
    score + bias
}

#[mask_mod(normaliser = sigmoid)]
fn mask(at: Position) -> bool {
    true
}

fn main() {}
