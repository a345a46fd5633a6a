#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn no_arms(score: f32, kind: u32) -> f32 {
    match kind {}
}

#[score_mod]
fn guarded_last(score: f32, kind: u32) -> f32 {
    match kind {
        0 => 1.0,
        n if n > 3 => score,
    }
}

#[score_mod]
fn types(score: f32, at: Position, kind: u32) -> f32 {
    match kind {
        0 => score,
        1 => at.key,
        _ => 2,
    }
}

#[score_mod]
fn guards(score: f32, kind: u32) -> f32 {
    match kind {
        0 if score => 1.0,
        _ => score,
    }
}

#[score_mod]
fn not_bound(score: f32, kind: u32) -> f32 {
    match kind {
        0 => 1.0,
        _ => 2.0,
    };
    score
}

#[score_mod]
fn unused_arm(score: f32, kind: u32) -> f32 {
    match kind {
        0 => return 1.0,
        1 => score,
        _ => {}
    }
    score
}

#[score_mod]
fn destructured(score: f32, kind: u32) -> f32 {
    if let 3 = kind { score } else { 1.0 }
}

fn main() {}
