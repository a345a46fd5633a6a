//! A device that is only said to be there: times are a function of the plan, with noise.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tilewright::table::Fingerprint;
use tilewright::{DType, Device, Lowering, Pass, Plan, Problem};
use tilewright_autotune::grid::Task;
use tilewright_autotune::laboratory::Laboratory;
use tilewright_autotune::stand::{Fault, Stand};

/// A problem of PatchTST.
pub fn problem(pass: Pass, seq: usize, dim: usize) -> Problem {
    Problem::self_attention(pass, DType::Bf16, [896, 16, seq, dim])
}

/// What a simulated device is like.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The largest deviation from a plan's time, as a part of it.
    pub noise: f64,
    /// Plans whose results are wrong.
    pub wrong: Vec<Plan>,
    /// Plans that do not run.
    pub broken: Vec<Plan>,
    /// How long a measurement takes.
    pub pause: Duration,
}

impl Default for Simulation {
    fn default() -> Self {
        Self { noise: 0.03, wrong: Vec::new(), broken: Vec::new(), pause: Duration::ZERO }
    }
}

/// The time of a plan without noise: the same in every process, and different for most plans.
pub fn true_time(problem: &Problem, plan: &Plan) -> f64 {
    let text = format!("{problem} {plan:?}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let of_lowering = if plan.lowering == Lowering::Mma { 1.0 } else { 1.6 };
    // Between 10 and 20 microseconds.
    of_lowering * (10_000.0 + (hash >> 11) as f64 / (1u64 << 53) as f64 * 10_000.0)
}

/// Where a simulated problem's plans are measured.
pub struct SimulatedStand {
    problem: Problem,
    simulation: Simulation,
    random: ChaCha8Rng,
    /// Measurements of each plan: times, and comparisons with the oracle.
    pub taken: HashMap<Plan, usize>,
}

impl SimulatedStand {
    pub fn new(problem: Problem, simulation: Simulation, seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { problem, simulation, random, taken: HashMap::new() }
    }

    fn count(&mut self, plan: &Plan) {
        *self.taken.entry(*plan).or_default() += 1;
        std::thread::sleep(self.simulation.pause);
    }
}

impl Stand for SimulatedStand {
    fn look(&mut self, plan: &Plan, times: usize) -> Result<Vec<f64>, Fault> {
        if self.simulation.broken.contains(plan) {
            return Err(Fault::Plan("it does not run".to_owned()));
        }
        (0..times).map(|_| self.sample(plan)).collect()
    }

    fn sample(&mut self, plan: &Plan) -> Result<f64, Fault> {
        self.count(plan);
        let noise = self.simulation.noise;
        let deviation = if noise > 0.0 { self.random.random_range(-noise..noise) } else { 0.0 };
        Ok(true_time(&self.problem, plan) * (1.0 + deviation))
    }

    fn judge(&mut self, plan: &Plan) -> Result<Option<String>, Fault> {
        self.count(plan);
        Ok(self.simulation.wrong.contains(plan).then(|| "out differs by 1".to_owned()))
    }
}

/// A laboratory with a simulated device.
pub struct SimulatedLaboratory {
    pub fingerprint: Fingerprint,
    pub simulation: Simulation,
}

impl SimulatedLaboratory {
    pub fn new(simulation: Simulation) -> Self {
        Self { fingerprint: Fingerprint::new("a simulated device", &Device::H200), simulation }
    }
}

impl Laboratory for SimulatedLaboratory {
    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    fn description(&self) -> String {
        "nothing is real".to_owned()
    }

    fn fits(&self, _: &Problem) -> Result<(), String> {
        Ok(())
    }

    fn stand<'a>(&'a self, task: &'a Task, seed: u64) -> Box<dyn Stand + 'a> {
        Box::new(SimulatedStand::new(task.problem, self.simulation.clone(), seed))
    }

    fn reference(&self) -> Result<f64> {
        Ok(1000.0)
    }

    fn fraction(&self, _: &Problem, nanoseconds: f64) -> Option<f64> {
        Some((5e7 / nanoseconds).round() / 1e4)
    }
}
