#![allow(unused_imports)]

use tilewright_macros::score_fn;

#[score_fn]
fn argument_types(x: f64, flags: &[bool], at: &Position) -> f32 {
    1.0
}

#[score_fn]
fn two_positions(a: Position, b: Position) -> u32 {
    a.key
}

#[score_fn]
fn result_type(x: f32) -> f64 {
    x
}

#[score_fn]
fn no_result(x: f32) {}

#[score_fn]
fn tuple_result(x: f32) -> (f32, f32) {
    (x, x)
}

#[score_fn]
fn generic<const N: usize>(x: f32) -> f32 {
    x
}

#[score_fn(example(1.0))]
fn attribute(x: f32) -> f32 {
    x
}

#[score_fn]
fn body(x: f32, n: u32) -> u32 {
    let y = x * n;
    x
}

#[score_fn]
fn tables(x: f32, at: Position, bias: Table, ids: Table<u32>) -> f32 {
    x + bias[at.head]
}

#[score_fn]
fn learned(#[learned] t: f32) -> f32 {
    t
}

#[score_fn]
struct NoFunction;

fn main() {}
