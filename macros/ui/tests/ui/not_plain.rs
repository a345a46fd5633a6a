#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
async fn waits(score: f32) -> f32 {
    score
}

#[score_mod]
unsafe fn dares(score: f32) -> f32 {
    score
}

#[score_mod]
const fn constant(score: f32) -> f32 {
    score
}

#[score_mod]
extern "C" fn foreign(score: f32) -> f32 {
    score
}

#[score_mod]
fn generic<T>(score: f32) -> f32 {
    score
}

#[score_mod]
#[inline]
fn attributed(score: f32) -> f32 {
    score
}

#[score_mod]
fn NotSnake(score: f32) -> f32 {
    score
}

fn main() {}
