#![allow(unused_imports)]

use tilewright_macros::kernel;

#[kernel]
fn generic<T>(out: &mut Tensor, #[tune(1)] rows: Rows) {}

#[kernel]
const fn constant(out: &mut Tensor, #[tune(1)] rows: Rows) {}

#[kernel]
async unsafe fn several(out: &mut Tensor, #[tune(1)] rows: Rows) {}

#[kernel]
fn result(out: &mut Tensor, #[tune(1)] rows: Rows) -> Tensor {
    out
}

#[kernel]
#[inline]
fn attribute(out: &mut Tensor, #[tune(1)] rows: Rows) {}

#[kernel]
fn CamelCase(out: &mut Tensor, #[tune(1)] rows: Rows) {}

#[kernel]
struct NoFunction;

fn main() {}
