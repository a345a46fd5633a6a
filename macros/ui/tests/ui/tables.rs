#![allow(unused_imports)]

use tilewright_macros::{mask_mod, score_mod};

#[score_mod]
fn not_indexed(score: f32, at: Position, bias: Table) -> f32 {
    let copy = bias;
    score + bias + bias.exp()
}

#[score_mod]
fn never_read(score: f32, bias: Table, other: Table<u32>) -> f32 {
    let unused = other[0];
    score
}

#[score_mod]
fn another_rank(score: f32, at: Position, bias: Table) -> f32 {
    score + bias[at.head] + bias[(at.head, at.key)]
}

#[score_mod]
fn too_many(score: f32, at: Position, bias: Table) -> f32 {
    score + bias[(at.batch, at.head, at.query, at.key, 0)]
}

#[score_mod]
fn without_index(score: f32, bias: Table) -> f32 {
    score + bias[()]
}

#[score_mod]
fn index_types(score: f32, at: Position, bias: Table) -> f32 {
    bias[(score, at.key as f32)] + bias[(-1, at.key > 1)]
}

#[score_mod]
fn by_score(score: f32, at: Position, bias: Table) -> f32 {
    let place = if score > 0.0 { at.key } else { at.query };
    score + bias[score as u32] + bias[place]
}

#[score_mod]
fn in_steps(score: f32, at: Position, bias: Table) -> f32 {
    score + bias[at.query][at.key]
}

#[score_mod]
fn no_table(score: f32, at: Position, cap: f32) -> f32 {
    score + cap[at.head] + at[0] + bais[at.head]
}

#[score_mod]
fn element_types(score: f32, a: Table<f64>, b: Table<bool>, c: Table<f32, u32>, d: &Table) -> f32 {
    score
}

#[score_mod]
fn tuple_as_index(score: f32, at: Position, bias: Table) -> f32 {
    let place = (at.head, score);
    bias[place] + bias[at.head]
}

#[score_mod]
fn passed_on(score: f32, at: Position, bias: Table) -> f32 {
    helper(bias) + bias[at.head]
}

#[mask_mod]
fn as_truth(at: Position, ids: Table<u32>) -> bool {
    ids[at.key] && true
}

fn main() {}
