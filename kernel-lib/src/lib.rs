//! Attention variants as annotated Rust functions, with tuned forward and backward kernels.
#![warn(missing_docs)]

// The macros name this crate by its path, also inside it.
extern crate self as tilewright;

mod algorithms;
mod attention;
#[cfg(feature = "burn")]
pub mod burn;
pub mod conformance;
mod device;
mod dtype;
mod error;
pub mod language;
mod plan;
mod problem;
pub mod reference;
pub mod table;
mod tensor;
mod tile;
pub mod variants;

pub use attention::{
    AttentionGradients, AttentionOptions, AttentionOutput, MAX_HEAD_DIM, attention,
    attention_backward, problem,
};
pub use device::{Device, DeviceError, DeviceKind, check_cuda_compiler, open_device};
pub use dtype::DType;
pub use error::{AttentionError, PlanRefusal};
pub use plan::{Algorithm, Lowering, Plan};
pub use problem::{Pass, Problem, VariantClass};
pub use tensor::Strided;

/// What a file that defines or uses variants imports.
pub mod prelude {
    pub use crate::language::{AnyVariant, Position, Variant};
    pub use crate::variants::*;
    pub use crate::{
        AttentionGradients, AttentionOptions, AttentionOutput, DType, Strided, attention,
        attention_backward,
    };
    pub use tilewright_macros::{mask_mod, score_mod};
}

/// What the macros' expansion names. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use cubecl;
    pub use inventory;
}
