#![allow(unused_imports)]

use tilewright_macros::{key_mod, output_mod, query_key_mod, query_mod};

#[query_mod]
fn of_a_position(x: f32, at: Position) -> f32 {
    x
}

#[key_mod]
fn fields(x: f32, at: Element) -> f32 {
    x * at.key as f32
}

#[query_key_mod]
fn unpaired(x: f32, pair: f32, at: Element) -> f32 {
    x + pair
}

#[query_key_mod(pair = halves)]
fn no_partner(x: f32, at: Element) -> f32 {
    x
}

#[query_key_mod(pair = thirds)]
fn thirds(x: f32, pair: f32) -> f32 {
    x + pair
}

#[query_key_mod(pair)]
fn which(x: f32, pair: f32) -> f32 {
    x + pair
}

#[output_mod]
fn whole_mean(x: f32, mean: u32, at: Element) -> f32 {
    x
}

#[output_mod]
fn helped(x: f32, at: Element) -> f32 {
    x * random(7, at)
}

#[output_mod]
fn nothing() -> f32 {
    0.0
}

#[query_mod]
fn truth(x: f32) -> bool {
    x > 0.0
}

#[query_mod]
fn by_its_value(x: f32, at: Element, table: Table) -> f32 {
    table[x as u32]
}

#[query_mod(grad = |x| 1.0)]
fn by_hand(x: f32) -> f32 {
    x
}

#[query_mod]
fn late(x: f32, scale: f32, at: Element) -> f32 {
    x * scale
}

#[query_mod]
fn learned_pair(x: f32, #[learned] mean: f32) -> f32 {
    x * mean
}

fn main() {}
