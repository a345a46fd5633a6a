#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_fn, score_mod};

#[score_mod]
fn standard(score: f32) -> f32 {
    std::cmp::max(score, 1.0) + f32::from(score) + f32::max() + f32::relu(score)
}

#[score_mod]
fn methods_by_name(score: f32) -> f32 {
    exp(score) + max(score, 1.0)
}

#[score_mod]
fn values(score: f32, cap: f32) -> f32 {
    cap(score)
}

#[score_mod]
fn constructors(score: f32) -> f32 {
    Some(score)
}

#[score_mod]
fn generic(score: f32) -> f32 {
    smooth::<2>(score)
}

#[score_mod]
fn computed(score: f32) -> f32 {
    (if score > 0.0 { sin } else { cos })(score)
}

#[score_mod]
fn open_literal(score: f32) -> f32 {
    smooth(score, 3)
}

#[score_mod]
fn open_cast(score: f32, at: Position) -> f32 {
    score * distance(at) as f32
}

#[mask_mod]
fn open_comparison(at: Position) -> bool {
    distance(at) < 3
}

#[score_mod]
fn whole_position(score: f32, at: Position) -> f32 {
    smooth(score, -at)
}

fn main() {}
