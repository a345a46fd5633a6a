#![allow(unused_imports)]

use tilewright_macros::kernel;

#[kernel(example(n = 8, d = 4, m = 2))]
fn unknown(
    #[shape(n, d)] x: &Tensor,
    #[shape(n, d)] out: &mut Tensor,
    scale: f32,
    #[tune(1, 2)] rows: Rows,
) {
    out.store(rows, x.load(rows) * scale);
}

#[kernel(example(n = 8, d = 4))]
fn missing(
    #[shape(n, d)] x: &Tensor,
    #[shape(n, d)] out: &mut Tensor,
    scale: f32,
    #[tune(1, 2)] rows: Rows,
) {
    out.store(rows, x.load(rows) * scale);
}

#[kernel(example(n = 0, d = 1.5, scale = "one"))]
fn wrong(
    #[shape(n, d)] x: &Tensor,
    #[shape(n, d)] out: &mut Tensor,
    scale: f32,
    #[tune(1, 2)] rows: Rows,
) {
    out.store(rows, x.load(rows) * scale);
}

#[kernel(example = 8)]
fn form(x: &Tensor, out: &mut Tensor, #[tune(1, 2)] rows: Rows) {
    out.store(rows, x.load(rows));
}

fn main() {}
