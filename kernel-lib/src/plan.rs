//! How a problem is run, and which ways are possible.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::algorithms::Config;
use crate::device::Device;
use crate::tile::exp::Exp2;
use crate::{DType, Pass, PlanRefusal, Problem};

/// How keys reach the rows that attend to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// All keys of a head at once; one pass, no online softmax.
    Resident,
    /// Blocks of keys flow past, with online softmax.
    Streaming,
}

/// How a tile lives on hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lowering {
    /// Plain units, exact `f32` arithmetic.
    Simt,
}

/// How a problem is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// How keys reach the rows that attend to them.
    pub algorithm: Algorithm,
    /// How a tile lives on hardware.
    pub lowering: Lowering,
    /// Rows that one unit owns at a time.
    pub tile_rows: usize,
    /// Columns of a score tile. `resident` forward has one tile with a column for every key.
    pub tile_cols: usize,
    /// Units of a team: they share the keys of one head.
    pub team: usize,
    /// Teams of a cube.
    pub teams: usize,
    /// Rows brought on chip together, 0 to read them where they lie. `resident` brings all.
    pub block: usize,
    /// Elements of the vectors in which rows are read. The launch uses narrower ones where strides
    /// or alignment ask for it.
    pub vector: usize,
}

/// Beyond this many keys the scores of a row no longer fit into the registers of a GPU's unit.
const RESIDENT_KEYS_GPU: usize = 64;
/// Beyond this many, scores of sixteen rows no longer fit a CPU's first-level cache.
const RESIDENT_KEYS_CPU: usize = 256;
/// Tiles wider than this stay in local memory: unrolling them would spill anyway.
const UNROLLED_DIM: usize = 64;

impl Plan {
    /// A plan that works well without measuring.
    pub fn rule(problem: &Problem, device: &Device) -> Plan {
        let shorter = Plan::resident_keys(device);
        // Measured on an H200: in f32 a whole row of scores costs the forward pass more registers
        // than it saves work, and online softmax is 2.5 times faster.
        let scarce =
            !device.is_cpu() && problem.pass == Pass::Forward && problem.dtype == DType::F32;
        let short = problem.seq_k <= shorter && problem.seq_q <= 4 * shorter;
        let algorithm = if short && !scarce { Algorithm::Resident } else { Algorithm::Streaming };
        let plan = if device.is_cpu() {
            Plan::cpu_rule(algorithm, problem, device)
        } else {
            Plan::gpu_rule(algorithm, problem, device)
        };
        debug_assert_eq!(plan.check(problem, device), Ok(()), "{plan} for {problem}");
        plan
    }

    fn resident_keys(device: &Device) -> usize {
        if device.is_cpu() { RESIDENT_KEYS_CPU } else { RESIDENT_KEYS_GPU }
    }

    /// One unit for each group, its rows in SIMD lanes, nothing copied: the caches do that.
    fn cpu_rule(algorithm: Algorithm, problem: &Problem, device: &Device) -> Plan {
        let rows = problem.seq_q.next_power_of_two().min(device.lanes);
        Plan {
            algorithm,
            lowering: Lowering::Simt,
            tile_rows: rows,
            // Backward, three tiles are alive at once.
            tile_cols: Plan::columns(
                algorithm,
                problem,
                if problem.pass == Pass::Forward { 32 } else { 16 },
            ),
            team: 1,
            teams: device.units,
            block: 0,
            vector: 4,
        }
    }

    /// A unit for each row; short sequences share a cube.
    fn gpu_rule(algorithm: Algorithm, problem: &Problem, device: &Device) -> Plan {
        let wide = problem.head_dim.max(problem.value_dim) > UNROLLED_DIM;
        let (rows, cols) = if wide { (1, 4) } else { (1, 8) };
        let longer = problem.seq_q.max(problem.seq_k);
        let team = match algorithm {
            Algorithm::Resident => longer.div_ceil(rows).min(128),
            Algorithm::Streaming if longer <= 64 => 64,
            Algorithm::Streaming => 128,
        };
        let teams = match algorithm {
            Algorithm::Resident => (128 / team).max(1),
            Algorithm::Streaming => 1,
        };
        let mut plan = Plan {
            algorithm,
            lowering: Lowering::Simt,
            tile_rows: rows,
            tile_cols: Plan::columns(algorithm, problem, cols),
            team,
            teams,
            block: if team == 64 { 64 } else { 32 },
            vector: 4,
        };
        if algorithm == Algorithm::Resident {
            let stageable = problem.pass == Pass::Forward || problem.heads == problem.kv_heads;
            plan.block = if stageable { plan.resident_block(problem) } else { 0 };
        }
        // Fewer keys at a time, or fewer heads to a cube, until it fits.
        while plan.check(problem, device).is_err() && plan.teams > 1 {
            plan.teams /= 2;
        }
        while plan.check(problem, device).is_err() && plan.block > 0 {
            plan.block = if algorithm == Algorithm::Resident { 0 } else { plan.block / 2 };
        }
        plan
    }

    fn columns(algorithm: Algorithm, problem: &Problem, usual: usize) -> usize {
        if algorithm == Algorithm::Resident && problem.pass == Pass::Forward {
            problem.seq_k
        } else {
            usual
        }
    }

    /// The rows that `resident` brings on chip.
    pub(crate) fn resident_block(&self, problem: &Problem) -> usize {
        match problem.pass {
            Pass::Forward => problem.seq_k,
            Pass::Backward => problem.seq_q.max(problem.seq_k).next_multiple_of(self.tile_cols),
        }
    }

    /// Bytes of shared memory that a cube needs.
    pub fn shared_memory(&self, problem: &Problem) -> usize {
        let matrices = match (self.algorithm, problem.pass) {
            (Algorithm::Resident, Pass::Backward) => 2,
            _ => 1,
        };
        matrices * self.teams * self.block * (problem.head_dim + problem.value_dim) * 4
    }

    /// Whether this device can run this problem this way.
    pub fn check(&self, problem: &Problem, device: &Device) -> Result<(), PlanRefusal> {
        let positive = |parameter, given: usize| {
            if given == 0 {
                return Err(PlanRefusal::Parameter { parameter, given, allowed: "at least 1" });
            }
            Ok(())
        };
        positive("tile_cols", self.tile_cols)?;
        positive("team", self.team)?;
        positive("teams", self.teams)?;
        for (parameter, given) in [("tile_rows", self.tile_rows), ("vector", self.vector)] {
            if !given.is_power_of_two() || given > 16 {
                let allowed = "1, 2, 4, 8 or 16";
                return Err(PlanRefusal::Parameter { parameter, given, allowed });
            }
        }
        if self.algorithm == Algorithm::Resident {
            let most = Plan::resident_keys(device);
            if problem.seq_k > most {
                return Err(PlanRefusal::TooManyKeys { seq_k: problem.seq_k, most });
            }
            if problem.pass == Pass::Forward && self.tile_cols != problem.seq_k {
                let allowed = "`resident` forward has one column for every key";
                let given = self.tile_cols;
                return Err(PlanRefusal::Parameter { parameter: "tile_cols", given, allowed });
            }
            if self.block > 0 && self.block != self.resident_block(problem) {
                let allowed =
                    "`resident` brings all rows on chip, rounded up to tile_cols, or none";
                return Err(PlanRefusal::Parameter {
                    parameter: "block",
                    given: self.block,
                    allowed,
                });
            }
            let shared_heads = problem.heads != problem.kv_heads;
            if self.block > 0 && shared_heads && problem.pass == Pass::Backward {
                let allowed = "0 where query heads share key heads in a `resident` backward pass";
                return Err(PlanRefusal::Parameter {
                    parameter: "block",
                    given: self.block,
                    allowed,
                });
            }
        } else if !self.block.is_multiple_of(self.tile_cols) {
            let allowed = "a multiple of tile_cols";
            return Err(PlanRefusal::Parameter { parameter: "block", given: self.block, allowed });
        }
        if device.is_cpu() {
            // Barriers on a CPU spin, so teams there are single units.
            for (parameter, given, needed) in [("team", self.team, 1), ("block", self.block, 0)] {
                if given != needed {
                    return Err(PlanRefusal::Device { parameter, given, needs: "a GPU" });
                }
            }
        }
        let needed = self.team * self.teams;
        if needed > device.units {
            return Err(PlanRefusal::Units { needed, available: device.units });
        }
        let needed = self.shared_memory(problem);
        if needed > device.shared_memory {
            return Err(PlanRefusal::SharedMemory { needed, available: device.shared_memory });
        }
        Ok(())
    }

    /// Every plan worth trying. Some may be refused by [`check`](Plan::check).
    pub fn space(problem: &Problem, device: &Device) -> Vec<Plan> {
        let mut plans = vec![Plan::rule(problem, device)];
        let resident_cols: &[usize] =
            if problem.pass == Pass::Forward { &[problem.seq_k] } else { &[4, 8, 16, 32] };
        for (algorithm, cols) in
            [(Algorithm::Resident, resident_cols), (Algorithm::Streaming, &[4, 8, 16, 32][..])]
        {
            let base = Plan { algorithm, ..plans[0] };
            for &tile_cols in cols {
                if device.is_cpu() {
                    plans.extend([4, 8, 16].map(|tile_rows| Plan { tile_rows, tile_cols, ..base }));
                    continue;
                }
                for tile_rows in [1, 2, 4] {
                    let plan = Plan { tile_rows, tile_cols, ..base };
                    plans.extend(plan.teams_and_blocks(problem));
                }
            }
        }
        plans.sort();
        plans.dedup();
        plans
    }

    fn teams_and_blocks(self, problem: &Problem) -> Vec<Plan> {
        let mut plans = Vec::new();
        match self.algorithm {
            Algorithm::Resident => {
                let rows = problem.seq_q.max(problem.seq_k);
                let team = rows.div_ceil(self.tile_rows);
                for units in [64, 128, 256] {
                    for block in [0, self.resident_block(problem)] {
                        let teams = (units / team).max(1);
                        plans.push(Plan { team, teams, block, ..self });
                    }
                }
            }
            Algorithm::Streaming => {
                for team in [64, 128] {
                    for block in [0, 32, 64] {
                        plans.push(Plan { team, teams: 1, block, ..self });
                    }
                }
            }
        }
        plans
    }

    pub(crate) fn config(&self, problem: &Problem, device: &Device) -> Config {
        let widest = problem.head_dim.max(problem.value_dim);
        Config {
            head_dim: problem.head_dim,
            value_dim: problem.value_dim,
            cols: self.tile_cols,
            unroll: !device.is_cpu() && widest <= UNROLLED_DIM,
            team: self.team as u32,
            teams: self.teams as u32,
            block: self.block,
            exp: if device.is_cpu() { Exp2::Polynomial } else { Exp2::SpecialUnit },
            score: problem.class.changes_score(),
            mask: problem.class.masks(),
            save_scores: problem.save_scores,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { algorithm, lowering, tile_rows, tile_cols, team, teams, block, vector } = self;
        let algorithm = match algorithm {
            Algorithm::Resident => "resident",
            Algorithm::Streaming => "streaming",
        };
        let lowering = match lowering {
            Lowering::Simt => "simt",
        };
        write!(f, "{algorithm}/{lowering} rows{tile_rows} cols{tile_cols} team{team}x{teams}")?;
        write!(f, " block{block} vec{vector}")
    }
}
