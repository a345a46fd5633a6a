#![allow(unused_imports)]

use tilewright_macros::weight_mod;

#[weight_mod]
fn squared(weight: f32) -> f32 {
    weight * weight
}

#[weight_mod]
fn sharpened(w: f32, at: Position, least: f32) -> f32 {
    if w < least { 0.0 } else { w }
}

#[weight_mod]
fn smoothed(weight: f32, at: Position) -> f32 {
    let rest = 0.1 / at.keys as f32;
    0.9 * weight + rest
}

#[weight_mod]
fn helped(weight: f32) -> f32 {
    sigmoid(weight)
}

#[weight_mod]
fn no_weight(at: Position) -> f32 {
    1.0
}

#[weight_mod]
fn nothing() -> f32 {
    1.0
}

#[weight_mod]
fn truth(weight: f32) -> bool {
    weight > 0.0
}

#[weight_mod(grad = |weight| 1.0)]
fn by_hand(weight: f32) -> f32 {
    weight
}

#[weight_mod]
fn learned_weight(#[learned] weight: f32) -> f32 {
    weight
}

fn main() {}
