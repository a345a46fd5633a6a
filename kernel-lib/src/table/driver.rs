//! Versions of NVIDIA's driver and compiler, asked of their libraries.

use core::ffi::{c_char, c_int, c_uint};

use crate::device::NVRTC_FILES;

/// Bytes that NVML asks for a version.
const VERSION_BYTES: usize = 80;

/// The driver's version, as in `580.65.06`.
pub(super) fn driver_version() -> Option<String> {
    let files = ["libnvidia-ml.so.1", "libnvidia-ml.so", "nvml.dll"];
    // SAFETY: NVML's initialiser has no effect but on NVML itself.
    let library = files.iter().find_map(|file| unsafe { libloading::Library::new(*file) }.ok())?;
    let mut version = [0u8; VERSION_BYTES];
    // SAFETY: the functions have these types in every NVML since version 2 (nvml.h), and the text
    // is written with its length in mind.
    let status = unsafe {
        let init = library.get::<unsafe extern "C" fn() -> c_int>(b"nvmlInit_v2\0").ok()?;
        let ask = library
            .get::<unsafe extern "C" fn(*mut c_char, c_uint) -> c_int>(
                b"nvmlSystemGetDriverVersion\0",
            )
            .ok()?;
        let shutdown = library.get::<unsafe extern "C" fn() -> c_int>(b"nvmlShutdown\0").ok()?;
        if init() != 0 {
            return None;
        }
        let status = ask(version.as_mut_ptr().cast(), VERSION_BYTES as c_uint);
        shutdown();
        status
    };
    let text = version.split(|&byte| byte == 0).next()?;
    (status == 0 && !text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}

/// NVRTC's version, as in `12.8`.
pub(super) fn nvrtc_version() -> Option<String> {
    // SAFETY: NVRTC runs no code of consequence when it is loaded.
    let load = |file: &&'static str| unsafe { libloading::Library::new(*file) }.ok();
    let library = NVRTC_FILES.iter().find_map(load)?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the function has had this type since it exists (nvrtc.h).
    let status = unsafe {
        let ask = library
            .get::<unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int>(b"nvrtcVersion\0")
            .ok()?;
        ask(&raw mut major, &raw mut minor)
    };
    (status == 0).then(|| format!("{major}.{minor}"))
}
