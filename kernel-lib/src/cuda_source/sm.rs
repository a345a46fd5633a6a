//! Generations of NVIDIA GPUs, described as CubeCL's CUDA runtime describes a device it found.

use core::fmt;

use cubecl::client::Client;
use cubecl::cuda::CudaCompilationOptions;
use cubecl::ir::features::{Plane, Tma, TypeUsage};
use cubecl::ir::nvidia::SmArch;
use cubecl::ir::{
    DeviceIdentity, DeviceProperties, ElemType, FloatKind, HardwareProperties,
    MemoryDeviceProperties, OpaqueType, VectorSize,
};
use cubecl_cpp::cuda::arch::CudaArchitecture;
use cubecl_cpp::cuda::mma::CudaCmmaCompiler;
use cubecl_cpp::cuda::supported_mma_combinations;
use cubecl_cpp::shared::{register_mma_features, register_supported_types, register_wmma_features};

use crate::Device;

/// A generation of NVIDIA GPU that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sm {
    /// A100.
    Sm80,
    /// L4, L40S, RTX 40.
    Sm89,
    /// H100, H200.
    Sm90,
    /// B200.
    Sm100,
    /// RTX 50, RTX PRO 6000.
    Sm120,
}

/// A name that stands for no architecture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no architecture known here; use sm_80, sm_89, sm_90a, sm_100a or sm_120a")]
pub struct UnknownSm(String);

impl Sm {
    /// Every architecture, oldest first.
    pub const ALL: [Sm; 5] = [Sm::Sm80, Sm::Sm89, Sm::Sm90, Sm::Sm100, Sm::Sm120];

    /// Its compute capability without the point: 90 for 9.0.
    pub fn version(self) -> u32 {
        match self {
            Sm::Sm80 => 80,
            Sm::Sm89 => 89,
            Sm::Sm90 => 90,
            Sm::Sm100 => 100,
            Sm::Sm120 => 120,
        }
    }

    /// That of a device, if it is an NVIDIA GPU of one of these.
    pub fn of(client: &Client) -> Option<Sm> {
        let compiled_for = &client.properties().identity.fingerprint;
        Sm::ALL.into_iter().find(|sm| *compiled_for == sm.fingerprint())
    }

    /// As CubeCL names what it compiles for.
    fn fingerprint(self) -> String {
        format!("ptx_sm{}", self.version())
    }

    /// Bytes of shared memory that one cube may use (CUDA C++ Programming Guide, compute
    /// capabilities), and the multiprocessors of its largest common GPU.
    fn size(self) -> (usize, u32) {
        match self {
            Sm::Sm80 => (163 << 10, 108),
            Sm::Sm89 => (99 << 10, 142),
            Sm::Sm90 => (227 << 10, 132),
            Sm::Sm100 => (227 << 10, 148),
            Sm::Sm120 => (99 << 10, 188),
        }
    }

    /// What a plan must know of a device of this generation.
    pub fn device(self) -> Device {
        Device::with_properties(&self.properties())
    }

    /// As `cubecl-cuda` fills them in on a device (its `runtime.rs`), as far as kernels can ask.
    pub(super) fn properties(self) -> DeviceProperties {
        let arch = CudaArchitecture { version: self.version(), tensor_cores: true };
        let (max_shared_memory_size, multiprocessors) = self.size();
        let hardware = HardwareProperties {
            load_width: 128,
            vector_register_count: None,
            plane_size_min: 32,
            plane_size_max: 32,
            max_bindings: 1024,
            max_shared_memory_size,
            max_cube_count: (i32::MAX as u32, 65_535, 65_535),
            max_units_per_cube: 1024,
            max_cube_dim: (1024, 1024, 64),
            num_streaming_multiprocessors: Some(multiprocessors),
            num_tensor_cores: Some(4),
            min_tensor_cores_dim: Some(8),
            num_cpu_cores: None,
            last_level_cache_size: None,
            max_vector_size: VectorSize::MAX,
            cube_mma_reserved_shared_memory: 0,
        };
        let mut device = DeviceProperties::new(
            Default::default(),
            MemoryDeviceProperties::new(1 << 36, 512),
            hardware,
            cubecl::profile::TimingMethod::Device,
            DeviceIdentity {
                name: self.to_string(),
                fingerprint: self.fingerprint(),
                physical: None,
            },
        );
        register_supported_types(&mut device);
        register_mma_features(supported_mma_combinations(&arch), &mut device);
        let combinations = CudaCmmaCompiler::Cpp.supported_cmma_combinations(&arch);
        register_wmma_features(combinations, &mut device);
        device.register_opaque_type(OpaqueType::Barrier);
        device.register_type_usage(ElemType::Float(FloatKind::TF32), TypeUsage::Conversion);
        let halves = [FloatKind::F16, FloatKind::BF16].map(ElemType::Float);
        let features = &mut device.features;
        features.copy_async = true;
        features.memory_reinterpret = true;
        features.alignment = true;
        features.device_memory_scope = true;
        for plane in [Plane::Ops, Plane::Sync, Plane::NonUniformControlFlow] {
            features.plane.insert(plane);
        }
        features.matmul.ldmatrix.extend(halves);
        if self >= Sm::Sm90 {
            features.matmul.stmatrix.extend(halves);
            features.tma.insert(Tma::Base);
            features.cube_cluster = true;
            device.register_opaque_type(OpaqueType::TensorMap);
        }
        device
    }

    /// As `cubecl-cuda` fills them in, for the release of CUDA that the kernels are checked with.
    pub(super) fn options(self) -> CudaCompilationOptions {
        let mut options = CudaCompilationOptions {
            arch: Some(SmArch::new(self.version(), true)),
            ..Default::default()
        };
        let features = &mut options.cpp.supports_features;
        features.fast_math = true;
        features.dp4a = true;
        features.grid_constants = true;
        // Of CUDA 12.8.
        features.fast_tanh = true;
        features.clusters = self >= Sm::Sm90;
        features.elect_sync = self >= Sm::Sm90;
        options
    }
}

impl fmt::Display for Sm {
    /// As NVRTC and ptxas take it; from sm_90 on with the architecture's own instructions, which is
    /// what CubeCL asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = if *self >= Sm::Sm90 { "a" } else { "" };
        f.pad(&format!("sm_{}{own}", self.version()))
    }
}

impl core::str::FromStr for Sm {
    type Err = UnknownSm;

    fn from_str(text: &str) -> Result<Self, UnknownSm> {
        Sm::ALL
            .into_iter()
            .find(|sm| sm.to_string() == text || format!("sm_{}", sm.version()) == text)
            .ok_or_else(|| UnknownSm(text.to_owned()))
    }
}
