//! Attention with all keys of a head on chip: short sequences.

pub mod backward;
pub mod forward;
pub mod planes;
