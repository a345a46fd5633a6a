#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod(exmaple(1.0))]
fn unknown(score: f32, cap: f32) -> f32 {
    cap * score
}

#[score_mod(example = 1.0)]
fn form(score: f32, cap: f32, steps: u32) -> f32 {
    cap * score
}

#[mask_mod(backward)]
fn none(at: Position) -> bool {
    at.query < at.key
}

fn main() {}
