//! How a plan fills a device.

use serde::Serialize;
use tilewright::table::Fingerprint;
use tilewright::{Algorithm, DeviceKind, Lowering, Plan, Problem};

/// How a plan fills a device, as far as can be known without compiling: registers may allow less.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Occupancy {
    /// Cubes of a launch.
    pub cubes: usize,
    /// Units of a cube.
    pub units: usize,
    /// Bytes of shared memory of a cube.
    pub shared_memory: usize,
    /// Cubes that a multiprocessor holds at once.
    pub resident: usize,
    /// The part of a multiprocessor's units that are busy then.
    pub occupancy: f64,
    /// How often the device is filled; below 1, part of it is idle.
    pub waves: f64,
}

impl Occupancy {
    /// Of a plan for a problem.
    pub fn of(plan: &Plan, problem: &Problem, device: &Fingerprint) -> Self {
        let units = plan.team * plan.teams;
        let shared_memory = plan.shared_memory(problem);
        if device.kind == DeviceKind::Cpu {
            let waves = problem.groups() as f64 / units.max(1) as f64;
            return Self { cubes: 1, units, shared_memory, resident: 1, occupancy: 1.0, waves };
        }
        let most_units = units_of_multiprocessor(&device.compute_capability);
        let by_memory = device.shared_memory.checked_div(shared_memory).unwrap_or(usize::MAX);
        let resident = by_memory.min(most_units / units.max(1)).min(MOST_CUBES);
        let cubes = cubes(plan, problem);
        let at_once = (resident * device.multiprocessors).max(1);
        Self {
            cubes,
            units,
            shared_memory,
            resident,
            occupancy: (resident * units) as f64 / most_units as f64,
            waves: cubes as f64 / at_once as f64,
        }
    }
}

/// Cubes that a multiprocessor holds, at most (CUDA C++ Programming Guide, "Compute Capabilities").
const MOST_CUBES: usize = 32;

/// Units that a multiprocessor holds, at most (as above).
fn units_of_multiprocessor(compute_capability: &str) -> usize {
    match compute_capability {
        "8.6" | "8.7" | "8.9" | "12.0" | "12.1" => 1536,
        "7.5" => 1024,
        _ => 2048,
    }
}

fn cubes(plan: &Plan, problem: &Problem) -> usize {
    let groups = problem.groups();
    // The backward pass runs over queries, then over keys; the longer fills the device better.
    let rows = match problem.pass {
        tilewright::Pass::Forward => problem.seq_q,
        tilewright::Pass::Backward => problem.seq_q.max(problem.seq_k),
    };
    match (plan.algorithm, plan.lowering) {
        (Algorithm::Resident, _) => groups.div_ceil(plan.heads.max(1)),
        (Algorithm::Streaming, Lowering::Simt) => {
            groups.div_ceil(plan.teams.max(1)) * rows.div_ceil((plan.team * plan.tile_rows).max(1))
        }
        (Algorithm::Streaming, _) => groups * rows.div_ceil((plan.teams * plan.tile_rows).max(1)),
    }
}
