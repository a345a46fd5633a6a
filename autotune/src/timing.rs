//! Device time of short calls.
//!
//! A call of ten microseconds cannot be timed alone: a window holds several, queued without
//! waiting. Queueing a call may take the host longer than running it takes the device; so that the
//! device never waits within a window, it is kept busy in front of it until all calls are queued.
//! What keeps it busy also fills the second-level cache with something else, and the calls of a
//! window use different tensors (see [`workload`](crate::workload)): no call finds in the cache
//! what another left there.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use cubecl::client::Client;
use cubecl::prelude::*;
use tilewright::Device;

/// Why a time could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimingError {
    /// The calls were refused or failed.
    #[error("the call failed: {0}")]
    Call(#[from] tilewright::AttentionError),
    /// The device reported a failure, as of a kernel that does not compile.
    #[error("the device reported: {0}")]
    Device(String),
    /// The device measured nothing.
    #[error("the device took no time stamps")]
    Nothing,
    /// The file by which processes take turns cannot be locked.
    #[error("cannot wait for a turn on the device: {0}")]
    Turn(#[from] std::io::Error),
}

/// Larger than the second-level cache of any GPU of 2026.
pub const EVICTION_BYTES: usize = 256 << 20;
/// What writing them takes, at least.
pub const EVICTION_NANOSECONDS: f64 = 50_000.0;
/// The most times that they are written in front of a window: 20 ms and more.
pub const MOST_EVICTIONS: usize = 400;
/// Shorter windows are mostly the distance between two events.
const WINDOW_NANOSECONDS: f64 = 200_000.0;
/// The most calls in a window.
const MOST_CALLS: usize = 64;

/// Takes times on one device.
pub struct Timer {
    client: Client,
    gpu: bool,
    /// Written between windows; a CPU's caches are left as they are.
    eviction: Option<cubecl::server::Handle>,
    /// Nanoseconds that queueing a call took the host of late.
    queueing: Cell<f64>,
    /// Locked while a window is measured.
    turns: Option<File>,
}

/// This process's turn on a device, until it is dropped.
struct Turn<'a>(&'a File);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // The lock ends with the process at the latest.
        let _ = self.0.unlock();
    }
}

impl Timer {
    /// Reserves memory for emptying the cache, on a GPU.
    pub fn new(client: &Client) -> Self {
        let gpu = !Device::of(client).is_cpu();
        let eviction = gpu.then(|| client.empty(EVICTION_BYTES));
        Self { client: client.clone(), gpu, eviction, queueing: Cell::new(0.0), turns: None }
    }

    /// Processes that share a device, and this file, measure one at a time; what they compile
    /// meanwhile disturbs nobody.
    ///
    /// # Errors
    ///
    /// The file cannot be made.
    pub fn in_turns(self, file: &Path) -> std::io::Result<Self> {
        let turns = File::options().create(true).append(true).open(file)?;
        Ok(Self { turns: Some(turns), ..self })
    }

    fn turn(&self) -> Result<Option<Turn<'_>>, TimingError> {
        let Some(file) = &self.turns else { return Ok(None) };
        file.lock()?;
        Ok(Some(Turn(file)))
    }

    /// The device.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Nanoseconds of one call, as a mean over a window of `calls`. The number of the call is
    /// passed on. What the calls return is kept to the end of the window: results that were
    /// dropped would hand their memory, still in the cache, to the next call.
    ///
    /// # Errors
    ///
    /// A call fails, or the device takes no time stamps.
    pub fn window<T, E>(
        &self,
        calls: usize,
        call: impl FnMut(usize) -> Result<T, E> + Send,
    ) -> Result<f64, TimingError>
    where
        T: Send + 'static,
        E: Into<TimingError> + Send + 'static,
    {
        let _turn = self.turn()?;
        self.occupy(calls);
        let ((outcome, queueing), duration) = self
            .client
            .profile(
                move || {
                    let started = Instant::now();
                    let outcome: Result<Vec<T>, E> = (0..calls).map(call).collect();
                    (outcome, started.elapsed())
                },
                "window",
            )
            .map_err(|error| TimingError::Device(format!("{error:?}")))?;
        let _kept = outcome.map_err(Into::into)?;
        let queueing = queueing.as_nanos() as f64 / calls.max(1) as f64;
        // The longest of late: a hiccup is forgotten after a while.
        self.queueing.set(queueing.max(0.8 * self.queueing.get()));
        let ticks = cubecl::future::block_on(duration.resolve()).ok_or(TimingError::Nothing)?;
        let nanoseconds = ticks.duration().as_nanos() as f64;
        if nanoseconds == 0.0 {
            return Err(TimingError::Nothing);
        }
        Ok(nanoseconds / calls as f64)
    }

    /// How many calls a window should hold, given what one takes.
    pub fn calls_for(&self, nanoseconds: f64) -> usize {
        if !self.gpu {
            // A CPU's clock sees a single call well.
            return 1;
        }
        ((WINDOW_NANOSECONDS / nanoseconds.max(1.0)).ceil() as usize).clamp(1, MOST_CALLS)
    }

    /// Fills the cache, as often as it takes until `calls` calls are queued.
    fn occupy(&self, calls: usize) {
        const UNITS: u32 = 256;
        let Some(buffer) = &self.eviction else { return };
        let queueing = 1.5 * self.queueing.get() * calls as f64;
        let times = (queueing / EVICTION_NANOSECONDS).ceil() as usize;
        for _ in 0..times.clamp(1, MOST_EVICTIONS) {
            // SAFETY: the kernel stays within the length that is passed.
            unsafe {
                fill::launch_unchecked(
                    &self.client,
                    CubeCount::new_1d(2048),
                    CubeDim::new_1d(UNITS),
                    BufferArg::from_raw_parts(buffer.clone(), EVICTION_BYTES / 4),
                );
            }
        }
    }
}

#[cube(launch_unchecked)]
fn fill(buffer: &mut [f32]) {
    let stride = CUBE_COUNT * CUBE_DIM as usize;
    let mut i = ABSOLUTE_POS;
    while i < buffer.len() {
        buffer[i] = 1.0;
        i += stride;
    }
}

/// Median and spread of repeated times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The median, in the unit of the samples.
    pub median: f64,
    /// The distance from the lower to the upper quartile, as a part of the median.
    pub spread: f64,
    /// The smallest.
    pub least: f64,
    /// How many there are.
    pub samples: usize,
}

impl Summary {
    /// Of at least one sample; `None` of none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        use statrs::statistics::{Data, Max, Min, OrderStatistics};
        if samples.is_empty() {
            return None;
        }
        let mut data = Data::new(samples.to_vec());
        let median = data.median();
        let quartiles = data.upper_quartile() - data.lower_quartile();
        debug_assert!(data.max() >= data.min());
        Some(Self { median, spread: quartiles / median, least: data.min(), samples: samples.len() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_window_waits_for_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turns");
        let others = File::options().create(true).append(true).open(&path).unwrap();
        others.lock().unwrap();
        let (sender, measured) = channel();
        let measuring = std::thread::spawn(move || {
            let (client, _) = tilewright::open_device("cpu").unwrap();
            let timer = Timer::new(&client).in_turns(&path).unwrap();
            // What it measures does not matter, nor that it may be too short to be seen.
            let _ = timer.window(1, |_| Ok::<(), TimingError>(()));
            sender.send(()).unwrap();
        });
        assert!(measured.recv_timeout(Duration::from_millis(500)).is_err());
        others.unlock().unwrap();
        measured.recv().unwrap();
        measuring.join().unwrap();
    }
}
