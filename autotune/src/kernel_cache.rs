//! Compiled kernels, kept on disk: most of a run's time is compiling.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig as _};

/// Keeps compiled kernels in a folder from now on. CubeCL reads its settings at its first use: this
/// is for the start of a program. Processes do not share a folder.
///
/// # Errors
///
/// A folder that cannot be made, or a device that was used before.
pub fn keep_kernels(folder: Option<&Path>) -> Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the kernel cache {}", folder.display()))?;
    let mut config = CubeClRuntimeConfig::default();
    config.compilation.cache = true;
    config.environment.path = CacheConfig::Directory(folder.to_owned());
    if !CubeClRuntimeConfig::try_set(config.override_from_env()) {
        bail!("kernels cannot be kept in {}: the device was used before", folder.display());
    }
    Ok(())
}
