#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn mixed(score: f32, at: Position) -> f32 {
    score + at.key
}

#[score_mod]
fn literal(score: f32) -> f32 {
    score * 2
}

#[mask_mod]
fn signs(at: Position, offset: i32) -> bool {
    at.query + offset > -1 && -at.key < 3
}

#[score_mod]
fn branches(score: f32, count: u32) -> f32 {
    if count { score } else { count }
}

#[mask_mod]
fn truths(at: Position) -> bool {
    at.query && !at.key || true < false
}

#[score_mod]
fn casts(score: f32, at: Position) -> f32 {
    let a: u32 = score;
    let b = score as f64;
    let c = (score > 1.0) as f32;
    let d = score as bool;
    let e = 5000000000u32;
    score
}

fn main() {}
