#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn several(score: f32, at: Position) -> f32 {
    let a = at.rows;
    let b = score.tnh();
    let c = a + b;
    score + d + c
}

fn main() {}
