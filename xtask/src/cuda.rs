//! What CUDA needs at run time: the driver, NVRTC and CUDA's headers, and where they are.
//!
//! CubeCL opens the driver and NVRTC by name, so the dynamic loader must find them, and tells NVRTC
//! to look for headers in `$CUDA_PATH/include`. A machine often has all three where neither looks,
//! above all in Python's wheels; then the environment of a training run is completed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

/// By these names CubeCL opens the driver.
const DRIVER: [&str; 2] = ["libcuda.so", "libcuda.so.1"];
/// By these names CubeCL opens NVRTC (those that exist of its longer list).
const NVRTC: [&str; 4] = ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11"];
/// A header that kernels with 16-bit floats include.
const HEADER: &str = "include/cuda_fp16.h";
/// Under these folders of a `site-packages/nvidia`, wheels keep libraries and headers.
const WHEELS: [&str; 3] = ["cu13", "cuda_nvrtc", "cuda_runtime"];

#[derive(Debug, PartialEq)]
pub struct Library {
    pub file: PathBuf,
    /// Whether the loader finds it without help.
    pub loadable: bool,
}

pub struct Cuda {
    pub driver: Option<Library>,
    /// One line for each GPU: its name, memory and driver.
    pub gpus: Vec<String>,
    pub nvrtc: Option<Library>,
    /// The folder that should be CUDA_PATH, and whether CubeCL takes it by itself.
    pub home: Option<(PathBuf, bool)>,
    /// GPUs are hidden by CUDA_VISIBLE_DEVICES.
    pub hidden: bool,
}

impl Cuda {
    pub fn detect() -> Self {
        let loader = Loader::of_this_machine();
        let roots = roots();
        let hidden = std::env::var("CUDA_VISIBLE_DEVICES")
            .is_ok_and(|value| value.trim().is_empty() || value.trim() == "-1");
        Self {
            driver: loader.find(&DRIVER, &[]),
            gpus: gpus(),
            nvrtc: loader.find(&NVRTC, &roots),
            home: home(default_home(), &roots),
            hidden,
        }
    }

    /// What keeps a training run off the GPU, or `None`.
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.driver.is_none() {
            Some("there is no NVIDIA driver")
        } else if self.hidden {
            Some("CUDA_VISIBLE_DEVICES hides every GPU")
        } else if self.gpus.is_empty() {
            Some("the driver shows no GPU")
        } else if self.nvrtc.is_none() {
            Some("NVRTC, which compiles the kernels, is missing")
        } else if self.home.is_none() {
            Some("CUDA's headers are missing")
        } else {
            None
        }
    }

    /// Tells `command` where NVRTC and the headers are, if it would not find them by itself.
    pub fn complete_environment(&self, command: &mut Command) {
        for (name, value) in self.additions(std::env::var_os("LD_LIBRARY_PATH")) {
            eprintln!("xtask: {name}={}", value.to_string_lossy());
            command.env(name, value);
        }
    }

    fn additions(&self, library_path: Option<OsString>) -> Vec<(&'static str, OsString)> {
        let mut additions = Vec::new();
        if self.driver.is_none() {
            return additions;
        }
        if let Some(Library { file, loadable: false }) = &self.nvrtc
            && let Some(folder) = file.parent()
        {
            let mut value = folder.as_os_str().to_owned();
            if let Some(present) = library_path.filter(|present| !present.is_empty()) {
                value.push(":");
                value.push(present);
            }
            additions.push(("LD_LIBRARY_PATH", value));
        }
        if let Some((home, false)) = &self.home {
            additions.push(("CUDA_PATH", home.clone().into_os_string()));
        }
        additions
    }
}

/// The dynamic loader's ways of finding a library by name.
pub struct Loader {
    /// LD_LIBRARY_PATH, then the built-in folders.
    folders: Vec<PathBuf>,
    /// What `ldconfig -p` prints.
    cache: String,
}

impl Loader {
    pub fn of_this_machine() -> Self {
        let mut folders: Vec<PathBuf> = std::env::var_os("LD_LIBRARY_PATH")
            .map(|path| std::env::split_paths(&path).collect())
            .unwrap_or_default();
        let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
        for folder in ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] {
            folders.push(folder.into());
            folders.push(Path::new(folder).join(&triple));
        }
        // Ordinary users often have no /sbin in their PATH.
        let cache = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"]
            .iter()
            .find_map(|program| shell::answer(program, &["-p"]))
            .unwrap_or_default();
        Self { folders, cache }
    }

    /// The first of `names` that the loader finds, else one that lies in `elsewhere`.
    pub fn find(&self, names: &[&str], elsewhere: &[PathBuf]) -> Option<Library> {
        let loadable = names.iter().find_map(|name| self.load(name));
        if let Some(file) = loadable {
            return Some(Library { file, loadable: true });
        }
        let subfolders = ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"];
        elsewhere
            .iter()
            .flat_map(|root| subfolders.map(|sub| root.join(sub)))
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .find(|file| file.exists())
            .map(|file| Library { file, loadable: false })
    }

    fn load(&self, name: &str) -> Option<PathBuf> {
        let in_folder = || self.folders.iter().map(|f| f.join(name)).find(|file| file.exists());
        in_folder().or_else(|| {
            self.cache.lines().find_map(|line| {
                let (entry, file) = line.split_once("=>")?;
                (entry.split_whitespace().next()? == name).then(|| PathBuf::from(file.trim()))
            })
        })
    }
}

/// Where CubeCL looks for CUDA.
fn default_home() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CUDA_PATH") {
        return Some(path.into());
    }
    ["/usr/local/cuda", "/opt/cuda"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .or_else(|| Path::new("/usr/bin/nvcc").exists().then(|| "/usr".into()))
}

/// The CUDA folder with headers: CubeCL's own choice (`true`) if it has them, else another.
fn home(default: Option<PathBuf>, roots: &[PathBuf]) -> Option<(PathBuf, bool)> {
    let complete = |root: &PathBuf| root.join(HEADER).exists();
    if let Some(default) = default.filter(complete) {
        return Some((default, true));
    }
    roots.iter().find(|root| complete(root)).map(|root| (root.clone(), false))
}

/// Folders that may hold CUDA's libraries and headers: toolkits, then Python's wheels.
fn roots() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = ["CUDA_PATH", "CUDA_HOME", "CUDA_ROOT"]
        .iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
        .collect();
    roots.extend(["/usr/local/cuda", "/opt/cuda"].map(PathBuf::from));
    let ask = "import sys; print('\\n'.join(p for p in sys.path if p))";
    let python =
        ["python3", "python"].iter().find_map(|python| shell::answer(python, &["-c", ask]));
    for folder in python.iter().flat_map(|text| text.lines()) {
        roots.extend(WHEELS.map(|wheel| Path::new(folder).join("nvidia").join(wheel)));
    }
    roots.retain(|root| root.is_dir());
    roots
}

fn gpus() -> Vec<String> {
    let query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"];
    if let Some(text) = shell::answer("nvidia-smi", &query) {
        return text.lines().map(describe_gpu).collect();
    }
    // Containers may have the driver without its tools.
    let Ok(entries) = std::fs::read_dir("/proc/driver/nvidia/gpus") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("information")).ok())
        .filter_map(|text| Some(text.lines().next()?.strip_prefix("Model:")?.trim().to_owned()))
        .collect()
}

fn describe_gpu(row: &str) -> String {
    match row.split(',').map(str::trim).collect::<Vec<_>>()[..] {
        [name, memory, driver] => format!("{name}, {memory}, driver {driver}"),
        _ => row.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Scratch;

    fn touch(file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }

    #[test]
    fn the_loader_finds_by_folder_and_by_cache_and_by_whole_name() {
        let scratch = Scratch::new("loader");
        touch(&scratch.0.join("a/libcuda.so.1"));
        let cache = "2 libs found in cache\n\
                     \tlibnvrtc.so.12 (libc6,x86-64) => /cuda/libnvrtc.so.12\n\
                     \tlibz.so (libc6) => /lib/libz.so\n";
        let loader = Loader { folders: vec![scratch.0.join("a")], cache: cache.into() };
        let driver = loader.find(&DRIVER, &[]).unwrap();
        assert!(driver.loadable && driver.file.ends_with("a/libcuda.so.1"));
        let nvrtc = loader.find(&NVRTC, &[]).unwrap();
        assert_eq!(nvrtc.file, Path::new("/cuda/libnvrtc.so.12"));
        assert_eq!(loader.find(&["libz.so.1"], &[]), None);
    }

    #[test]
    fn what_lies_elsewhere_is_handed_to_the_program() {
        let scratch = Scratch::new("wheels");
        let nvrtc = scratch.0.join("nvidia/cuda_nvrtc");
        let runtime = scratch.0.join("nvidia/cuda_runtime");
        touch(&nvrtc.join("lib/libnvrtc.so.12"));
        touch(&runtime.join(HEADER));
        let roots = [nvrtc.clone(), runtime.clone()];
        let loader = Loader { folders: Vec::new(), cache: String::new() };
        let mut cuda = Cuda {
            driver: None,
            gpus: vec!["H200".into()],
            nvrtc: loader.find(&NVRTC, &roots),
            home: home(Some(scratch.0.join("empty")), &roots),
            hidden: false,
        };
        assert_eq!(cuda.home, Some((runtime.clone(), false)));
        assert!(cuda.additions(None).is_empty(), "nothing to add without a driver");
        assert!(cuda.obstacle().is_some());

        cuda.driver = Some(Library { file: "/lib/libcuda.so.1".into(), loadable: true });
        assert_eq!(cuda.obstacle(), None);
        let added = cuda.additions(Some("/mine".into()));
        let path = format!("{}:/mine", nvrtc.join("lib").display());
        assert_eq!(added[0], ("LD_LIBRARY_PATH", path.into()));
        assert_eq!(added[1], ("CUDA_PATH", runtime.into_os_string()));
    }

    #[test]
    fn each_missing_part_is_named() {
        let library = || Some(Library { file: "/x".into(), loadable: true });
        let whole = || Cuda {
            driver: library(),
            gpus: vec!["H200".into()],
            nvrtc: library(),
            home: Some(("/cuda".into(), true)),
            hidden: false,
        };
        assert_eq!(whole().obstacle(), None);
        assert!(whole().additions(None).is_empty());
        let broken = [
            (Cuda { driver: None, ..whole() }, "driver"),
            (Cuda { hidden: true, ..whole() }, "CUDA_VISIBLE_DEVICES"),
            (Cuda { gpus: Vec::new(), ..whole() }, "no GPU"),
            (Cuda { nvrtc: None, ..whole() }, "NVRTC"),
            (Cuda { home: None, ..whole() }, "headers"),
        ];
        for (cuda, word) in broken {
            assert!(cuda.obstacle().unwrap().contains(word), "{word}");
        }
    }

    #[test]
    fn a_row_of_nvidia_smi_is_made_readable() {
        assert_eq!(
            describe_gpu("NVIDIA H200, 143771 MiB, 570.1"),
            "NVIDIA H200, 143771 MiB, driver 570.1"
        );
        assert_eq!(describe_gpu("odd"), "odd");
    }
}
