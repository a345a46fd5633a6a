#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[mask_mod]
fn with_score(score: f32, at: Position) -> bool {
    true
}

#[mask_mod]
fn no_position() -> bool {
    true
}

#[mask_mod]
fn wrong_result(at: Position) -> f32 {
    1.0
}

fn main() {}
