#![allow(unused_imports)]

use tilewright_macros::sink_mod;

#[sink_mod]
fn of_a_key(at: Position) -> f32 {
    at.key as f32
}

#[sink_mod]
fn by_a_helper(at: Position) -> f32 {
    distance(at)
}

#[sink_mod]
fn of_a_score(score: f32, at: Position) -> f32 {
    score
}

#[sink_mod]
fn truth(at: Position) -> bool {
    at.head == 0
}

#[sink_mod]
fn without_position() -> f32 {
    0.0
}

#[sink_mod(normaliser = sink)]
fn chosen_twice(at: Position) -> f32 {
    0.0
}

fn main() {}
