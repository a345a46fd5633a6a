//! Kernels, tables, plans and the oracle, on a machine without a GPU.

mod conformance;
mod oracle;
mod plans;
mod support;
mod tables;
