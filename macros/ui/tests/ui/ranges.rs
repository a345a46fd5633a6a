#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_fn, score_mod};

#[score_mod]
fn no_bounds(score: f32, #[range] a: f32, #[range()] b: f32, #[range = 1.0] c: f32) -> f32 {
    score * a * b * c
}

#[score_mod]
fn no_ranges(score: f32, #[range(1.0)] a: f32, #[range(0.0..1.0, 2.0..3.0)] b: f32) -> f32 {
    score * a * b
}

#[mask_mod]
fn wrong_bounds(
    at: Position,
    #[range(0.5..)] a: u32,
    #[range(-1..)] b: u32,
    #[range(..f32::INFINITY)] c: i32,
    #[range(> "one")] d: i32,
    #[range(0.0..=f32::NAN)] e: f32,
) -> bool {
    at.key < a + b
}

#[score_mod]
fn nothing(score: f32, #[range(2.0..1.0)] a: f32, #[range(> 1, < 1)] b: f32) -> f32 {
    score * a * b
}

#[score_mod]
fn twice(score: f32, #[range(> 0.0, > 1.0)] a: f32, #[range(1..)] #[range(..3)] b: u32) -> f32 {
    score * a * b as f32
}

#[score_mod]
fn mixed(score: f32, #[range(> 0.0, 1.0)] a: f32) -> f32 {
    score * a
}

#[score_mod]
fn not_of_a_parameter(#[range(0.0..)] score: f32, #[range(1..)] at: Position) -> f32 {
    score
}

#[score_mod]
fn in_memory(
    score: f32,
    at: Position,
    #[range(0.0..)] bias: Table,
    #[learned]
    #[range(0.0..)]
    t: f32,
) -> f32 {
    score * t + bias[at.head]
}

#[score_fn]
fn helper(#[range(0.0..)] x: f32) -> f32 {
    x.sqrt()
}

#[score_mod(example(1.5), example(p = -0.1), example(0.5))]
fn examples(score: f32, #[range(0.0..1.0)] p: f32) -> f32 {
    score * p
}

#[mask_mod]
fn no_example(at: Position, #[range(2..)] count: u32) -> bool {
    at.key < count
}

#[mask_mod(example(shift = -1))]
fn not_in_the_example(at: Position, #[range(2..=9)] count: u32, shift: i32) -> bool {
    at.key < count
}

fn main() {}
