#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[mask_mod]
fn bits(at: Position) -> bool {
    (at.query ^ at.key) << 2 > 3 && at.key >> 1 == 0 | 1
}

#[mask_mod]
fn not_a_number(at: Position) -> bool {
    !at.key > 0
}

#[score_mod]
fn references(score: f32) -> f32 {
    *&score
}

#[score_mod]
fn literals(score: f32, n: u32) -> f32 {
    let a = 'a';
    let b = 1.0f64;
    let c = 3usize;
    let d = n + 5000000000;
    let e = n == -1;
    score
}

#[score_mod]
fn limits(score: f32) -> f32 {
    let range = 0..3;
    let array = [score; 3];
    let structure = Position { key: 3 };
    score?
}

fn main() {}
