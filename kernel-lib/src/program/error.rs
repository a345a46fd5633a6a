//! Why a kernel was not launched.

use super::tuning::{Tuning, TuningRefusal};
use crate::DType;

/// Why a kernel was not launched. Every message names the kernel, the argument, what was given and
/// what was expected.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// More or fewer tensors or scalars than the kernel has.
    #[error("`{kernel}` takes {expected} {what}, and {given} were given")]
    Count { kernel: &'static str, what: &'static str, given: usize, expected: usize },
    /// One size under two names, or another size under the same name.
    #[error(
        "`{kernel}`: dimension {dimension} of `{tensor}` is {given}, but `{size}` is {expected} \
         in `{other}`"
    )]
    Shape {
        kernel: &'static str,
        tensor: &'static str,
        dimension: usize,
        size: &'static str,
        given: usize,
        expected: usize,
        other: &'static str,
    },
    /// A dimension that must be one is not.
    #[error(
        "`{kernel}`: dimension {dimension} of `{tensor}` is {given}, but must be 1: it is a matrix"
    )]
    Matrix { kernel: &'static str, tensor: &'static str, dimension: usize, given: usize },
    /// A tensor's heads are neither the program's nor one that all share.
    #[error(
        "`{kernel}`: `{tensor}` has {given} in dimension {dimension}, but `{program}` has \
         {expected}: every tensor has as many, or 1 that all share"
    )]
    Heads {
        kernel: &'static str,
        tensor: &'static str,
        dimension: usize,
        given: usize,
        expected: usize,
        program: &'static str,
    },
    /// An output whose elements share memory.
    #[error("`{kernel}` writes `{tensor}`, whose stride in dimension {dimension} is 0")]
    Shared { kernel: &'static str, tensor: &'static str, dimension: usize },
    /// An input without elements.
    #[error("`{kernel}`: `{tensor}` has no elements")]
    Empty { kernel: &'static str, tensor: &'static str },
    /// Another element type.
    #[error("`{kernel}`: `{tensor}` is {given}, but {why} {expected}")]
    DType {
        kernel: &'static str,
        tensor: &'static str,
        given: DType,
        expected: DType,
        why: &'static str,
    },
    /// Memory that is too small for shape and strides.
    #[error("`{kernel}`: `{tensor}` needs {needed} bytes, and its memory has {given}")]
    Memory { kernel: &'static str, tensor: &'static str, needed: usize, given: usize },
    /// A scalar that its type cannot hold.
    #[error("`{kernel}`: `{scalar}` is {given}, but must be {expected}")]
    Scalar { kernel: &'static str, scalar: &'static str, given: f64, expected: &'static str },
    /// A size was not given.
    #[error("`{kernel}` needs the size `{size}`; its sizes are {known}")]
    Size { kernel: &'static str, size: &'static str, known: String },
    /// A tuning that cannot run.
    #[error("`{kernel}` cannot run with {tuning}: {reason}")]
    Tuning { kernel: &'static str, tuning: Box<Tuning>, reason: TuningRefusal },
    /// No tuning can run.
    #[error("`{kernel}` has no tuning that this device can run for {sizes}: {reason}")]
    NoTuning { kernel: &'static str, sizes: String, reason: TuningRefusal },
    /// The device failed.
    #[error("`{kernel}` failed on the device: {reason}")]
    Failed { kernel: &'static str, reason: String },
}
