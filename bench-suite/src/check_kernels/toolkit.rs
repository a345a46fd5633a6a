//! Where CUDA's compilers and headers are.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

/// A folder with all that compiling a kernel takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Toolkit {
    /// The library NVRTC.
    pub nvrtc: PathBuf,
    /// The assembler.
    pub ptxas: PathBuf,
    /// Folders of headers, as CubeCL hands them to NVRTC.
    pub include: Vec<PathBuf>,
}

const LIBRARIES: [&str; 5] =
    ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib", "bin"];
const NVRTC: [&str; 5] =
    ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "nvrtc64_130_0.dll", "nvrtc64_120_0.dll"];
const PTXAS: [&str; 2] = ["bin/ptxas", "bin/ptxas.exe"];

impl Toolkit {
    /// The toolkit in this folder, else in `CUDA_PATH`.
    pub fn find(folder: Option<&Path>) -> Result<Self> {
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => std::env::var_os("CUDA_PATH").map(PathBuf::from).ok_or_else(|| {
                anyhow!(
                    "no CUDA toolkit: `cargo xtask check-kernels` brings what is needed of one; \
                     with your own, name its folder with --cuda or CUDA_PATH"
                )
            })?,
        };
        Self::of(&folder)
    }

    fn of(folder: &Path) -> Result<Self> {
        let nvrtc = LIBRARIES
            .iter()
            .flat_map(|library| NVRTC.iter().map(move |name| folder.join(library).join(name)))
            .find(|file| file.exists());
        let ptxas = PTXAS.iter().map(|name| folder.join(name)).find(|file| file.exists());
        let headers = folder.join("include");
        let missing = |what: &str| {
            format!(
                "{} has no {what}, so it is no whole CUDA toolkit; `cargo xtask check-kernels` \
                 brings one",
                folder.display()
            )
        };
        let Some(nvrtc) = nvrtc else { bail!(missing("libnvrtc")) };
        let Some(ptxas) = ptxas else { bail!(missing("bin/ptxas")) };
        if !headers.join("cuda_fp16.h").exists() {
            bail!(missing("include/cuda_fp16.h"));
        }
        let cccl = headers.join("cccl");
        let include = if cccl.exists() { vec![headers, cccl] } else { vec![headers] };
        Ok(Self { nvrtc, ptxas, include })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_missing_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let touch = |name: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("created");
            std::fs::write(file, "").expect("written");
        };
        let lacks = |what: &str| {
            let error = Toolkit::of(folder.path()).expect_err(what).to_string();
            assert!(error.contains(what) && error.contains("cargo xtask"), "{error}");
        };
        lacks("libnvrtc");
        touch("lib/libnvrtc.so.13");
        lacks("bin/ptxas");
        touch("bin/ptxas");
        lacks("include/cuda_fp16.h");
        touch("include/cuda_fp16.h");
        let toolkit = Toolkit::of(folder.path()).expect("whole");
        assert_eq!(toolkit.include.len(), 1);
        touch("include/cccl/cuda/barrier");
        let toolkit = Toolkit::of(folder.path()).expect("whole");
        assert_eq!(toolkit.include[1], folder.path().join("include/cccl"));
    }
}
