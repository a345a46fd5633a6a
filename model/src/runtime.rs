//! Where the model runs, and how Burn's GPU backend is set up before its first use.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, DeviceType};
use cubecl::config::autotune::AutotuneLevel;
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig as _};

use tilewright::check_cuda_compiler;

use crate::config::{AutotuneEffort, Config, RuntimeConfig};
use crate::ops;

/// A device and its name for people and reports.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Without autodiff.
    pub device: Device,
    /// `cpu`, or `cuda:0 (name)`.
    pub name: String,
}

/// Sets up caches and tuning, and opens the device, which must be able to compute in the model's
/// precision. The set-up counts once per process: CubeCL reads it at its first use.
pub fn open(config: &Config) -> Result<Runtime> {
    configure(&config.runtime)?;
    let device = choose(&config.runtime.device)?;
    let name = match device.identity() {
        Some(identity) => format!("{} ({})", config_name(&device), identity.name),
        None => "cpu".to_string(),
    };
    config.model.precision.check(&name, |dtype| device.supports_dtype(dtype))?;
    Ok(Runtime { device, name })
}

fn config_name(device: &Device) -> String {
    use burn::backend::DispatchDevice;
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => "cpu".into(),
        DispatchDevice::Cube(cube) => {
            format!("cuda:{}", cube.to_id().index_id)
        }
        _ => "device".into(),
    }
}

/// CubeCL's own configuration file and variables still win where they are more specific: what the
/// environment says is laid over what is set here.
fn configure(config: &RuntimeConfig) -> Result<()> {
    let mut cube = CubeClRuntimeConfig::default();
    // One thread submits work; a second stream would only add waits between streams.
    cube.streaming.policy = cubecl::config::streaming::StreamPolicy::Single;
    cube.autotune.level = match config.autotune {
        AutotuneEffort::Off | AutotuneEffort::Minimal => AutotuneLevel::Minimal,
        AutotuneEffort::Balanced => AutotuneLevel::Balanced,
    };
    if config.autotune != AutotuneEffort::Balanced {
        cube.autotune.bench.min_samples = 1;
        cube.autotune.bench.max_samples = 3;
        cube.autotune.bench.short_circuit_samples = 1;
    }
    ops::use_fixed_kernels(config.autotune == AutotuneEffort::Off);
    match cache_folder(&config.cache)? {
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create the kernel cache {}", folder.display()))?;
            cube.compilation.cache = true;
            cube.environment.path = CacheConfig::Directory(folder);
        }
        None => {
            cube.compilation.cache = false;
            cube.autotune.disable_cache = true;
        }
    }
    // False means that something in this process used CubeCL before; its settings then stay.
    let _ = CubeClRuntimeConfig::try_set(cube.override_from_env());
    Ok(())
}

fn cache_folder(setting: &str) -> Result<Option<PathBuf>> {
    Ok(match setting {
        "off" => None,
        "auto" | "" => {
            let base = std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| {
                    std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"))
                });
            // No home, as in some containers: run without rather than refuse to run.
            base.map(|base| base.join("tilewright"))
        }
        folder => Some(PathBuf::from(folder)),
    })
}

fn choose(setting: &str) -> Result<Device> {
    let (kind, index) = match setting.split_once(':') {
        Some((kind, index)) => {
            let index: usize = index.parse().with_context(|| {
                format!("runtime.device = {setting}: `{index}` is not a number")
            })?;
            (kind, Some(index))
        }
        None => (setting, None),
    };
    match (kind, index) {
        ("cpu", None) => Ok(Device::flex()),
        ("auto", None) => Ok(if cuda_devices() > 0 && check_cuda_compiler().is_ok() {
            Device::cuda(0_usize)
        } else {
            Device::flex()
        }),
        ("cuda", index) => {
            let (index, count) = (index.unwrap_or(0), cuda_devices());
            if count == 0 {
                bail!(
                    "runtime.device = {setting}: no CUDA driver or no device was found; use cpu or auto"
                );
            }
            if index >= count {
                bail!(
                    "runtime.device = {setting}: there are {count} CUDA devices, numbered from 0"
                );
            }
            check_cuda_compiler().with_context(|| format!("runtime.device = {setting}"))?;
            Ok(Device::cuda(index))
        }
        _ => bail!("runtime.device = {setting}: expected auto, cpu, cuda or cuda:<number>"),
    }
}

/// The devices that a setting stands for where a process may run on each: `auto` is every CUDA
/// device, or the CPU if there is none.
pub fn devices(setting: &str) -> Vec<String> {
    match setting {
        "auto" if cuda_devices() > 0 && check_cuda_compiler().is_ok() => {
            (0..cuda_devices()).map(|index| format!("cuda:{index}")).collect()
        }
        "auto" => vec!["cpu".into()],
        other => vec![other.into()],
    }
}

/// Refuses a device that is not there.
pub fn check_device(setting: &str) -> Result<()> {
    choose(setting).map(|_| ())
}

fn cuda_devices() -> usize {
    Device::enumerate(DeviceType::Cuda).into_vec().len()
}
