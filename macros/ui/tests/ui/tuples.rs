#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn lengths(score: f32) -> f32 {
    let (a, b) = (score, 1.0, 2.0);
    let (c, d) = score;
    score
}

#[score_mod]
fn result(score: f32) -> f32 {
    (score, 1.0)
}

#[score_mod]
fn operand(score: f32) -> f32 {
    let pair = (score, 1.0);
    pair + 1.0
}

#[score_mod]
fn fields(score: f32) -> f32 {
    let pair = (score, 1.0);
    pair.2 + pair.first
}

#[score_mod]
fn shapes(score: f32) -> f32 {
    let (a, b) = if score > 1.0 { (score, 1.0) } else { score };
    score
}

#[score_mod]
fn parts(score: f32, at: Position) -> f32 {
    let (a, b) = if score > 1.0 { (score, 1.0) } else { (score, at.key) };
    let (c, d): (f32, u32) = (at.key, 1);
    let e: (f32, u32) = score;
    score
}

#[score_mod]
fn annotation(score: f32) -> f32 {
    let pair: (f32, f64) = (score, 1.0);
    score
}

#[score_mod]
fn changing(score: f32) -> f32 {
    let (mut a, ref b) = (score, 1.0);
    let [c, d] = [score, score];
    let (e, ..) = (score, 1.0);
    score
}

#[score_mod]
fn assigned(score: f32) -> f32 {
    let (a, b) = (score, 1.0);
    (a, b) = (b, a);
    a
}

fn main() {}
