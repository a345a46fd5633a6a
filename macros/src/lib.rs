//! The attribute macros of Tilewright. Import them from `tilewright::prelude`.
//!
//! # The language
//!
//! `#[score_mod]` changes the scores of an attention, `#[mask_mod]` says which keys a query may
//! see. Each stands on a plain function of one pair of query and key (these two are in
//! `tilewright::variants`, where they are tested):
//!
//! ```text
//! /// Logit soft-capping, as in Gemma 2.
//! #[score_mod(example(30.0))]
//! pub fn softcap(score: f32, cap: f32) -> f32 {
//!     cap * (score / cap).tanh()
//! }
//!
//! /// Each query sees the keys at most `window - 1` away.
//! #[mask_mod(example(16))]
//! pub fn sliding_window(at: Position, window: u32) -> bool {
//!     at.query.abs_diff(at.key) < window
//! }
//! ```
//!
//! **Arguments.** A score function takes the score, then, if it likes, the position; a mask
//! function takes the position. Parameters follow: `f32`, `u32` or `i32`.
//!
//! **The body** is made of `let`, `if` with `else`, arithmetic, comparisons, `&&`, `||`, `!`,
//! casts, the methods of numbers (an unknown one is answered with the list) and constants such as
//! `f32::INFINITY` and `core::f32::consts::PI`. There are no loops, calls, macros or changing
//! names.
//!
//! **From a function** named `softcap` the macro makes the struct `Softcap` with the parameters
//! as fields, the constructor `softcap(cap)`, the device code, the derivative with respect to the
//! score, both again in `f64` for the host, and an entry in the registry. `example(..)` gives
//! values of the parameters to test with; it may be repeated, and without it every parameter is 1.
//!
//! # Numbers
//!
//! - A bare integer literal takes the type of what it is joined with, else `i32`.
//! - Integer `+ - *` wrap, on the host too. A divisor of zero counts as one: no parameter can
//!   make a kernel trap.
//! - Casts are Rust's, except from an `f32` outside the integer's range, which gives an
//!   unspecified integer on the device.
//! - At a kink the derivative is one of the one-sided ones, and 0 for `abs`; `a.max(b)` belongs to
//!   `b` where both are equal. Rounding, casts and comparisons have the derivative 0.
//! - Only the chosen block of an `if` runs, forward and in the derivative. To keep `ln(x)` away
//!   from a negative `x`, write it inside the block.
//!
//! # How it works
//!
//! `signature` reads the head of the function. `check`, with `operators` and `call`, reads the
//! body, resolves names, checks types and writes it through `builder` as steps of `ir`, where
//! `methods` says what each method means. `differentiate` makes the derivative of such steps, and `emit` prints all of it.

mod builder;
mod call;
mod check;
mod choice;
mod differentiate;
mod emit;
mod errors;
mod flow;
mod given;
mod gradient;
mod ir;
mod literal;
mod methods;
mod near;
mod operators;
mod pattern;
mod refuse;
mod signature;

use proc_macro::TokenStream;

use errors::Errors;
use signature::{Kind, Signature};

/// Makes a function of a score a variant: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn score_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Score, attribute, item)
}

/// Makes a function of a position a mask: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn mask_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Mask, attribute, item)
}

/// Makes a function one that functions of the language call: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn score_fn(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Helper, attribute, item)
}

fn expand(kind: Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    try_expand(kind, attribute.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

fn try_expand(
    kind: Kind,
    attribute: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> syn::Result<proc_macro2::TokenStream> {
    let function: syn::ItemFn = syn::parse2(item).map_err(|error| {
        let message =
            format!("`#[{}]` stands on a function with a body: {error}", kind.attribute());
        syn::Error::new(error.span(), message)
    })?;
    let mut errors = Errors::default();
    let signature = Signature::parse(kind, attribute, &function, &mut errors);
    if kind != Kind::Helper && emit::variant_name(&signature.name) == signature.name {
        errors.at(
            &signature.name,
            "a function's name is in snake case here, as in `sliding_window`: its struct is called \
             `SlidingWindow`",
        );
    }
    // With a wrong signature the body's names would be blamed for it.
    let checked = match errors.is_empty() {
        true => check::check(&signature, &function.block, &mut errors),
        false => None,
    };
    let by_hand = match (&checked, &signature.gradient) {
        (Some(checked), Some(gradient)) => {
            gradient::check(&signature, gradient, checked, &mut errors)
        }
        _ => None,
    };
    errors.into_result()?;
    let checked = checked.expect("a body without errors has steps");
    Ok(match kind {
        Kind::Helper => emit::helper(&signature, &function, &checked),
        _ => emit::item(&signature, &function, &emit::Steps::new(checked, by_hand)),
    })
}
