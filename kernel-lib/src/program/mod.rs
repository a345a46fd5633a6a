//! Whole kernels, written as tile programs under `#[kernel]`.

mod arguments;
mod call;
mod column;
mod error;
mod gate;
mod grid;
mod kernel;
mod matrix;
mod operators;
mod place;
mod product;
mod registry;
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
