#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[mask_mod]
fn bits(at: Position, x: f32, k: i32) -> bool {
    (x ^ 2.0 > 3.0) & (at.key >> k == 0)
}

#[mask_mod]
fn bits_of_numbers(at: Position, x: f32) -> bool {
    let a = x << 2.0;
    let b = at.key & k;
    let c = at.key | 1.0;
    !x > 0.0
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
