//! What a plain copy reaches on a device.

use cubecl::client::Client;
use cubecl::prelude::*;
use tilewright::Device;

use crate::timing::{Summary, Timer, TimingError};

const GPU_BYTES: usize = 1 << 30;
const CPU_BYTES: usize = 1 << 26;

/// Bytes per second that a copy within the device's memory reads and writes, together.
///
/// # Errors
///
/// The device fails, or takes no time stamps.
pub fn copy_bandwidth(timer: &Timer) -> Result<f64, TimingError> {
    let client = timer.client();
    let device = Device::of(client);
    let memory = client.properties().memory.max_memory().unwrap_or(u64::MAX) as usize;
    let most = if device.is_cpu() { CPU_BYTES } else { GPU_BYTES };
    let bytes = most.min((memory / 8).next_power_of_two() / 2);
    // A CPU reads memory that was never written from one page of zeros, so it is written there.
    let from = match device.is_cpu() {
        true => client.create_from_slice(&vec![1u8; bytes]),
        false => client.empty(bytes),
    };
    let to = client.empty(bytes);
    let copy = |_| {
        queue_copy(client, &device, &from, &to, bytes);
        Ok::<(), TimingError>(())
    };
    // The first compiles.
    timer.window(1, copy)?;
    let samples: Result<Vec<f64>, TimingError> = (0..9).map(|_| timer.window(1, copy)).collect();
    let summary = Summary::of(&samples?).ok_or(TimingError::Nothing)?;
    Ok(2.0 * bytes as f64 / (summary.median * 1e-9))
}

fn queue_copy(
    client: &Client,
    device: &Device,
    from: &cubecl::server::Handle,
    to: &cubecl::server::Handle,
    bytes: usize,
) {
    let elements = bytes / 4;
    // On a CPU each core takes every other cache line.
    let (cubes, units, vector) = match device.is_cpu() {
        true => (1, device.units as u32, 16),
        false => (16 * device.multiprocessors as u32, 256, 4),
    };
    // SAFETY: both buffers hold `elements`, and the kernel stays within the length.
    unsafe {
        copy_vectors::launch_unchecked(
            client,
            CubeCount::new_1d(cubes),
            CubeDim::new_1d(units),
            vector,
            BufferArg::from_raw_parts(from.clone(), elements),
            BufferArg::from_raw_parts(to.clone(), elements),
        );
    }
}

#[cube(launch_unchecked)]
fn copy_vectors<W: Size>(from: &[Vector<f32, W>], to: &mut [Vector<f32, W>]) {
    let stride = CUBE_COUNT * CUBE_DIM as usize;
    let mut i = ABSOLUTE_POS;
    while i < from.len() {
        to[i] = from[i];
        i += stride;
    }
}
