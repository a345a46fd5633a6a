#![allow(unused_imports)]

use tilewright_macros::kernel;

#[kernel]
fn no_output(x: &Tensor, #[tune(1, 2)] rows: Rows) {
    x.load(rows);
}

#[kernel]
fn no_rows(x: &Tensor, out: &mut Tensor) {}

#[kernel]
fn types(x: &Tenser, by_value: Tensor, double: f64, list: &[f32], half: &Tensor<f16>) {}

#[kernel]
fn names(self, x: &Tensor, x: &mut Tensor, (a, b): f32, mut c: f32, #[tune(1)] rows: Rows) {}

#[kernel]
fn shapes(
    #[shape(n)] x: &Tensor,
    #[shape(n, 2)] y: &Tensor,
    #[shape] z: &Tensor,
    #[shape(n, d)] scale: f32,
    #[inline] out: &mut Tensor,
    #[tune(1)] rows: Rows,
) {
}

fn main() {}
