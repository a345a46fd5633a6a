//! The tile vocabulary: what the algorithms are written in.
//!
//! A *team* of units works on one tile of rows at a time. The algorithms say `load`, `dot`,
//! `add_product`, `row_max`, `exp`; how a tile lives on hardware is decided below this line.
//!
//! There is one lowering so far: [`simt`], in which every unit owns the rows in the lanes of its
//! vectors. On a CPU those lanes are SIMD lanes; on a GPU they are rows that one thread carries.

pub mod chip;
pub mod convert;
pub mod exp;
pub mod fragment;
pub mod half;
pub mod ptx;
pub mod rows;
pub mod simt;
pub mod stage;
pub mod team;
