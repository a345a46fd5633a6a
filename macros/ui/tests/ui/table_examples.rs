#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod(example(1.0), example(table()), example(table(1, 2, 3, 4, 5)))]
fn shapes(score: f32, at: Position, bias: Table) -> f32 {
    score + bias[at.head]
}

#[score_mod(example(table(heads / 2, 3)), example(table(seq, 3)), example(table(queries, 1.5)))]
fn dimensions(score: f32, at: Position, bias: Table) -> f32 {
    score + bias[(at.head, at.key)]
}

#[score_mod(
    example(bais = table(heads)),
    example(bias = table(heads), 1.0),
    example(bias = table(heads), bias = table(heads)),
    example(t = table(heads))
)]
fn names(score: f32, at: Position, bias: Table, #[learned] t: f32) -> f32 {
    score * t + bias[at.head]
}

#[score_mod(example(table(heads)))]
fn too_few(score: f32, at: Position, bias: Table, cap: f32) -> f32 {
    score * cap + bias[at.head]
}

#[score_mod(example(table(heads, keys)))]
fn another_rank(score: f32, at: Position, bias: Table) -> f32 {
    score + bias[at.head]
}

fn main() {}
