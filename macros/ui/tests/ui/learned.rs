#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn integer(score: f32, #[learned] steps: u32) -> f32 {
    score * steps as f32
}

#[score_mod]
fn integers(score: f32, at: Position, #[learned] steps: Table<i32>) -> f32 {
    score * steps[at.head] as f32
}

#[mask_mod]
fn mask(at: Position, #[learned] share: f32) -> bool {
    at.key as f32 > share
}

#[score_mod]
fn given(#[learned] score: f32, #[learned] at: Position) -> f32 {
    score
}

#[score_mod]
fn with_argument(score: f32, #[learned(rate = 0.1)] t: f32, #[trained] cap: f32) -> f32 {
    score * t * cap
}

fn main() {}
