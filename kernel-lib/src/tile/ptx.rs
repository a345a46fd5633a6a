//! One function for each PTX instruction that the tensor-core lowering is made of.
//!
//! Instructions that touch registers alone are `pure`, so that the compiler may move, merge and
//! drop them; those that touch memory keep their place. Every operand is read first
//! ([`val`]): one that lives in a variable would be passed by address.

use cubecl::intrinsic;
use cubecl::prelude::*;

use super::elements::Half;

/// The accumulator of a 16x8 tile: rows `g` and `g + 8` (`g = lane / 4`), two columns each.
pub type F4 = Vector<f32, Const<4>>;
/// Four 32-bit registers.
pub type U4 = Vector<u32, Const<4>>;
/// Two 32-bit registers.
pub type U2 = Vector<u32, Const<2>>;

/// The value of `x`, wherever it lives.
#[cube]
#[allow(unused_variables)]
pub fn val<T: CubePrimitive>(x: T) -> T {
    intrinsic!(|scope| x.read_value(scope).into())
}

/// `D = A (16x8) B (8x8) + C`.
#[cube]
pub fn mma_k8(a0: u32, a1: u32, b0: u32, c: F4, #[comptime] half: Half) -> F4 {
    let ty = comptime!(half.ptx());
    let d: F4;
    gpu_asm!(
        "mma.sync.aligned.m16n8k8.row.col.f32.{ty}.{ty}.f32 {d}, {{{a0}, {a1}}}, {{{b0}}}, {c};",
        d = out(_) d, a0 = in(_) val::<u32>(a0), a1 = in(_) val::<u32>(a1),
        b0 = in(_) val::<u32>(b0), c = in(_) val::<F4>(c),
        options(pure, nomem)
    );
    d
}

/// `D = A (16x16) B (16x8) + C`.
#[allow(clippy::too_many_arguments)]
#[cube]
pub fn mma_k16(
    a0: u32,
    a1: u32,
    a2: u32,
    a3: u32,
    b0: u32,
    b1: u32,
    c: F4,
    #[comptime] half: Half,
) -> F4 {
    let ty = comptime!(half.ptx());
    let d: F4;
    gpu_asm!(
        "mma.sync.aligned.m16n8k16.row.col.f32.{ty}.{ty}.f32 {d}, {{{a0}, {a1}, {a2}, {a3}}}, {{{b0}, {b1}}}, {c};",
        d = out(_) d, a0 = in(_) val::<u32>(a0), a1 = in(_) val::<u32>(a1),
        a2 = in(_) val::<u32>(a2), a3 = in(_) val::<u32>(a3),
        b0 = in(_) val::<u32>(b0), b1 = in(_) val::<u32>(b1), c = in(_) val::<F4>(c),
        options(pure, nomem)
    );
    d
}

/// `D = A (16x4) B (4x8) + C` in tf32.
#[cube]
pub fn mma_tf32_k4(a0: u32, a1: u32, b0: u32, c: F4) -> F4 {
    let d: F4;
    gpu_asm!(
        "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {d}, {{{a0}, {a1}}}, {{{b0}}}, {c};",
        d = out(_) d, a0 = in(_) val::<u32>(a0), a1 = in(_) val::<u32>(a1),
        b0 = in(_) val::<u32>(b0), c = in(_) val::<F4>(c),
        options(pure, nomem)
    );
    d
}

/// `D = A (16x8) B (8x8) + C` in tf32.
#[cube]
pub fn mma_tf32_k8(a0: u32, a1: u32, a2: u32, a3: u32, b0: u32, b1: u32, c: F4) -> F4 {
    let d: F4;
    gpu_asm!(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {d}, {{{a0}, {a1}, {a2}, {a3}}}, {{{b0}, {b1}}}, {c};",
        d = out(_) d, a0 = in(_) val::<u32>(a0), a1 = in(_) val::<u32>(a1),
        a2 = in(_) val::<u32>(a2), a3 = in(_) val::<u32>(a3),
        b0 = in(_) val::<u32>(b0), b1 = in(_) val::<u32>(b1), c = in(_) val::<F4>(c),
        options(pure, nomem)
    );
    d
}

/// The nearest number with 11 bits of precision, the low 13 bits of its register zero.
#[cube]
pub fn round_tf32(x: f32) -> u32 {
    let y: u32;
    gpu_asm!("cvt.rna.tf32.f32 {y}, {x};", y = out(_) y, x = in(_) val::<f32>(x), options(pure, nomem));
    y
}

/// Two registers taken apart and put together anew: byte `i` of the result is byte number `i` of
/// `selector`'s hexadecimal digits, of `low`'s four and then `high`'s.
#[cube]
pub fn permute(low: u32, high: u32, #[comptime] selector: u32) -> u32 {
    let y: u32;
    gpu_asm!(
        "prmt.b32 {y}, {low}, {high}, {selector};",
        y = out(_) y, low = in(_) val::<u32>(low), high = in(_) val::<u32>(high),
        options(pure, nomem)
    );
    y
}

/// `2^x`, within 2 units in the last place; 0 for minus infinity.
#[cube]
pub fn ex2(x: f32) -> f32 {
    let y: f32;
    gpu_asm!("ex2.approx.ftz.f32 {y}, {x};", y = out(_) y, x = in(_) val::<f32>(x), options(pure, nomem));
    y
}

/// `tanh(x)`, within a relative error of `2^-11`.
#[cube]
pub fn tanh_approx(x: f32) -> f32 {
    let y: f32;
    gpu_asm!("tanh.approx.f32 {y}, {x};", y = out(_) y, x = in(_) val::<f32>(x), options(pure, nomem));
    y
}

/// `log2(x)`.
#[cube]
pub fn lg2(x: f32) -> f32 {
    let y: f32;
    gpu_asm!("lg2.approx.f32 {y}, {x};", y = out(_) y, x = in(_) val::<f32>(x), options(pure, nomem));
    y
}

/// `1 / x`, within 1 unit in the last place.
#[cube]
pub fn rcp(x: f32) -> f32 {
    let y: f32;
    gpu_asm!("rcp.approx.f32 {y}, {x};", y = out(_) y, x = in(_) val::<f32>(x), options(pure, nomem));
    y
}

/// Two numbers rounded into one register, `low` in its lower half.
#[cube]
pub fn pack(low: f32, high: f32, #[comptime] half: Half) -> u32 {
    let ty = comptime!(half.ptx());
    let y: u32;
    gpu_asm!(
        "cvt.rn.{ty}x2.f32 {y}, {high}, {low};",
        y = out(_) y, high = in(_) val::<f32>(high), low = in(_) val::<f32>(low),
        options(pure, nomem)
    );
    y
}

/// `a * b + c` on both halves of a register, rounded once.
#[cube]
pub fn fma2(a: u32, b: u32, c: u32, #[comptime] half: Half) -> u32 {
    let ty = comptime!(half.ptx());
    let y: u32;
    gpu_asm!(
        "fma.rn.{ty}x2 {y}, {a}, {b}, {c};",
        y = out(_) y, a = in(_) val::<u32>(a), b = in(_) val::<u32>(b), c = in(_) val::<u32>(c),
        options(pure, nomem)
    );
    y
}

/// Both halves of a register negated.
#[cube]
pub fn neg2(x: u32, #[comptime] half: Half) -> u32 {
    let ty = comptime!(half.ptx());
    let y: u32;
    gpu_asm!("neg.{ty}x2 {y}, {x};", y = out(_) y, x = in(_) val::<u32>(x), options(pure, nomem));
    y
}

/// The larger number in each half of a register.
#[cube]
pub fn max2(a: u32, b: u32, #[comptime] half: Half) -> u32 {
    let ty = comptime!(half.ptx());
    let y: u32;
    gpu_asm!(
        "max.{ty}x2 {y}, {a}, {b};",
        y = out(_) y, a = in(_) val::<u32>(a), b = in(_) val::<u32>(b),
        options(pure, nomem)
    );
    y
}

/// The largest over a plane, as unsigned integers; so also of floats that are not negative.
#[cube]
pub fn plane_max_bits(x: u32) -> u32 {
    let y: u32;
    gpu_asm!("redux.sync.max.u32 {y}, {x}, 0xffffffff;", y = out(_) y, x = in(_) val::<u32>(x), options(pure, nomem));
    y
}

/// Transposes an 8x8 matrix of 16-bit numbers that a plane holds in one register.
#[cube]
pub fn movmatrix(x: u32) -> u32 {
    let y: u32;
    gpu_asm!("movmatrix.sync.aligned.m8n8.trans.b16 {y}, {x};", y = out(_) y, x = in(_) val::<u32>(x), options(pure, nomem));
    y
}

/// Four 8x8 matrices from shared memory; lanes `8i..8i + 8` point at the rows of matrix `i`.
#[cube]
pub fn ldmatrix_x4(address: u32, #[comptime] transposed: bool) -> U4 {
    let trans = comptime!(if transposed { ".trans" } else { "" });
    let r: U4;
    gpu_asm!("ldmatrix.sync.aligned.m8n8.x4{trans}.shared.b16 {r}, [{address}];", r = out(_) r, address = in(_) val::<u32>(address));
    r
}

/// Two 8x8 matrices from shared memory; lanes 16 to 31 point nowhere in particular.
#[cube]
pub fn ldmatrix_x2(address: u32, #[comptime] transposed: bool) -> U2 {
    let trans = comptime!(if transposed { ".trans" } else { "" });
    let r: U2;
    gpu_asm!("ldmatrix.sync.aligned.m8n8.x2{trans}.shared.b16 {r}, [{address}];", r = out(_) r, address = in(_) val::<u32>(address));
    r
}

/// The address of shared memory in its own window.
#[cube]
pub fn shared_address<E: CubePrimitive>(pointer: *const E) -> u32 {
    let a: u32;
    gpu_asm!(
        "{{ .reg .u64 t; cvta.to.shared.u64 t, {p}; cvt.u32.u64 {a}, t; }}",
        a = out(_) a, p = in(_) pointer,
        options(pure, nomem)
    );
    a
}

/// The address of a kernel's input.
#[cube]
pub fn global_address<E: CubePrimitive>(pointer: *const E) -> u64 {
    let a: u64;
    gpu_asm!("cvta.to.global.u64 {a}, {p};", a = out(_) a, p = in(_) pointer, options(pure, nomem));
    a
}

/// The address of a kernel's output.
#[cube]
pub fn global_address_mut<E: CubePrimitive>(pointer: *mut E) -> u64 {
    let a: u64;
    gpu_asm!("cvta.to.global.u64 {a}, {p};", a = out(_) a, p = in(_) pointer, options(pure, nomem));
    a
}

/// Starts a copy of 4, 8 or 16 bytes from global to shared memory.
#[cube]
pub fn cp_async(to: u32, from: u64, #[comptime] bytes: usize) {
    // Only copies of 16 bytes may pass by the first-level cache, which nothing here reads again.
    let level = comptime!(if bytes == 16 { "cg" } else { "ca" });
    gpu_asm!(
        "cp.async.{level}.shared.global [{to}], [{from}], {bytes};",
        to = in(_) val::<u32>(to), from = in(_) val::<u64>(from)
    );
}

/// Waits for the copies that this unit started.
#[cube]
pub fn cp_async_wait() {
    gpu_asm!("cp.async.wait_all;");
}

/// Copies one 16-bit number from global to shared memory.
#[cube]
pub fn copy_half(to: u32, from: u64) {
    gpu_asm!(
        "{{ .reg .b16 t; ld.global.b16 t, [{from}]; st.shared.b16 [{to}], t; }}",
        to = in(_) val::<u32>(to), from = in(_) val::<u64>(from)
    );
}

/// Copies 2, 4, 8 or 16 bytes from shared to global memory.
#[cube]
pub fn copy_out(to: u64, from: u32, #[comptime] bytes: usize) {
    match comptime!(bytes) {
        16 => gpu_asm!(
            "{{ .reg .b32 a, b, c, d; ld.shared.v4.b32 {{a, b, c, d}}, [{from}]; st.global.v4.b32 [{to}], {{a, b, c, d}}; }}",
            to = in(_) val::<u64>(to), from = in(_) val::<u32>(from)
        ),
        8 => gpu_asm!(
            "{{ .reg .b32 a, b; ld.shared.v2.b32 {{a, b}}, [{from}]; st.global.v2.b32 [{to}], {{a, b}}; }}",
            to = in(_) val::<u64>(to), from = in(_) val::<u32>(from)
        ),
        4 => gpu_asm!(
            "{{ .reg .b32 a; ld.shared.b32 a, [{from}]; st.global.b32 [{to}], a; }}",
            to = in(_) val::<u64>(to), from = in(_) val::<u32>(from)
        ),
        _ => gpu_asm!(
            "{{ .reg .b16 a; ld.shared.b16 a, [{from}]; st.global.b16 [{to}], a; }}",
            to = in(_) val::<u64>(to), from = in(_) val::<u32>(from)
        ),
    }
}

/// Writes 2, 4, 8 or 16 bytes of zeros to shared memory.
#[cube]
pub fn zero_shared(to: u32, #[comptime] bytes: usize) {
    match comptime!(bytes) {
        16 => gpu_asm!("st.shared.v4.b32 [{to}], {{0, 0, 0, 0}};", to = in(_) val::<u32>(to)),
        8 => gpu_asm!("st.shared.v2.b32 [{to}], {{0, 0}};", to = in(_) val::<u32>(to)),
        4 => gpu_asm!("st.shared.b32 [{to}], 0;", to = in(_) val::<u32>(to)),
        _ => gpu_asm!(
            "{{ .reg .b16 z; mov.b16 z, 0; st.shared.b16 [{to}], z; }}",
            to = in(_) val::<u32>(to)
        ),
    }
}

/// Writes one register to shared memory.
#[cube]
pub fn store_shared(to: u32, x: u32) {
    gpu_asm!("st.shared.b32 [{to}], {x};", to = in(_) val::<u32>(to), x = in(_) val::<u32>(x));
}

/// Writes two neighbouring `f32` to shared memory, at a multiple of 8 bytes.
#[cube]
pub fn store_shared_pair(to: u32, x: f32, y: f32) {
    gpu_asm!(
        "st.shared.v2.f32 [{to}], {{{x}, {y}}};",
        to = in(_) val::<u32>(to), x = in(_) val::<f32>(x), y = in(_) val::<f32>(y)
    );
}

/// Writes one `f32` to shared memory.
#[cube]
pub fn store_shared_f32(to: u32, x: f32) {
    gpu_asm!("st.shared.f32 [{to}], {x};", to = in(_) val::<u32>(to), x = in(_) val::<f32>(x));
}

/// Reads one register from shared memory.
#[cube]
pub fn load_shared(from: u32) -> u32 {
    let x: u32;
    gpu_asm!("ld.shared.b32 {x}, [{from}];", x = out(_) x, from = in(_) val::<u32>(from));
    x
}

/// Reads two neighbouring `f32` from shared memory, at a multiple of 8 bytes.
#[cube]
pub fn load_shared_pair(from: u32) -> Vector<f32, Const<2>> {
    let r: Vector<f32, Const<2>>;
    gpu_asm!("ld.shared.v2.f32 {r}, [{from}];", r = out(_) r, from = in(_) val::<u32>(from));
    r
}
