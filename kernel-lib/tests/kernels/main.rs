//! Kernels, tables, plans and the oracle, on a machine without a GPU.

mod compositions;
mod conformance;
#[cfg(feature = "cuda")]
mod cuda_source;
mod learned;
mod lookup;
mod oracle;
mod plans;
mod stages;
mod support;
mod table_damage;
mod tables;
