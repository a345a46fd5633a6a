//! Do the arguments of a call fit the kernel and one another?

use super::error::KernelError;
use super::kernel::{Kernel, ScalarKind};
use super::sizes::{ONE, Sizes};
use crate::{AttentionError, Strided};

impl Kernel {
    /// The sizes that the tensors have, once they are found to fit.
    ///
    /// # Errors
    ///
    /// A tensor that does not fit the kernel or another tensor, with both values.
    pub fn sizes_of(&self, tensors: &[&Strided]) -> Result<Sizes, KernelError> {
        let kernel = self.name;
        if tensors.len() != self.tensors.len() {
            let (given, expected) = (tensors.len(), self.tensors.len());
            return Err(KernelError::Count { kernel, what: "tensors", given, expected });
        }
        let mut sizes = Sizes::default();
        // The tensor that a size was first seen in.
        let mut seen: Vec<(&str, &'static str)> = Vec::new();
        for (param, tensor) in self.tensors.iter().zip(tensors) {
            for (dimension, (&size, &given)) in param.shape.iter().zip(&tensor.shape).enumerate() {
                if size == ONE {
                    if given != 1 {
                        let tensor = param.name;
                        return Err(KernelError::Matrix { kernel, tensor, dimension, given });
                    }
                    continue;
                }
                match (sizes.get(size), seen.iter().find(|(name, _)| *name == size)) {
                    (Some(expected), Some(&(_, other))) if expected != given => {
                        let tensor = param.name;
                        return Err(KernelError::Shape {
                            kernel,
                            tensor,
                            dimension,
                            size,
                            given,
                            expected,
                            other,
                        });
                    }
                    (Some(_), _) => {}
                    (None, _) => {
                        sizes.set(size, given);
                        seen.push((size, param.name));
                    }
                }
            }
        }
        self.check_heads(tensors)?;
        self.check_memory(tensors)?;
        Ok(sizes)
    }

    /// Every tensor has the program's batch and heads, or one that all share.
    fn check_heads(&self, tensors: &[&Strided]) -> Result<(), KernelError> {
        let owner = self.program.tensor();
        for (param, tensor) in self.tensors.iter().zip(tensors) {
            for dimension in 0..2 {
                let given = tensor.shape[dimension];
                let expected = tensors[owner].shape[dimension];
                // What is written must not be shared.
                if given != expected && (given != 1 || param.written) {
                    return Err(KernelError::Heads {
                        kernel: self.name,
                        tensor: param.name,
                        dimension,
                        given,
                        expected,
                        program: self.tensors[owner].name,
                    });
                }
            }
        }
        Ok(())
    }

    fn check_memory(&self, tensors: &[&Strided]) -> Result<(), KernelError> {
        let kernel = self.name;
        let mut free = None;
        for (param, given) in self.tensors.iter().zip(tensors) {
            let (expected, why) = match param.dtype {
                Some(dtype) => (dtype, "the kernel takes it as"),
                None => (*free.get_or_insert(given.dtype), "the tensors before it are"),
            };
            if given.dtype != expected {
                let (tensor, given) = (param.name, given.dtype);
                return Err(KernelError::DType { kernel, tensor, given, expected, why });
            }
            if let Err(AttentionError::Memory { needed, given, .. }) = given.check(param.name) {
                return Err(KernelError::Memory { kernel, tensor: param.name, needed, given });
            }
            let shared = given.shape.iter().zip(given.strides).position(|(&n, s)| n > 1 && s == 0);
            if let (Some(dimension), true) = (shared, param.written) {
                return Err(KernelError::Shared { kernel, tensor: param.name, dimension });
            }
        }
        Ok(())
    }

    pub(super) fn check_scalars(&self, scalars: &[f64]) -> Result<(), KernelError> {
        let kernel = self.name;
        if scalars.len() != self.scalars.len() {
            let (given, expected) = (scalars.len(), self.scalars.len());
            return Err(KernelError::Count { kernel, what: "scalars", given, expected });
        }
        for (param, &given) in self.scalars.iter().zip(scalars) {
            let whole = given.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&given);
            if param.kind == ScalarKind::U32 && !whole {
                let expected = "a whole number from 0 to 4294967295";
                return Err(KernelError::Scalar { kernel, scalar: param.name, given, expected });
            }
        }
        Ok(())
    }
}
