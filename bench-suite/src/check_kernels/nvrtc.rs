//! NVRTC: from CUDA C++ to PTX.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::ptr;

use anyhow::{Context as _, Result, anyhow};
use libloading::Library;

type Program = *mut std::ffi::c_void;
type Read = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
type ReadSize = unsafe extern "C" fn(Program, *mut usize) -> c_int;

/// The functions of the library that are used, as `nvrtc.h` declares them.
pub struct Nvrtc {
    version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int,
    create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> c_int,
    compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int,
    log: (ReadSize, Read),
    ptx: (ReadSize, Read),
    destroy: unsafe extern "C" fn(*mut Program) -> c_int,
    describe: unsafe extern "C" fn(c_int) -> *const c_char,
    count_architectures: unsafe extern "C" fn(*mut c_int) -> c_int,
    architectures: unsafe extern "C" fn(*mut c_int) -> c_int,
    // Last, so that they are closed when nothing points into them any more.
    _library: Library,
    _builtins: Vec<Library>,
}

/// What a compilation gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Compiled {
    /// PTX, and what the compiler said nevertheless.
    Ptx { ptx: CString, log: String },
    /// Only what it said.
    Failed { log: String },
}

impl Nvrtc {
    /// Opens the library.
    pub fn open(path: &Path) -> Result<Self> {
        let open = |path: &Path| {
            // SAFETY: NVRTC runs no code of consequence when it is loaded.
            unsafe { Library::new(path) }.with_context(|| format!("cannot open {}", path.display()))
        };
        let builtins = builtins(path).iter().map(|path| open(path)).collect::<Result<_>>()?;
        let library = open(path)?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the field's type is that of the function in nvrtc.h, which has not
                // changed since CUDA 11.2.
                *unsafe { library.get($name) }
                    .with_context(|| format!("{} is no NVRTC", path.display()))?
            };
        }
        Ok(Self {
            version: function!(c"nvrtcVersion"),
            create: function!(c"nvrtcCreateProgram"),
            compile: function!(c"nvrtcCompileProgram"),
            log: (function!(c"nvrtcGetProgramLogSize"), function!(c"nvrtcGetProgramLog")),
            ptx: (function!(c"nvrtcGetPTXSize"), function!(c"nvrtcGetPTX")),
            destroy: function!(c"nvrtcDestroyProgram"),
            describe: function!(c"nvrtcGetErrorString"),
            count_architectures: function!(c"nvrtcGetNumSupportedArchs"),
            architectures: function!(c"nvrtcGetSupportedArchs"),
            _library: library,
            _builtins: builtins,
        })
    }

    /// Its version, as in `13.0`.
    pub fn version(&self) -> Result<String> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both point to an integer.
        self.check(unsafe { (self.version)(&mut major, &mut minor) })?;
        Ok(format!("{major}.{minor}"))
    }

    /// The architectures that it compiles for: 90 for sm_90 and sm_90a.
    pub fn architectures(&self) -> Result<Vec<c_int>> {
        let mut count = 0;
        // SAFETY: it points to an integer.
        self.check(unsafe { (self.count_architectures)(&mut count) })?;
        let mut found = vec![0; usize::try_from(count).unwrap_or(0)];
        // SAFETY: NVRTC writes as many integers as it said.
        self.check(unsafe { (self.architectures)(found.as_mut_ptr()) })?;
        Ok(found)
    }

    /// Compiles a program with these options.
    pub fn compile(&self, source: &str, options: &[String]) -> Result<Compiled> {
        let source = CString::new(source).context("the source has a zero in it")?;
        let options: Vec<CString> = options
            .iter()
            .map(|option| CString::new(option.as_str()))
            .collect::<Result<_, _>>()
            .context("an option has a zero in it")?;
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let count = c_int::try_from(options.len()).context("too many options")?;

        let mut handle: Program = ptr::null_mut();
        // SAFETY: the source is a C string that outlives the call; there are no headers.
        self.check(unsafe {
            (self.create)(
                &mut handle,
                source.as_ptr(),
                c"kernel.cu".as_ptr(),
                0,
                ptr::null(),
                ptr::null(),
            )
        })?;
        let program = OpenProgram { nvrtc: self, handle };
        // SAFETY: the program is open, the options are C strings that outlive the call.
        let code = unsafe { (self.compile)(handle, count, options.as_ptr()) };
        let log = program.read(self.log)?.to_string_lossy().trim().to_owned();
        match code {
            0 => Ok(Compiled::Ptx { ptx: program.read(self.ptx)?, log }),
            _ if log.is_empty() => Err(self.error(code)),
            _ => Ok(Compiled::Failed { log }),
        }
    }

    fn check(&self, code: c_int) -> Result<()> {
        if code == 0 { Ok(()) } else { Err(self.error(code)) }
    }

    fn error(&self, code: c_int) -> anyhow::Error {
        // SAFETY: the function answers every number with a static C string.
        let text = unsafe { CStr::from_ptr((self.describe)(code)) };
        anyhow!("NVRTC: {}", text.to_string_lossy())
    }
}

/// The library that NVRTC opens by its bare name at the first compilation, beside NVRTC. It is found
/// there only if the loader is told to look, or if it is open already.
fn builtins(nvrtc: &Path) -> Vec<PathBuf> {
    let folder = nvrtc.parent().unwrap_or(Path::new("."));
    let is_builtins = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libnvrtc-builtins.so") || name.starts_with("nvrtc-builtins64_")
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_builtins).collect();
    found.sort();
    found
}

/// Destroyed at its end, whatever happens in between.
struct OpenProgram<'a> {
    nvrtc: &'a Nvrtc,
    handle: Program,
}

impl OpenProgram<'_> {
    /// One of the texts of a program: how long it is with its final zero, then the text.
    fn read(&self, (size, read): (ReadSize, Read)) -> Result<CString> {
        let mut length = 0;
        // SAFETY: the program is open and `length` is an integer of the type asked for.
        self.nvrtc.check(unsafe { size(self.handle, &mut length) })?;
        let mut bytes = vec![0_u8; length];
        // SAFETY: NVRTC writes as many bytes as it said.
        self.nvrtc.check(unsafe { read(self.handle, bytes.as_mut_ptr().cast()) })?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        CString::new(bytes).context("NVRTC's text has a zero in it")
    }
}

impl Drop for OpenProgram<'_> {
    fn drop(&mut self) {
        // SAFETY: it is open, and not used after this.
        unsafe { (self.nvrtc.destroy)(&mut self.handle) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtins_lie_beside_the_library() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["libnvrtc.so.13", "libnvrtc-builtins.so.13.0", "libnvrtc_static.a"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let found = builtins(&folder.path().join("libnvrtc.so.13"));
        assert_eq!(found, [folder.path().join("libnvrtc-builtins.so.13.0")]);
    }

    #[test]
    fn a_file_that_is_no_library_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("libnvrtc.so");
        std::fs::write(&path, "no library").expect("written");
        let error = Nvrtc::open(&path).err().expect("an error").to_string();
        assert!(error.contains("libnvrtc.so"), "{error}");
    }
}
