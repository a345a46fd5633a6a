//! The attribute macros of Tilewright. Import them from `tilewright::prelude`.
//!
//! # The language
//!
//! Each stage of an attention has an attribute, which stands on a plain function:
//!
//! | attribute | the function | what it is for |
//! |---|---|---|
//! | `#[query_mod]`, `#[key_mod]`, `#[query_key_mod]` | `fn f(x: f32, at: Element, ..) -> f32` | new elements of queries, keys or both: see [rows](#rows) |
//! | `#[score_mod]` | `fn f(score: f32, at: Position, ..) -> f32` | a new score |
//! | `#[mask_mod]` | `fn f(at: Position, ..) -> bool` | whether a query sees a key |
//! | `#[sink_mod]` | `fn f(at: Position, ..) -> f32` | a row's logit of attending to nothing, beside its scores |
//! | `#[weight_mod]` | `fn f(weight: f32, at: Position, ..) -> f32` | a normalised weight times something |
//! | `#[output_mod]` | `fn f(x: f32, at: Element, ..) -> f32` | new elements of the output |
//!
//! Most are scores and masks, functions of one pair of query and key (these two are in
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
//! **Arguments.** A function takes what it changes (a mask or a sink nothing), then, if it likes, the
//! position; a mask takes that in any case. Parameters follow: numbers, `f32`, `u32` or `i32`, and tables of
//! them, `Table` (of `f32`), `Table<u32>` or `Table<i32>`.
//!
//! ```text
//! /// A learned number for each head and each distance.
//! #[score_mod(example(bias = table(heads, queries + keys - 1)))]
//! pub fn relative_bias(score: f32, at: Position, #[learned] bias: Table) -> f32 {
//!     score + bias[(at.head, at.key + at.queries - 1 - at.query)]
//! }
//! ```
//!
//! **Tables** have 1 to 4 dimensions, as many as the function gives them indices: `bias[at.head]`,
//! `bias[(at.query, at.key)]`. An index is `u32` or `i32`, made of the position, parameters and
//! other tables, not of the score. A dimension of size 1 is the same for every index. An index
//! outside the table means the nearest element; a call is refused where that would happen to a
//! pair of query and key that the mask keeps.
//!
//! **Learned parameters**, `#[learned] bias: Table` or `#[learned] t: f32`, get derivatives too. A
//! *site* is one of them with one index; the variant tells, for each site and position, which
//! element it is and how the score changes with it.
//!
//! **The body** is plain Rust without loops, macros and changing names:
//!
//! - `let` with a name or a tuple of names, under a type or without, and the same name again;
//! - `if` with `else` and `else if`, and `match` on whole numbers, truths and tuples of them, with
//!   `|`, ranges, names, guards and `_`; both give values, tuples too;
//! - `return` anywhere in these, as in `if score < low { return low; }`;
//! - arithmetic, comparisons, `&&`, `||`, `!`, casts, `& | ^ << >>` and `!` on the bits of integers, the methods of numbers as `a.max(b)` or
//!   `f32::max(a, b)` (an unknown one is answered with the list), and constants such as
//!   `f32::INFINITY` and `core::f32::consts::PI`;
//! - elements of tables, and calls of functions marked `#[score_fn]`.
//!
//! ```text
//! /// Steep near the diagonal, flat far from it.
//! #[score_mod(example(3, 0.5))]
//! pub fn shelf(score: f32, at: Position, width: u32, floor: f32) -> f32 {
//!     if at.key == at.query {
//!         return score;
//!     }
//!     let (low, high) = if at.key < at.query { (floor, score) } else { (score, floor) };
//!     match at.query.abs_diff(at.key) {
//!         n if n < width => low.max(high),
//!         _ => low,
//!     }
//! }
//! ```
//!
//! **Weights.** A `#[weight_mod]` multiplies what the softmax made; the factor is made of the position
//! and the parameters, so that the backward pass remains one pass. The macro differentiates the
//! function and refuses one whose derivative changes with the weight, or that adds something to it.
//! The functions `random_bits(seed, at)` and `random(seed, at)` of the library are the same in both
//! passes:
//!
//! ```text
//! /// Attention dropout.
//! #[weight_mod(example(0.25, 7))]
//! pub fn dropout(weight: f32, at: Position, p: f32, seed: u32) -> f32 {
//!     let growth = 1.0 / (1.0 - p);
//!     if random(seed, at) < p { 0.0 } else { weight * growth }
//! }
//! ```
//!
//! **Normalisers.** Scores become weights by a softmax. A `#[sink_mod]` adds a logit to each row's sum
//! that has no value, as `sinks[at.head]`; `at.key` has no meaning there. With
//! `#[score_mod(normaliser = sigmoid)]` each weight is the sigmoid of its score and no row is
//! normalised. Of two joined variants with normalisers of their own the second's counts.
//!
//! **Joined** variants are one kernel: `a.and(b)`, of masks also `a.or(b)` and `a.not()`, and
//! `heads(0..8, a).heads(8..16, b)` for heads that differ.
//!
//! **From a function** named `softcap` the macro makes the struct `Softcap` with the parameters
//! as fields, the constructor `softcap(cap)`, the device code, the derivative with respect to the
//! score, both again in `f64` for the host, and an entry in the registry. `example(..)` gives
//! values of the parameters to test with, in their order or by name, and may be repeated; without
//! it every number is 1. A table is written as its shape, `table(heads, queries + keys)`, which may
//! depend on the sizes of what is tested (`batch`, `heads`, `queries`, `keys`, `head_dim`,
//! `value_dim`), and is filled with seeded random numbers; one that is left out is as large as what the function reads.
//!
//! # Functions that others call
//!
//! ```text
//! #[score_fn]
//! pub fn bump(x: f32, height: f32) -> f32 {
//!     height * (-x * x).exp()
//! }
//!
//! #[score_mod]
//! pub fn bumped(score: f32, at: Position) -> f32 {
//!     let far: u32 = shapes::distance(at);
//!     score + bump(score, 0.5) * far as f32
//! }
//! ```
//!
//! `#[score_fn]` stands on a function of `f32`, `u32`, `i32`, `bool` and, once, `Position`, with
//! one of the first four as its result. It is called by its name or path, from its own module or
//! crate or another, and by other such functions. It stays a plain function; beside it stands a
//! type of the same name, which has the device code, the function in `f64` and a derivative for
//! each `f32` argument, and which the same `use` imports. (So no module beside it can have its
//! name.) The library has some of them in `tilewright::functions`, `sigmoid` among them.
//!
//! A macro sees one item, so what a call gives is known from its place: the type of its `let`, the
//! other side of an operator, an argument, a condition or the result, and else `f32`. rustc
//! compares that with the function, and the arguments too, in the function as it is written. A
//! cast says nothing about what it casts: bind such a call with its type first.
//!
//! A caller's source hash contains those of the functions it calls: a change in one of them makes
//! tuned tables and caches stale.
//!
//! # Rows
//!
//! A stage of rows is a function of one element of a query, a key or the output:
//!
//! ```text
//! /// Rotary position embedding.
//! #[query_key_mod(pair = halves, example(100.0))]
//! pub fn rope(x: f32, pair: f32, at: Element, theta: f32) -> f32 {
//!     let half = at.dims / 2;
//!     let frequency = theta.powf(-((at.dim % half) as f32) / half as f32);
//!     let angle = at.token as f32 * frequency;
//!     let turned = if at.dim < half { -pair } else { pair };
//!     x * angle.cos() + turned * angle.sin()
//! }
//!
//! /// RMS-norm with a learned scale.
//! #[query_key_mod(example(table(head_dim), 0.01))]
//! pub fn qk_norm(
//!     x: f32,
//!     mean_square: f32,
//!     at: Element,
//!     #[learned] scale: Table,
//!     epsilon: f32,
//! ) -> f32 {
//!     x / (mean_square + epsilon).sqrt() * scale[at.dim]
//! }
//! ```
//!
//! `at: Element` has `batch`, `head`, `token`, `dim`, `tokens` and `dims`, `u32` each; of keys, `head`
//! is a key head. Between the element and `at` a function may ask, by these names, for `pair`, the
//! element's partner in its row (`pair = halves`: those in the same place of both halves;
//! `pair = neighbours`: 0 and 1, 2 and 3 ...; the last of an odd number is its own), and for `mean` and
//! `mean_square`, those of the row. Partners have each other, so the transposed derivative of such a
//! function gathers as well, and every gradient has one owner.
//!
//! Stages of rows are kernels of their own before and after those of attention, whatever these are:
//! a pass over the rows forward, and in the backward pass one more to make queries and keys again and
//! one for their gradients. They compute in `f32`; the new rows are of the tensors' type. Joined
//! stages apply in their order, one pass each. `heads(..)` takes none.
//!
//! # Derivatives
//!
//! The derivative is derived from the steps of the function, by reverse-mode differentiation.
//! Another one can be given, in the same language: a closure of the function's arguments, or the
//! path of a `#[score_fn]` with the same arguments.
//!
//! ```text
//! #[score_mod(example(30.0), grad = |score, cap| {
//!     let ratio = (score / cap).tanh();
//!     1.0 - ratio * ratio
//! })]
//! ```
//!
//! It is used on the device and the host. The derived one remains: `Variant::derived_grad` gives
//! it, and `tilewright::language::check_gradient` compares the two, which a test does for
//! every registered variant of the library. `Variant::derivative` shows the derivative as a
//! function of the language, and `Variant::source` the function itself, for people to read.
//!
//! # Numbers
//!
//! - A bare integer literal takes the type of what it is joined with, else `i32`.
//! - Integer `+ - *` wrap, on the host too, and shifts count bits modulo 32. Where the function itself
//!   is called, as a `#[score_fn]` is, Rust's rules hold: write `a.wrapping_mul(b)` there. A divisor of zero counts as one: no parameter can
//!   make a kernel trap.
//! - Casts are Rust's, except from an `f32` outside the integer's range, which gives an
//!   unspecified integer on the device.
//! - At a kink the derivative is one of the one-sided ones, and 0 for `abs`; `a.max(b)` belongs to
//!   `b` where both are equal. Rounding, casts and comparisons have the derivative 0.
//! - Where a slope is infinite, as that of `sqrt` at 0, the derivative is infinite or NaN.
//! - Only the chosen block of an `if` or `match` runs, forward and in the derivative, and what
//!   follows a `return` does not. To keep `ln(x)` away from a negative `x`, write it inside the
//!   block, or after the return.
//!
//! # Whole kernels
//!
//! `#[kernel]` makes a kernel of a function over tiles, which reads like the algorithm in its paper
//! (this one is `tilewright::programs::sigmoid_attention`):
//!
//! ```text
//! #[kernel(program = rows(q), reference = attend)]
//! pub fn sigmoid_attention(
//!     #[shape(b, h, n, d)] q: &Tensor,
//!     #[shape(b, h, m, d)] k: &Tensor,
//!     #[shape(b, h, m, e)] v: &Tensor,
//!     #[shape(b, h, n, e)] out: &mut Tensor,
//!     scale: f32,
//!     bias: f32,
//!     #[tune(1, 2, 4, 16)] rows: Rows,
//!     #[tune(64, 1, 32, 128)] units: Units,
//!     #[tune(16, 8, 32)] block: usize,
//! ) {
//!     let queries = q.load(rows) * scale;
//!     let mut sum = rows.zeros(v.dim());
//!     for keys in k.blocks(block) {
//!         let weights = (queries.dot_t(k, keys) + bias).sigmoid();
//!         sum += weights.dot(v, keys);
//!     }
//!     out.store(rows, sum);
//! }
//! ```
//!
//! **Programs.** A program is a group of units that works on a block of rows (`program = rows(q)`)
//! or on a whole head (`program = heads(q)`); without it, on rows of the first output. In the body
//! `rows` is the program's block. `rows.blocks(n)` goes through `n` rows in such blocks.
//!
//! **Tensors** are `&Tensor`, and `&mut Tensor` if written: `[batch, heads, rows, dim]` with any
//! strides, all of the element type of the call (`f32`, `f16`, `bf16`), or always `f32` as
//! `Tensor<f32>`. `#[shape(b, h, n, d)]` names their sizes, and equal names are equal sizes;
//! `#[shape(n, d)]` is a matrix, `1` a size of one. A tensor has as many sequences and heads as the
//! program's, or one that all share, and no output shares memory with another tensor. Without names
//! all tensors have one shape. `f32` and `u32` are
//! scalars.
//!
//! **Tune parameters** are known when the kernel is compiled. `Rows` (every kernel has one) says how
//! many rows a unit owns, `Units` how many units a program has, `Split` how many of them share a row;
//! `usize` is whatever the text makes of it. The first value is preferred. On a CPU a program is one
//! unit, so its space should have the value 1 for `Units` and `Split`; more rows fill SIMD lanes.
//!
//! | word | what it gives |
//! |---|---|
//! | `x.load(rows)`, `out.store(rows, tile)` | a tile of whole rows; its way back |
//! | `x.rows()`, `x.dim()`, `x.blocks(len)` | sizes; blocks of rows that the whole program meets |
//! | `x.load_t(rows, block)` | a tile of the transposed matrix, a block of its columns |
//! | `rows.zeros(cols)`, `rows.column(0.0)` | a tile of zeros; one number for each row |
//! | `tile.dot_t(k, block)` | `tile · kᵀ`, a column for each row of the block |
//! | `tile.dot(v, block)`, `sum += tile.dot(v, block)` | `tile · v`, rows of the block weighted and summed |
//! | `rows.matrix(n, d)`, `m.store(rows, tile)`, `tile.times(&m)` | a matrix on chip that the whole program sees |
//! | `row_max`, `row_min`, `row_sum`, `row_mean` | one number for each row |
//! | `+ - * /`, `- tile` | between tiles, columns and numbers; the tile stands left |
//! | `exp`, `sigmoid`, `map(\|x\| ..)` | of every cell; in `map` also `ln`, `sqrt`, `abs`, `recip`, `tanh`, `max`, `min`, `max_of`, `min_of`, `greater(bound, yes, no)` |
//!
//! A tile knows its edge: rows and columns beyond a tensor are never summed, multiplied or written.
//! A tile that was used is gone, as with any value in Rust; `tile.clone()` keeps it. All arithmetic
//! is `f32`. `for`, `if`, `let` and `comptime!(..)` are Rust's, as CubeCL has them; a condition is
//! made of sizes and scalars, so all units of a program take the same way.
//!
//! **From a function** named `sigmoid_attention` the macro makes the function that checks its
//! arguments and queues the kernel, `sigmoid_attention(client, q, k, v, out, scale, bias, tune)`; the
//! type of its tunings, `SigmoidAttentionTune`, with their `space()` and the `kernel()`'s
//! description; and an entry in the registry, through which `autotune kernel`, `bench-suite kernels`
//! and tests find it.
//!
//! **The attribute** also takes `reference = path`, a function of the inputs (`&HostTensor`) and
//! scalars (`f64`) that returns the output, or an array of them: every tuning is compared with it
//! before it is timed. `valid = path` is a further condition, `fn(&NameTune, &Sizes, &Device) ->
//! bool`. `example(b = 8, .., scale = 0.35)` gives sizes and scalars to run it with; it may be
//! repeated.
//!
//! # How it works
//!
//! `signature` reads the head of the function, of a `kind`, `attribute` what its attribute says, and
//! `example` the values to test it with. `check`,
//! with `flow` (blocks and `return`), `choice` and `join` (`if` and `match`), `pattern`, `given`
//! (tuples), `operators`, `call` and `index` (tables), reads the body, resolves names, checks types
//! and writes it through `builder` as steps of `ir`, where `methods` says what each method means;
//! `gradient` does so for a derivative written by hand. `sites` finds where tables are read.
//! `linear` sees to it that a weight is only multiplied. `differentiate` makes the derivative of steps, and `emit` prints all of it: for the device,
//! for the host, and for people. The property tests in `macros/ui` run steps of functions made at
//! random.
//! `kernel` reads and writes whole kernels, whose body goes to CubeCL.

mod attribute;
mod builder;
mod call;
mod check;
mod choice;
mod differentiate;
mod emit;
mod errors;
mod example;
mod flow;
mod given;
mod gradient;
mod index;
mod ir;
mod join;
mod kernel;
mod kind;
mod linear;
mod literal;
mod methods;
mod near;
mod operators;
mod pattern;
mod refuse;
mod signature;
mod sites;

use proc_macro::TokenStream;

use errors::Errors;
use kind::Kind;
use signature::Signature;

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

/// Makes a function of a normalised weight a variant: see the [crate's guide](crate).
#[proc_macro_attribute]
pub fn weight_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Weight, attribute, item)
}

/// Makes a function that gives a row the logit of nothing a variant: see the
/// [crate's guide](crate).
#[proc_macro_attribute]
pub fn sink_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Sink, attribute, item)
}

/// Makes a function of an element of a query a variant: see the [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn query_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Query, attribute, item)
}

/// Makes a function of an element of a key a variant: see the [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn key_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Key, attribute, item)
}

/// Makes a function of an element of a query or a key a variant: see the
/// [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn query_key_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::QueryKey, attribute, item)
}

/// Makes a function of an element of the output a variant: see the [crate's guide](crate#rows).
#[proc_macro_attribute]
pub fn output_mod(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Output, attribute, item)
}

/// Makes a function over tiles a kernel: see the [crate's guide](crate#whole-kernels).
#[proc_macro_attribute]
pub fn kernel(attribute: TokenStream, item: TokenStream) -> TokenStream {
    kernel::expand(attribute.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
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
    if let (Kind::Weight, Some(checked)) = (kind, &checked) {
        linear::check(&signature, checked, &function, &mut errors);
    }
    errors.into_result()?;
    let mut checked = checked.expect("a body without errors has steps");
    if kind == Kind::Helper {
        return Ok(emit::helper(&signature, &function, &checked));
    }
    // It marks what is learned, so it comes before any derivative.
    let sites = sites::find(&mut checked, by_hand.as_ref(), &signature.parameters);
    let steps = emit::Steps::new(checked, by_hand);
    Ok(emit::item(&signature, &function, &steps, &sites))
}
