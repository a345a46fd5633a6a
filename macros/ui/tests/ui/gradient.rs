#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod(grad = |score| 1.0)]
fn too_few(score: f32, at: Position, cap: f32) -> f32 {
    score * cap
}

#[score_mod(grad = || 1.0)]
fn none(score: f32) -> f32 {
    score
}

#[score_mod(grad = |score, cap| cap as u32)]
fn result(score: f32, cap: f32) -> f32 {
    score * cap
}

#[score_mod(grad = |score: f64, cap: u32| -> f64 { 1.0 })]
fn types(score: f32, cap: f32) -> f32 {
    score * cap
}

#[score_mod(grad = |score, (a, b)| 1.0)]
fn patterns(score: f32, cap: f32) -> f32 {
    score * cap
}

#[score_mod(grad = move |score| 1.0)]
fn captures(score: f32) -> f32 {
    score
}

#[score_mod(grad = |_, limit| cap + limit)]
fn names(score: f32, cap: f32) -> f32 {
    score * cap
}

#[score_mod(grad = 1.0)]
fn number(score: f32) -> f32 {
    score
}

#[score_mod(grad(one))]
fn form(score: f32) -> f32 {
    score
}

#[score_mod(grad = one, grad = two)]
fn twice(score: f32) -> f32 {
    score
}

#[mask_mod(grad = |at| 1.0)]
fn of_a_mask(at: Position) -> bool {
    true
}

#[score_mod(grad = one)]
fn path_with_table(score: f32, at: Position, bias: Table) -> f32 {
    score + bias[at.head]
}

#[score_mod(grad = |score, at, bias: Table<u32>, t: Table| t + bias[(at.head, at.key)])]
fn tables(score: f32, at: Position, bias: Table, #[learned] t: f32) -> f32 {
    score * t + bias[at.head]
}

#[score_mod(grad = |score, bias| bias[score as u32])]
fn index_of_score(score: f32, bias: Table) -> f32 {
    score * bias[0]
}

fn main() {}
