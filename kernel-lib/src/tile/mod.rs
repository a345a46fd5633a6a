//! The tile vocabulary: what the algorithms are written in.
//!
//! The algorithms say `load`, `dot`, `add_product`, `row_max`, `exp`; how a tile lives on hardware
//! is decided below this line. There are two lowerings:
//!
//! - [`simt`]: every unit owns the rows in the lanes of its vectors. On a CPU those lanes are SIMD
//!   lanes; on a GPU they are rows that one thread carries. A [`team`] of units shares what it reads
//!   ([`rows`], [`stage`]).
//! - `mma`: a plane multiplies tiles of sixteen rows on tensor cores ([`fragment`]), of matrices
//!   that lie on chip ([`chip`], [`operand`]), in 16-bit numbers or sums of tf32 ([`elements`]), by
//!   the instructions in [`ptx`].

pub mod chip;
pub mod convert;
pub mod elements;
pub mod exp;
pub mod fragment;
pub mod math;
pub mod operand;
pub mod ptx;
pub mod rows;
pub mod simt;
pub mod stage;
pub mod team;
