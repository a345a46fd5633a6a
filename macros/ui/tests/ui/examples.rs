#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod(example(1.0, 2.0))]
fn too_many(score: f32, cap: f32) -> f32 {
    cap * score
}

#[score_mod(example())]
fn too_few(score: f32, cap: f32) -> f32 {
    cap * score
}

#[mask_mod(example(1.5), example(-1), example(4294967296))]
fn not_whole(at: Position, window: u32) -> bool {
    at.query < window
}

#[score_mod(example("thirty"))]
fn text(score: f32, cap: f32) -> f32 {
    cap * score
}

fn main() {}
