//! Which tuning of a `#[kernel]` is fastest on one device.
//!
//! Every tuning that the device can run is compared with the kernel's reference first, on fewer
//! sequences, heads and rows; who computes something else is out. The others take turns in random
//! order, so that a clock that drifts slows all alike.

use cubecl::client::Client;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tilewright::program::{Gate, Kernel, KernelError, Order, Sizes, Trial, Tuning};
use tilewright::{DType, Device, Strided};

use crate::timing::{Summary, Timer, TimingError};
use crate::values;

/// A kernel with the arguments to measure it on.
#[derive(Clone, Debug)]
pub struct KernelTask {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Every size.
    pub sizes: Sizes,
    /// The scalars, in the order of the function.
    pub scalars: Vec<f64>,
    /// The element type of the tensors whose type the kernel leaves open.
    pub dtype: DType,
}

/// How thoroughly tunings are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounds {
    /// Windows for each tuning that is left after the first round.
    pub rounds: usize,
    /// Tunings slower than this many times the best of the first round are dropped.
    pub keep: f64,
    /// Decides the tensors and the order of measurement.
    pub seed: u64,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { rounds: 9, keep: 2.0, seed: 0 }
    }
}

/// What was found of one tuning.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedTuning {
    /// The tuning.
    pub tuning: Tuning,
    /// Nanoseconds of a call.
    pub time: Summary,
    /// The largest error, as a part of the largest element; `None` without a reference.
    pub error: Option<f64>,
}

/// What measuring a kernel found.
#[derive(Clone, Debug)]
pub struct KernelFinding {
    /// What was measured in all rounds, the fastest first.
    pub timed: Vec<TimedTuning>,
    /// What was much slower at first sight.
    pub slow: Vec<TimedTuning>,
    /// What the device cannot run, what failed and what computes something else, and how.
    pub refused: Vec<(Tuning, String)>,
}

/// Why a kernel could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelTuningError {
    /// The arguments do not fit the kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The device takes no times.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The tensors do not fit into the device's memory.
    #[error("its tensors need {needed} bytes, and the device has {available}")]
    Memory {
        /// Bytes needed.
        needed: usize,
        /// Bytes of the device.
        available: usize,
    },
}

/// What happens while a kernel is measured.
pub enum KernelStep<'a> {
    /// A tuning is compared with the reference and timed for the first time.
    First(&'a Tuning),
    /// A further round begins, of this many tunings.
    Round(usize),
}

/// Rows that the reference is computed for, at most: several blocks, and a ragged one.
const GATE_ROWS: usize = 257;
/// Sequences and heads that it is computed for.
const GATE_GROUPS: usize = 2;

/// Measures the tunings that the device can run; only these, if some are given.
///
/// # Errors
///
/// Arguments that do not fit the kernel, tensors that do not fit the device, or a device that takes
/// no times. A tuning that fails is no error: it is among the refused.
pub fn tune_kernel(
    timer: &Timer,
    task: &KernelTask,
    only: Option<&[Tuning]>,
    rounds: Rounds,
    mut report: impl FnMut(KernelStep<'_>),
) -> Result<KernelFinding, KernelTuningError> {
    let KernelTask { kernel, sizes, .. } = task;
    let client = timer.client();
    let device = Device::of(client);
    let gate = Gate::new(client, kernel, small(task))?;
    let workload = Workload::new(client, task, rounds.seed)?;

    let mut refused = Vec::new();
    let mut timed: Vec<(Tuning, usize, Vec<f64>, Option<f64>)> = Vec::new();
    let space = only.map_or_else(|| kernel.space(), <[Tuning]>::to_vec);
    for tuning in space {
        if let Err(reason) = kernel.check(&tuning, sizes, &device) {
            refused.push((tuning, reason.to_string()));
            continue;
        }
        report(KernelStep::First(&tuning));
        match first_look(timer, &gate, &workload, &tuning) {
            Ok((calls, times, error)) => timed.push((tuning, calls, times, error)),
            Err(why) => refused.push((tuning, why)),
        }
    }
    let median = |times: &[f64]| Summary::of(times).map_or(f64::INFINITY, |s| s.median);
    let best = timed.iter().map(|t| median(&t.2)).fold(f64::INFINITY, f64::min);
    let (mut stay, slow): (Vec<_>, Vec<_>) =
        timed.into_iter().partition(|t| median(&t.2) <= rounds.keep * best);
    // The first times decided who stays; who stays starts anew.
    stay.iter_mut().for_each(|(_, _, times, _)| times.clear());
    let mut random = ChaCha8Rng::seed_from_u64(rounds.seed);
    for _ in 0..rounds.rounds.max(1) {
        report(KernelStep::Round(stay.len()));
        stay.shuffle(&mut random);
        for (tuning, calls, times, _) in &mut stay {
            times.push(timer.window(*calls, |nth| workload.call(nth, tuning))?);
        }
    }
    Ok(KernelFinding { timed: summaries(stay), slow: summaries(slow), refused })
}

fn summaries(timed: Vec<(Tuning, usize, Vec<f64>, Option<f64>)>) -> Vec<TimedTuning> {
    let mut found: Vec<TimedTuning> = timed
        .into_iter()
        .filter_map(|(tuning, _, times, error)| {
            Some(TimedTuning { tuning, time: Summary::of(&times)?, error })
        })
        .collect();
    found.sort_by(|a, b| {
        a.time.median.total_cmp(&b.time.median).then_with(|| a.tuning.cmp(&b.tuning))
    });
    found
}

/// Compiles, compares with the reference, and takes a first look: how many calls fill a window, how
/// long one takes, and the error.
fn first_look(
    timer: &Timer,
    gate: &Gate<'_>,
    workload: &Workload,
    tuning: &Tuning,
) -> Result<(usize, Vec<f64>, Option<f64>), String> {
    let verdict = gate.judge(Some(tuning)).map_err(|error| error.to_string())?;
    if !verdict.repeats {
        return Err("wrong: a second run gave other bits".to_owned());
    }
    if let Some(error) = verdict.error.filter(|_| !verdict.is_right()) {
        let allowed = verdict.allowed;
        return Err(format!(
            "wrong: off by {error:.2e} of the largest element, {allowed:.2e} is allowed"
        ));
    }
    let call = |nth| workload.call(nth, tuning);
    let window = |calls| timer.window(calls, call).map_err(|error| error.to_string());
    // The first window still learns how long the host takes to queue a call.
    window(1)?;
    let calls = timer.calls_for(window(1)?);
    let times: Result<Vec<f64>, String> = (0..3).map(|_| window(calls)).collect();
    Ok((calls, times?, verdict.error))
}

/// The task on few sequences, heads and rows, for the reference.
fn small(task: &KernelTask) -> Trial {
    let mut sizes = task.sizes.clone();
    for tensor in task.kernel.tensors {
        let most = [GATE_GROUPS, GATE_GROUPS, GATE_ROWS];
        for (name, most) in tensor.shape.into_iter().zip(most) {
            // A size that is also the length of a row is part of the kernel.
            let is_dim = task.kernel.tensors.iter().any(|other| other.shape[3] == name);
            if let Some(size) = sizes.get(name).filter(|&size| size > most && !is_dim) {
                sizes.set(name, size.min(most));
            }
        }
    }
    let (scalars, dtype) = (task.scalars.clone(), task.dtype);
    Trial { sizes, scalars, dtype, order: Order::Bhsd, seed: 1 }
}

/// Together, the sets of a workload outgrow every second-level cache.
const ROTATED_BYTES: usize = 192 << 20;
/// The most sets of tensors.
const MOST_SETS: usize = 64;

/// A kernel with tensors to run it on; several sets where one would stay in the cache.
struct Workload {
    client: Client,
    kernel: &'static Kernel,
    scalars: Vec<f64>,
    sets: Vec<Vec<Strided>>,
}

impl Workload {
    fn new(client: &Client, task: &KernelTask, seed: u64) -> Result<Self, KernelTuningError> {
        let KernelTask { kernel, sizes, scalars, dtype } = task;
        let shapes = kernel.shapes(sizes)?;
        let one = kernel.floor_bytes(sizes, *dtype)?.max(1);
        let count = match Device::of(client).is_cpu() {
            true => 1,
            false => ROTATED_BYTES.div_ceil(one).clamp(1, MOST_SETS),
        };
        let available = client.properties().memory.max_memory().unwrap_or(u64::MAX) as usize;
        if count * one > available / 10 * 8 {
            return Err(KernelTuningError::Memory { needed: count * one, available });
        }
        let tensor = |set: usize, place: usize| {
            let (param, shape) = (&kernel.tensors[place], shapes[place]);
            let dtype = param.dtype.unwrap_or(*dtype);
            if param.written {
                return Strided::empty(client, shape, dtype);
            }
            let stream = (seed as u32).wrapping_mul(4096) + (set * shapes.len() + place) as u32;
            let bytes = values::buffer(stream, shape.iter().product(), dtype);
            Strided::contiguous(client.create_from_slice(&bytes), shape, dtype)
        };
        let sets = (0..count).map(|set| (0..shapes.len()).map(|i| tensor(set, i)).collect());
        let sets = sets.collect();
        Ok(Self { client: client.clone(), kernel, scalars: scalars.clone(), sets })
    }

    fn call(&self, nth: usize, tuning: &Tuning) -> Result<(), TimingError> {
        let tensors: Vec<&Strided> = self.sets[nth % self.sets.len()].iter().collect();
        self.kernel
            .launch(&self.client, &tensors, &self.scalars, Some(tuning))
            .map_err(|error| TimingError::Device(error.to_string()))
    }
}
