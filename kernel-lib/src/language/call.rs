/// A function marked `#[score_fn]` whose result is `T`: the macros cannot see what a function that
/// is called gives, and rustc can.
#[diagnostic::on_unimplemented(
    message = "this call is read as `{T}`, and the function gives something else",
    label = "read as `{T}`",
    note = "a call is `f32` unless its place says otherwise: bind it with its type, as in \
            `let a: u32 = f(b);`"
)]
pub trait Gives<T> {}

/// Compiles where `F` gives `T`.
pub fn gives<F: Gives<T>, T>() {}
