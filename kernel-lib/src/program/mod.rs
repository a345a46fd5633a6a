//! Whole kernels, written as tile programs under `#[kernel]`.
//!
//! What a kernel's text may say is told in the guide of
//! [`#[kernel]`](macro@crate::prelude::kernel); [`programs`](crate::programs) holds three of them.
//! Here are the words that its body is made of, and what the macro leaves for the host.
//!
//! ```
//! use tilewright::prelude::*;
//! use tilewright::program::{Sizes, kernels};
//!
//! /// Every row times a number, plus the largest of the row.
//! #[kernel(example(n = 100, d = 64, factor = 0.5))]
//! pub fn lifted(
//!     #[shape(n, d)] x: &Tensor,
//!     #[shape(n, d)] out: &mut Tensor,
//!     factor: f32,
//!     #[tune(1, 4, 16)] rows: Rows,
//!     #[tune(64, 1)] units: Units,
//! ) {
//!     let tile = x.load(rows);
//!     let largest = tile.row_max();
//!     out.store(rows, tile * factor + largest);
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, _) = tilewright::open_device("cpu")?;
//! let numbers: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
//! let x = Strided::matrix(client.create_from_slice(&numbers), [3, 4], DType::F32);
//! let out = Strided::empty(&client, x.shape, DType::F32);
//! lifted(&client, &x, &out, 0.5, None)?;
//! let bytes = client.read_one(out.handle)?;
//! assert_eq!(bytes[4..8], (0.5f32 + 3.0).to_le_bytes());
//!
//! assert!(kernels().any(|kernel| kernel.name == "lifted"));
//! assert_eq!(LiftedTune::space().count(), 6);
//! # Ok(())
//! # }
//! ```
//!
//! | part | what is there |
//! |---|---|
//! | [`Tensor`], [`Tile`], [`Column`], [`Matrix`], [`RowBlock`], [`Block`] | the vocabulary |
//! | [`Kernel`], [`Tuning`], [`Sizes`], [`KernelError`] | a kernel's description, its space, its launch |
//! | [`kernels`], [`find_kernel`] | the registry |
//! | [`Gate`] | whether a kernel computes what its reference says |

mod arguments;
mod call;
mod column;
#[cfg(test)]
mod cooperation;
mod error;
mod gate;
mod grid;
mod kernel;
mod matrix;
mod operators;
mod place;
mod product;
mod registry;
mod sharing;
mod sizes;
mod source;
mod tensor;
mod tile;
mod tuning;

pub use column::Column;
pub use error::KernelError;
pub use gate::{Gate, Order, Trial, Verdict};
pub use kernel::{
    Condition, Example, Kernel, Program, Reference, ScalarKind, ScalarParam, TensorParam,
};
pub use matrix::Matrix;
pub use place::{Block, Blocks, RowBlock, RowBlocks};
pub use registry::{UnknownKernel, find_kernel, kernels};
pub use sizes::Sizes;
pub use tensor::Tensor;
pub use tile::Tile;
pub use tuning::{Role, TuneParam, Tuning, TuningRefusal};

/// What the expansion of `#[kernel]` names. Not for use by hand.
#[doc(hidden)]
pub mod expansion {
    pub use super::call::{Call, Target};
    pub use super::grid::Grid;
    pub use super::operators::{ColumnOperand, TileOperand};
    pub use super::place::{Block, Geometry, RowBlock};
    pub use super::registry::Registered;
    pub use super::tensor::Tensor;
    pub use super::tile::Tile;
}
