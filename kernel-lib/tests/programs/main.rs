//! Kernels under `#[kernel]`, on the CPU runtime.

mod conformance;
mod errors;
mod own;
#[cfg(feature = "cuda")]
mod source;
