//! Between the element type of a tensor and `f32`.
//!
//! Processors without bf16 instructions get bf16 tensors as 16-bit words: for any use of the type
//! itself LLVM may call a function of its run-time library there, which a just-in-time compiled
//! kernel cannot reach. The upper half of an `f32` is a bf16, so shifts do.

use cubecl::prelude::*;

/// To `f32`, exactly.
#[cube]
pub fn widen<E: Float, W: Size>(x: Vector<E, W>) -> Vector<f32, W> {
    let elem = elem_type_of::<E>();
    if comptime!(elem == u16::elem_type_native()) {
        Vector::reinterpret(Vector::<u32, W>::cast_from(x) << Vector::new(16u32))
    } else {
        Vector::cast_from(x)
    }
}

/// From `f32`, to nearest, ties to even.
#[cube]
pub fn narrow<E: Float, W: Size>(x: Vector<f32, W>) -> Vector<E, W> {
    let elem = elem_type_of::<E>();
    if comptime!(elem == u16::elem_type_native()) {
        let bits = Vector::<u32, W>::reinterpret(x);
        let odd = (bits >> Vector::new(16u32)) & Vector::new(1u32);
        let rounded = (bits + Vector::new(0x7fffu32) + odd) >> Vector::new(16u32);
        // Rounding must not carry a NaN's payload into infinity.
        let word = select_many(x.equal(&x), rounded, Vector::new(0x7fc0u32));
        Vector::cast_from(word)
    } else {
        Vector::cast_from(x)
    }
}
