#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[mask_mod]
fn field(at: Position) -> bool {
    at.row < at.key
}

#[mask_mod]
fn whole(at: Position) -> bool {
    at == at
}

#[score_mod]
fn slip(score: f32, window: u32) -> f32 {
    score * windw as f32
}

#[score_mod]
fn constant(score: f32) -> f32 {
    score + f32::NAN + SCALE
}

#[score_mod]
fn no_fields(score: f32) -> f32 {
    score.value
}

fn main() {}
