#![allow(unused_imports)]

use tilewright_macros::kernel;

#[kernel(refrence = oracle)]
fn misspelt(x: &Tensor, out: &mut Tensor, #[tune(1, 2)] rows: Rows) {
    out.store(rows, x.load(rows));
}

#[kernel(program = blocks(x))]
fn no_program(x: &Tensor, out: &mut Tensor, #[tune(1, 2)] rows: Rows) {
    out.store(rows, x.load(rows));
}

#[kernel(program = rows(y))]
fn no_tensor(x: &Tensor, out: &mut Tensor, #[tune(1, 2)] rows: Rows) {
    out.store(rows, x.load(rows));
}

#[kernel(valid = a, valid = b)]
fn twice(x: &Tensor, out: &mut Tensor, #[tune(1, 2)] rows: Rows) {
    out.store(rows, x.load(rows));
}

fn main() {}
