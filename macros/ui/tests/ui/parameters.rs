#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn unsupported(score: f32, table: &[f32], flag: bool, count: usize) -> f32 {
    score
}

#[score_mod]
fn patterns(score: f32, (a, b): (f32, f32), mut c: f32) -> f32 {
    score
}

#[score_mod]
fn twice(score: f32, cap: f32, cap: f32) -> f32 {
    score
}

fn main() {}
