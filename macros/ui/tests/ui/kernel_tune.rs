#![allow(unused_imports)]

use tilewright_macros::kernel;

#[kernel]
fn on_others(
    #[tune(1, 2)] x: &Tensor,
    out: &mut Tensor,
    #[tune(1, 2)] scale: f32,
    #[tune(1)] rows: Rows,
) {
}

#[kernel]
fn untuned(out: &mut Tensor, rows: Rows, block: usize) {}

#[kernel]
fn forms(
    out: &mut Tensor,
    #[tune] rows: Rows,
    #[tune()] units: Units,
    #[tune(1..4)] a: usize,
    #[tune(0)] b: usize,
    #[tune(8, 4, 8)] c: usize,
    #[tune = 4] d: usize,
) {
}

#[kernel]
fn roles(
    out: &mut Tensor,
    #[tune(1, 3)] rows: Rows,
    #[tune(2048)] units: Units,
    #[tune(48)] split: Split,
) {
}

#[kernel]
fn twice(out: &mut Tensor, #[tune(1)] rows: Rows, #[tune(2)] more: Rows) {}

fn main() {}
