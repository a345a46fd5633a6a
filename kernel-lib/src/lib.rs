//! Attention variants as annotated Rust functions, with tuned forward and backward kernels.
//!
//! A variant is what makes one attention differ from `softmax(Q Kᵀ · scale) V`: a function of the
//! score, a mask, of queries, keys, weights or the output, or several of them composed. It is written once, as a plain function; the macros
//! derive its gradient, and every kernel is compiled for it.
//!
//! ```
//! use tilewright::prelude::*;
//!
//! /// Keys count less the farther they are.
//! #[score_mod(example(0.1))]
//! pub fn fading(score: f32, at: Position, rate: f32) -> f32 {
//!     score - rate * at.query.abs_diff(at.key) as f32
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, _) = tilewright::open_device("cpu")?;
//! let shape = [2, 4, 42, 8]; // batch, heads, seq, dim
//! let numbers: Vec<u8> = (0..2 * 4 * 42 * 8)
//!     .flat_map(|i| ((i as f32 * 0.37).sin()).to_le_bytes())
//!     .collect();
//! let q = Strided::contiguous(client.create_from_slice(&numbers), shape, DType::F32);
//!
//! let variant = fading(0.1).and(causal());
//! let options = AttentionOptions::default();
//! let output = attention(&client, &q, &q, &q, variant, &options)?;
//! let gradients = attention_backward(&client, &q, &q, &q, &output, &output.out, variant, &options)?;
//! assert_eq!(gradients.k.shape, shape);
//! assert_eq!(client.read_one(gradients.k.handle)?.len(), numbers.len());
//! # Ok(())
//! # }
//! ```
//!
//! | room | what is there |
//! |---|---|
//! | [`guide`] | chapters, with code that is tested |
//! | [`attention`], [`attention_backward`] | the operators, on device tensors with any strides |
//! | [`variants`] | the library of variants; each file shows how one is written |
//! | [`functions`] | what variants call, such as `sigmoid` |
//! | [`language`] | what a variant is, composition, the registry that finds yours too |
//! | [`program`], [`programs`] | whole kernels under `#[kernel]`: their vocabulary, and three of them |
//! | [`Plan`], [`table`] | how a problem is run, and how the choice is made |
//! | [`reference`](mod@reference), [`conformance`] | the `f64` oracle, and the suite that compares everything with it |
//! | [`explain`], [`Compilations`] | what a call computes and how it runs, to read; what is compiled anew |
//! | [`picture`] | pictures of masks and biases, and how many blocks a mask leaves |
//! | `cuda_source` (feature `cuda`) | the CUDA C++ of a call's kernels, without a GPU |
//! | `burn` (feature) | a differentiable operator for Burn |
//!
//! Features: `cpu` and `cuda` link CubeCL's runtimes (both by default; which one is used is decided
//! when a device is opened), `persistence` lets a program keep compiled kernels on disk, `burn`
//! adds the operator for Burn.
#![warn(missing_docs)]

// The macros name this crate by its path, also inside it.
extern crate self as tilewright;

mod algorithms;
mod attention;
#[cfg(feature = "burn")]
pub mod burn;
mod compilations;
pub mod conformance;
#[cfg(feature = "cuda")]
pub mod cuda_source;
mod device;
mod dtype;
mod error;
pub mod explain;
pub mod functions;
pub mod guide;
pub mod language;
pub mod picture;
mod plan;
mod problem;
pub mod program;
pub mod programs;
mod random;
pub mod reference;
pub mod table;
mod tensor;
mod tile;
pub mod variants;

pub use attention::{
    AttentionGradients, AttentionOptions, AttentionOutput, LearnedGradient, MAX_HEAD_DIM,
    attention, attention_backward, problem,
};
pub use compilations::Compilations;
pub use device::{Device, DeviceError, DeviceKind, check_cuda_compiler, open_device};
pub use dtype::DType;
pub use error::{AttentionError, PlanRefusal};
pub use plan::{Algorithm, Lowering, Plan};
pub use problem::{Pass, Problem, VariantClass};
pub use tensor::Strided;

/// What a file that defines or uses variants imports.
pub mod prelude {
    pub use crate::functions::{random, random_bits, rotary_angle, sigmoid, softplus};
    pub use crate::language::{
        AnyVariant, Element, Learned, Mask, Position, Table, Variant, heads,
    };
    pub use crate::variants::*;
    pub use crate::{
        AttentionGradients, AttentionOptions, AttentionOutput, DType, Strided, attention,
        attention_backward,
    };
    pub use tilewright_macros::{
        kernel, key_mod, mask_mod, output_mod, query_key_mod, query_mod, score_fn, score_mod,
        sink_mod, weight_mod,
    };
}

/// What the macros' expansion names. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::language::{Gives, gives};
    pub use cubecl;
    pub use inventory;
}
