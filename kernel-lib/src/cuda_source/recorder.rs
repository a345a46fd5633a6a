//! What stands where a launch has a device.

use std::cell::RefCell;
use std::sync::Arc;

use cubecl::cuda::CudaRuntime;
use cubecl::cuda::compiler::{CudaBackend, CudaCompilationOptions, CudaCompiler};
use cubecl::ir::{DeviceProperties, TargetProperties};
use cubecl::prelude::*;
use cubecl::server::Handle;
use cubecl::{CompilationError, Compiler as _, define_kernel};
use cubecl_core::device::{DeviceId, ServiceId};
use cubecl_core::environment::stream::StreamId;
use cubecl_runtime::runtime::Runtime as _;

use super::{CudaSource, Sm};
use crate::{DType, Strided};

/// Turns every kernel that would be launched into text.
pub struct Recorder {
    device: Arc<DeviceProperties>,
    target: Arc<TargetProperties>,
    options: CudaCompilationOptions,
    /// Only what tells kernels apart is noted, which takes no time.
    ids_only: bool,
    kernels: RefCell<Vec<Recorded>>,
    ids: RefCell<Vec<String>>,
}

/// A kernel's source, or its name and why it has none.
type Recorded = Result<CudaSource, (&'static str, String)>;

impl Recorder {
    pub fn new(sm: Sm) -> Self {
        Self {
            device: Arc::new(sm.properties()),
            target: Arc::new(CudaRuntime::target_properties()),
            options: sm.options(),
            ids_only: false,
            kernels: RefCell::default(),
            ids: RefCell::default(),
        }
    }

    /// One that notes no source.
    pub fn of_ids(sm: Sm) -> Self {
        Self { ids_only: true, ..Self::new(sm) }
    }

    /// A tensor in memory order `[batch, heads, seq, dim]` that describes memory and has none.
    pub fn tensor(shape: [usize; 4], dtype: DType) -> Strided {
        let bytes = shape.iter().product::<usize>() * dtype.bytes();
        Strided::contiguous(Self::handle(bytes), shape, dtype)
    }

    /// A handle for memory that does not exist.
    pub fn handle(bytes: usize) -> Handle {
        // A handle is told apart by its device and stream; nothing looks these up.
        let service = ServiceId::of::<Self>(DeviceId::new(0, 0));
        Handle::new(service, StreamId { value: 0 }, bytes as u64)
    }

    pub fn device_properties(&self) -> Arc<DeviceProperties> {
        self.device.clone()
    }

    pub fn target_properties(&self) -> Arc<TargetProperties> {
        self.target.clone()
    }

    /// Notes a kernel, made by its `create_dummy_kernel`.
    pub fn record(&self, name: &'static str, cube_dim: CubeDim, kernel: &impl CubeKernel) {
        if self.ids_only {
            self.ids.borrow_mut().push(format!("{name} {:?}", kernel.id().stable_hash()));
            return;
        }
        let source = self.source(name, cube_dim, kernel).map_err(|reason| (name, reason));
        self.kernels.borrow_mut().push(source);
    }

    /// What tells the kernels apart, as CubeCL does before it compiles one.
    pub fn finish_ids(self) -> Vec<String> {
        self.ids.into_inner()
    }

    pub fn finish(self) -> Vec<Recorded> {
        self.kernels.into_inner()
    }

    fn source(
        &self,
        kernel: &'static str,
        cube_dim: CubeDim,
        described: &impl CubeKernel,
    ) -> Result<CudaSource, String> {
        let say = |error: CompilationError| error.to_string();
        let mut definition = define_kernel(described).map_err(say)?;
        // `create_dummy_kernel` makes what `launch` would run; ours run by `launch_unchecked`.
        definition.settings.execution_mode = ExecutionMode::Unchecked;
        let entry = definition.settings.kernel_name.clone();
        let compiled =
            CudaCompiler::new(CudaBackend::Cpp).compile(definition, &self.options).map_err(say)?;
        let (shared_bytes, most) =
            (compiled.shared_memory_size(), self.device.hardware.max_shared_memory_size);
        if shared_bytes > most {
            return Err(format!(
                "it needs {shared_bytes} bytes of shared memory and the device has {most}, which \
                 `Plan::check` should have known"
            ));
        }
        Ok(CudaSource {
            kernel,
            entry,
            source: compiled.to_string(),
            units: cube_dim.num_elems(),
            shared_bytes,
        })
    }
}
