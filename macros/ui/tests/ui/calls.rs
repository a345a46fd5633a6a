#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

fn helper(x: f32) -> f32 {
    x
}

#[score_mod]
fn calls(score: f32) -> f32 {
    helper(score) + f32::max(score, 1.0) + f32::from(score)
}

fn main() {}
