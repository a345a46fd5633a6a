//! A kernel's CUDA C++, without a GPU.

#[cfg(feature = "cuda")]
pub use recording::*;

/// What stands where a launch has a device.
#[cfg(not(feature = "cuda"))]
pub enum SourceRecorder {}

#[cfg(not(feature = "cuda"))]
#[doc(hidden)]
impl SourceRecorder {
    pub fn device_properties(&self) -> std::sync::Arc<cubecl::ir::DeviceProperties> {
        match *self {}
    }

    pub fn target_properties(&self) -> std::sync::Arc<cubecl::ir::TargetProperties> {
        match *self {}
    }

    pub fn record(
        &self,
        _: &'static str,
        _: cubecl::CubeDim,
        _: &impl cubecl::prelude::CubeKernel,
    ) {
        match *self {}
    }
}

#[cfg(feature = "cuda")]
mod recording {
    use std::sync::Arc;

    use cubecl::ir::{DeviceProperties, TargetProperties};
    use cubecl::prelude::*;

    use crate::cuda_source::{CudaSource, Recorder, Sm};
    use crate::program::call::Target;
    use crate::program::{Kernel, KernelError, Sizes, Tuning};
    use crate::{DType, Strided};

    /// What stands where a launch has a device.
    pub struct SourceRecorder(Recorder);

    #[doc(hidden)]
    impl SourceRecorder {
        pub fn device_properties(&self) -> Arc<DeviceProperties> {
            self.0.device_properties()
        }

        pub fn target_properties(&self) -> Arc<TargetProperties> {
            self.0.target_properties()
        }

        pub fn record(&self, name: &'static str, cube_dim: CubeDim, kernel: &impl CubeKernel) {
            self.0.record(name, cube_dim, kernel);
        }
    }

    impl Kernel {
        /// The CUDA C++ that a launch of this kernel would compile on an architecture, for
        /// contiguous tensors of these sizes.
        ///
        /// # Errors
        ///
        /// A size that is missing, a tuning that the architecture cannot run, or a kernel that does
        /// not become source.
        pub fn cuda_source(
            &self,
            sizes: &Sizes,
            dtype: DType,
            tuning: Option<&Tuning>,
            sm: Sm,
        ) -> Result<CudaSource, KernelError> {
            let tensors: Vec<Strided> = self
                .tensors
                .iter()
                .zip(self.shapes(sizes)?)
                .map(|(param, shape)| Recorder::tensor(shape, param.dtype.unwrap_or(dtype)))
                .collect();
            let tensors: Vec<&Strided> = tensors.iter().collect();
            let scalars = vec![1.0; self.scalars.len()];
            let recorder = SourceRecorder(Recorder::new(sm));
            self.send(Target::Source(&recorder), sm.device(), &tensors, &scalars, tuning)?;
            let recorded = recorder.0.finish().pop();
            let failed = |reason| KernelError::Failed { kernel: self.name, reason };
            match recorded {
                Some(Ok(source)) => Ok(source),
                Some(Err((_, reason))) => Err(failed(reason)),
                None => Err(failed("it queues nothing for tensors without elements".to_owned())),
            }
        }
    }
}
