use cubecl::client::Client;
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{DeviceProperties, ElemType, FloatKind};
use serde::{Deserialize, Serialize};

/// What a plan must know of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// CPU or GPU.
    pub kind: DeviceKind,
    /// Units that run at once: cores of a CPU, units of a cube at most on a GPU.
    pub units: usize,
    /// Units that move in lockstep; 1 on a CPU.
    pub plane: usize,
    /// Bytes of shared memory that one cube may use.
    pub shared_memory: usize,
    /// `f32` lanes of the widest vector that is worth using.
    pub lanes: usize,
    /// Multiprocessors of a GPU; 1 on a CPU.
    pub multiprocessors: usize,
    /// Whether planes multiply tiles of 16-bit numbers (`mma.sync`, compute capability 8.0).
    pub tensor_cores: bool,
}

/// The kinds of device that plans differ for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// The CubeCL CPU runtime: a cube's units are cores, cubes run one after another.
    Cpu,
    /// A GPU.
    Gpu,
}

impl Device {
    /// An H200 (or H100), to choose plans for where there is none.
    pub const H200: Device = Device {
        kind: DeviceKind::Gpu,
        units: 1024,
        plane: 32,
        shared_memory: 227 << 10,
        lanes: 4,
        multiprocessors: 132,
        tensor_cores: true,
    };

    /// Reads the device's properties.
    pub fn of(client: &Client) -> Self {
        Self::with_properties(client.properties())
    }

    /// What CubeCL's account of a device says.
    pub(crate) fn with_properties(properties: &DeviceProperties) -> Self {
        let hardware = &properties.hardware;
        let cpu = hardware.num_cpu_cores.is_some();
        let lanes = properties.io_optimized_vector_sizes(4).next().unwrap_or(1);
        Self {
            kind: if cpu { DeviceKind::Cpu } else { DeviceKind::Gpu },
            units: if cpu {
                hardware.num_cpu_cores.unwrap_or(1) as usize
            } else {
                hardware.max_units_per_cube as usize
            },
            plane: hardware.plane_size_max as usize,
            shared_memory: hardware.max_shared_memory_size,
            lanes,
            multiprocessors: hardware.num_streaming_multiprocessors.unwrap_or(1) as usize,
            tensor_cores: multiplies_tiles(properties),
        }
    }

    /// Whether it is a CPU.
    pub fn is_cpu(&self) -> bool {
        self.kind == DeviceKind::Cpu
    }
}

/// bf16 tiles of 16x8x16 came with the compute capability from which on all of our instructions
/// exist.
fn multiplies_tiles(properties: &DeviceProperties) -> bool {
    let half: ElemType = FloatKind::BF16.into();
    properties.features.matmul.mma.contains(&MmaConfig {
        a_type: half,
        b_type: half,
        cd_type: FloatKind::F32.into(),
        m: 16,
        n: 8,
        k: 16,
    })
}

/// Why a device could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The text names no device.
    #[error("`{0}` names no device; use auto, cpu, cuda or cuda:1")]
    Name(String),
    /// There is no such device, or something that it needs is missing.
    #[error("{device} cannot be used: {reason}")]
    Unavailable {
        /// The device asked for.
        device: String,
        /// What is missing.
        reason: String,
    },
}

/// Opens a device by name and says what it is.
///
/// `cpu` is the CubeCL CPU runtime, `cuda` and `cuda:1` are NVIDIA GPUs. `auto` is the first GPU
/// if it and everything that compiling kernels for it needs is there, else the CPU.
///
/// # Errors
///
/// A name that is none of these, or a device that is not there, with what is missing.
pub fn open_device(name: &str) -> Result<(Client, String), DeviceError> {
    let device = match name {
        "auto" => cuda(0).or_else(|_| cpu())?,
        "cpu" => cpu()?,
        "cuda" => cuda(0)?,
        _ => {
            let index = name.strip_prefix("cuda:").and_then(|index| index.parse().ok());
            cuda(index.ok_or_else(|| DeviceError::Name(name.to_owned()))?)?
        }
    };
    let client = device.client();
    let name = client.properties().identity.name.clone();
    Ok((client, name))
}

fn cpu() -> Result<cubecl::Device, DeviceError> {
    cubecl::Device::cpu().map_err(|error| DeviceError::Unavailable {
        device: "cpu".to_owned(),
        reason: error.to_string(),
    })
}

fn cuda(index: usize) -> Result<cubecl::Device, DeviceError> {
    let device = cubecl::Device::cuda(index).map_err(|error| DeviceError::Unavailable {
        device: format!("cuda:{index}"),
        reason: error.to_string(),
    })?;
    check_cuda_compiler()?;
    Ok(device)
}

/// What NVRTC's library is called: these of CubeCL's names exist on Linux and Windows.
pub(crate) const NVRTC_FILES: [&str; 4] =
    ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "nvrtc64_120_0.dll"];

/// Looks for NVRTC and CUDA's headers, without which CubeCL would panic at the first kernel.
///
/// # Errors
///
/// What is missing.
pub fn check_cuda_compiler() -> Result<(), DeviceError> {
    let missing = |reason: &str| {
        Err(DeviceError::Unavailable { device: "cuda".to_owned(), reason: reason.to_owned() })
    };
    // SAFETY: NVRTC runs no code of consequence when it is loaded.
    if !NVRTC_FILES.iter().any(|file| unsafe { libloading::Library::new(*file) }.is_ok()) {
        return missing(
            "NVRTC (libnvrtc.so), which compiles the kernels, is not where libraries are looked \
             for: see LD_LIBRARY_PATH",
        );
    }
    let installed = ["/usr/local/cuda", "/opt/cuda", "/usr/bin/nvcc"];
    let headers = std::env::var_os("CUDA_PATH").is_some()
        || installed.iter().any(|path| std::path::Path::new(path).exists());
    if !headers && cfg!(unix) {
        return missing("CUDA's headers were not found: set CUDA_PATH");
    }
    Ok(())
}
