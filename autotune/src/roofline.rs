//! The least time that a device could take, by its memory and by its arithmetic (Williams, Waterman
//! and Patterson, doi 10.1145/1498765.1498785).
//!
//! What memory and plain units reach is measured. What tensor cores reach follows from that: how
//! many times as many operations they do in a cycle is a fact of the architecture.

use cubecl::prelude::*;
use serde::Serialize;
use tilewright::table::Fingerprint;
use tilewright::{DType, Device, Problem};

use crate::bandwidth::copy_bandwidth;
use crate::timing::{Summary, Timer, TimingError};

/// Products of bf16 numbers that take as long as one of `f32` numbers on tensor cores: that is three
/// of tf32 numbers, of which they do half as many in a cycle.
const PRODUCTS_OF_F32: f64 = 6.0;

/// What a device reaches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Roofline {
    /// Bytes per second that a copy reads and writes, together.
    pub bytes_per_second: f64,
    /// Floating-point operations per second of plain units, in `f32`.
    pub plain_flops: f64,
    /// Of tensor cores, on 16-bit numbers; 0 where there are none or nothing is known of them.
    pub tensor_flops: f64,
}

impl Roofline {
    /// Measures a device.
    ///
    /// # Errors
    ///
    /// The device fails, or takes no time stamps.
    pub fn measure(timer: &Timer, fingerprint: &Fingerprint) -> Result<Self, TimingError> {
        let bytes_per_second = copy_bandwidth(timer)?;
        let plain_flops = plain_flops(timer)?;
        let times = tensor_core_advantage(&fingerprint.compute_capability);
        Ok(Self { bytes_per_second, plain_flops, tensor_flops: times * plain_flops })
    }

    /// Nanoseconds that a problem takes at least.
    pub fn nanoseconds(&self, problem: &Problem) -> f64 {
        let memory = problem.floor_bytes() as f64 / self.bytes_per_second;
        let arithmetic = problem.flops() as f64 / self.flops(problem.dtype);
        1e9 * memory.max(arithmetic)
    }

    /// What is the narrower for a problem: `memory` or `arithmetic`.
    pub fn bound(&self, problem: &Problem) -> &'static str {
        let memory = problem.floor_bytes() as f64 / self.bytes_per_second;
        let arithmetic = problem.flops() as f64 / self.flops(problem.dtype);
        if memory >= arithmetic { "memory" } else { "arithmetic" }
    }

    /// The part of the roofline that a time reaches.
    pub fn fraction(&self, problem: &Problem, nanoseconds: f64) -> Option<f64> {
        let fraction = self.nanoseconds(problem) / nanoseconds;
        fraction.is_finite().then(|| (fraction * 1e4).round() / 1e4)
    }

    fn flops(&self, dtype: DType) -> f64 {
        match dtype {
            DType::F32 => self.plain_flops.max(self.tensor_flops / PRODUCTS_OF_F32),
            DType::F16 | DType::Bf16 => self.plain_flops.max(self.tensor_flops),
        }
    }
}

/// Dense operations of tensor cores on bf16 numbers, summed in `f32`, for each of plain units in
/// `f32`, by the white papers of the architectures.
fn tensor_core_advantage(compute_capability: &str) -> f64 {
    match compute_capability {
        // A100: 312 and 19.5 TFLOP/s. H100: 989 and 67.
        "8.0" | "9.0" => 16.0,
        // GeForce RTX 3090: 71 and 35.6.
        "8.6" => 2.0,
        // L40S: 362 and 91.6.
        "8.9" => 4.0,
        // B200: 2250 and 80.
        "10.0" => 28.0,
        _ => 0.0,
    }
}

/// Sums that do not wait for each other: the latency of an addition, times how many begin at once.
const CHAINS: usize = 8;
/// Long enough for a window.
const ROUNDS: usize = 20_000;

/// Operations per second of plain units.
fn plain_flops(timer: &Timer) -> Result<f64, TimingError> {
    let client = timer.client();
    let device = Device::of(client);
    let (cubes, units, lanes) = match device.is_cpu() {
        true => (1, device.units, device.lanes),
        false => (8 * device.multiprocessors, 256, 1),
    };
    let sums = cubes * units * lanes;
    let buffer = client.create_from_slice(&vec![0u8; 4 * sums]);
    let run = |_| {
        // SAFETY: every unit has a vector of its own.
        unsafe {
            multiply_and_add::launch_unchecked(
                client,
                CubeCount::new_1d(cubes as u32),
                CubeDim::new_1d(units as u32),
                lanes,
                BufferArg::from_raw_parts(buffer.clone(), sums),
                CHAINS,
                ROUNDS,
            );
        }
        Ok::<(), TimingError>(())
    };
    // The first compiles.
    timer.window(1, run)?;
    let samples: Result<Vec<f64>, TimingError> = (0..9).map(|_| timer.window(1, run)).collect();
    let summary = Summary::of(&samples?).ok_or(TimingError::Nothing)?;
    // What it reaches when nothing else runs.
    Ok((2 * sums * CHAINS * ROUNDS) as f64 / (summary.least * 1e-9))
}

#[cube(launch_unchecked)]
fn multiply_and_add<W: Size>(
    sums: &mut [Vector<f32, W>],
    #[comptime] chains: usize,
    #[comptime] rounds: usize,
) {
    // From memory, so that nothing is known of it when the kernel is compiled.
    let start = sums[ABSOLUTE_POS];
    let factor = start + Vector::new(0.999f32);
    let mut chain = Array::<Vector<f32, W>>::new(chains);
    #[unroll]
    for i in 0..chains {
        chain[i] = start + Vector::new(1.0f32);
    }
    for _ in 0..rounds.runtime() {
        #[unroll]
        for i in 0..chains {
            chain[i] = fma(chain[i], factor, factor);
        }
    }
    let mut total = start;
    #[unroll]
    for i in 0..chains {
        total += chain[i];
    }
    sums[ABSOLUTE_POS] = total;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Preset;

    #[test]
    fn the_narrower_of_two_limits_counts() {
        let task = Preset::Tiny.grids(true).remove(0).tasks().unwrap().remove(0);
        let wide = Roofline { bytes_per_second: 1e9, plain_flops: 1e15, tensor_flops: 0.0 };
        let floor = task.problem.floor_bytes() as f64;
        assert!((wide.nanoseconds(&task.problem) - floor).abs() < 1e-6 * floor);
        assert_eq!(wide.bound(&task.problem), "memory");
        let narrow = Roofline { plain_flops: 1e3, ..wide };
        let flops = task.problem.flops() as f64 * 1e6;
        assert!((narrow.nanoseconds(&task.problem) - flops).abs() < 1e-6 * flops);
        assert_eq!(narrow.bound(&task.problem), "arithmetic");
        // A product of `f32` takes as long as six of 16 bits.
        let tensor = Roofline { tensor_flops: 12e3, ..narrow };
        assert!((tensor.nanoseconds(&task.problem) - flops / 2.0).abs() < 1e-6 * flops);
        assert_eq!(tensor.fraction(&task.problem, flops), Some(0.5));
    }
}
