#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn loops(score: f32) -> f32 {
    for i in 0..4 {}
    while score > 1.0 {}
    loop {}
}

#[score_mod]
fn prints(score: f32) -> f32 {
    println!("{score}");
    let close = |x: f32| x + 1.0;
    score
}

#[score_mod]
fn changes(score: f32) -> f32 {
    let mut sum = score;
    sum += 1.0;
    sum = 2.0;
    sum
}

#[score_mod]
fn assorted(score: f32, at: Position) -> f32 {
    const LIMIT: f32 = 1.0;
    score;
    let late: f32;
    let text = "text";
    let double: f64 = score;
    let half = if score > 0.0 { score };
    let bits = at.query & 1;
    let first = [score][0];
    unsafe { score }
}

fn main() {}
