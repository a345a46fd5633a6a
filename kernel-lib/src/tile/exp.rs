//! Exponentials in base two, per element of a vector.

use core::f32::consts::LOG2_E;

use cubecl::prelude::*;

/// How a device takes powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exp2 {
    /// The special-function unit: `ex2.approx`, within 2 units in the last place (PTX ISA).
    SpecialUnit,
    /// A polynomial on the ordinary vector units, for processors without one.
    Polynomial,
}

/// `exp(x)`, to about 2e-7 relative; exactly 0 for minus infinity; NaN stays NaN.
#[cube]
pub fn exp<R: Size>(x: Vector<f32, R>, #[comptime] how: Exp2) -> Vector<f32, R> {
    let scaled = x * Vector::new(LOG2_E);
    match comptime!(how) {
        Exp2::SpecialUnit => special_unit::<R>(scaled),
        Exp2::Polynomial => polynomial::<R>(scaled),
    }
}

/// `1 / (1 + exp(-x))`; exactly 0 for minus infinity.
#[cube]
pub fn sigmoid_of<R: Size>(x: Vector<f32, R>, #[comptime] how: Exp2) -> Vector<f32, R> {
    let one = Vector::<f32, R>::new(1.0f32);
    one / (one + exp::<R>(Vector::new(0.0f32) - x, how))
}

#[cube]
fn special_unit<R: Size>(x: Vector<f32, R>) -> Vector<f32, R> {
    let mut y = Vector::<f32, R>::empty();
    let lanes = x.vector_size();
    #[unroll]
    for lane in 0..lanes {
        y.insert(lane, ex2(x.extract(lane)));
    }
    y
}

#[cube]
fn ex2(x: f32) -> f32 {
    let y: f32;
    // The cast reads the value: an operand that lives in a variable would be passed by address.
    gpu_asm!("ex2.approx.ftz.f32 {}, {};", out(_) y, in(_) f32::cast_from(x), options(pure, nomem));
    y
}

/// `2^x = 2^n · 2^f` with `n` the nearest integer, `|f| <= 1/2`, and the Taylor polynomial of
/// degree six for `2^f`, whose remainder is below `(ln 2 / 2)^7 / 7! = 1.2e-7`.
#[cube]
fn polynomial<R: Size>(x: Vector<f32, R>) -> Vector<f32, R> {
    // Outside this range the result is 0 or infinite in f32; inside, 2^n is a normal number.
    let inside = max(min(x, Vector::new(127.4f32)), Vector::new(-126.0f32));
    let n = (inside + Vector::new(0.5f32)).floor();
    let f = inside - n;
    let mut p = Vector::<f32, R>::new(1.540353e-4f32);
    p = fma(p, f, Vector::new(1.3333558e-3f32));
    p = fma(p, f, Vector::new(9.618129e-3f32));
    p = fma(p, f, Vector::new(5.550411e-2f32));
    p = fma(p, f, Vector::new(2.402_265e-1f32));
    p = fma(p, f, Vector::new(core::f32::consts::LN_2));
    p = fma(p, f, Vector::new(1.0f32));
    let exponent = (Vector::<i32, R>::cast_from(n) + Vector::new(127i32)) << Vector::new(23i32);
    let y = p * Vector::<f32, R>::reinterpret(exponent);
    let y = select_many(x.less_than(&Vector::new(-126.0f32)), Vector::new(0.0f32), y);
    let y = select_many(x.greater_than(&Vector::new(128.0f32)), Vector::new(f32::INFINITY), y);
    select_many(x.equal(&x), y, x)
}
