//! Plans of the `simt` lowering: any problem, any device.

use super::{Algorithm, Lowering, Plan};
use crate::algorithms::Config;
use crate::device::Device;
use crate::tile::exp::Exp2;
use crate::{DType, Pass, PlanRefusal, Problem};

/// Beyond this many keys the scores of a row no longer fit into the registers of a GPU's unit.
const RESIDENT_KEYS_GPU: usize = 64;
/// Up to so many, they are no burden there in `f32` either.
const FEW_KEYS: usize = 16;
/// Beyond this many, scores of sixteen rows no longer fit a CPU's first-level cache.
const RESIDENT_KEYS_CPU: usize = 256;
/// Tiles wider than this stay in local memory: unrolling them would spill anyway.
const UNROLLED_DIM: usize = 64;

/// A plan that works well without measuring.
pub(super) fn rule(problem: &Problem, device: &Device) -> Plan {
    let shorter = resident_keys(device);
    // Measured on an H200: in f32 a whole row of many scores costs the forward pass more registers
    // than it saves work, and online softmax is 2.5 times faster.
    let scarce = !device.is_cpu()
        && problem.pass == Pass::Forward
        && problem.dtype == DType::F32
        && problem.seq_k > FEW_KEYS;
    let short = problem.seq_k <= shorter && problem.seq_q <= 4 * shorter;
    let algorithm = if short && !scarce { Algorithm::Resident } else { Algorithm::Streaming };
    if device.is_cpu() {
        cpu_rule(algorithm, problem, device)
    } else {
        gpu_rule(algorithm, problem, device)
    }
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
        tile_cols: columns(algorithm, problem, if problem.pass == Pass::Forward { 32 } else { 16 }),
        team: 1,
        teams: device.units,
        heads: device.units,
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
        tile_cols: columns(algorithm, problem, cols),
        team,
        teams,
        heads: teams,
        block: if team == 64 { 64 } else { 32 },
        vector: 4,
    };
    if algorithm == Algorithm::Resident {
        let stageable = problem.pass == Pass::Forward || problem.heads == problem.kv_heads;
        plan.block = if stageable { resident_block(&plan, problem) } else { 0 };
    }
    // Fewer keys at a time, or fewer heads to a cube, until it fits.
    while plan.check(problem, device).is_err() && plan.teams > 1 {
        plan.teams /= 2;
        plan.heads = plan.teams;
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
fn resident_block(plan: &Plan, problem: &Problem) -> usize {
    match problem.pass {
        Pass::Forward => problem.seq_k,
        Pass::Backward => problem.seq_q.max(problem.seq_k).next_multiple_of(plan.tile_cols),
    }
}

/// Bytes of shared memory that a cube needs.
pub(super) fn shared_memory(plan: &Plan, problem: &Problem) -> usize {
    let matrices = match (plan.algorithm, problem.pass) {
        (Algorithm::Resident, Pass::Backward) => 2,
        _ => 1,
    };
    matrices * plan.teams * plan.block * (problem.head_dim + problem.value_dim) * 4
}

/// Whether this device can run this problem this way.
pub(super) fn check(plan: &Plan, problem: &Problem, device: &Device) -> Result<(), PlanRefusal> {
    if plan.heads != plan.teams {
        let allowed = "one for each team in `simt`";
        return Err(PlanRefusal::Parameter { parameter: "heads", given: plan.heads, allowed });
    }
    if plan.algorithm == Algorithm::Resident {
        let most = resident_keys(device);
        if problem.seq_k > most {
            return Err(PlanRefusal::TooManyKeys { seq_k: problem.seq_k, most });
        }
        if problem.pass == Pass::Forward && plan.tile_cols != problem.seq_k {
            let allowed = "`resident` forward has one column for every key";
            let given = plan.tile_cols;
            return Err(PlanRefusal::Parameter { parameter: "tile_cols", given, allowed });
        }
        if plan.block > 0 && plan.block != resident_block(plan, problem) {
            let allowed = "`resident` brings all rows on chip, rounded up to tile_cols, or none";
            return Err(PlanRefusal::Parameter { parameter: "block", given: plan.block, allowed });
        }
        let shared_heads = problem.heads != problem.kv_heads;
        if plan.block > 0 && shared_heads && problem.pass == Pass::Backward {
            let allowed = "0 where query heads share key heads in a `resident` backward pass";
            return Err(PlanRefusal::Parameter { parameter: "block", given: plan.block, allowed });
        }
    } else if !plan.block.is_multiple_of(plan.tile_cols) {
        let allowed = "a multiple of tile_cols";
        return Err(PlanRefusal::Parameter { parameter: "block", given: plan.block, allowed });
    }
    if device.is_cpu() {
        // Barriers on a CPU spin, so teams there are single units.
        for (parameter, given, needed) in [("team", plan.team, 1), ("block", plan.block, 0)] {
            if given != needed {
                return Err(PlanRefusal::Device { parameter, given, needs: "a GPU" });
            }
        }
    }
    Ok(())
}

/// What follows from the sizes of a problem follows from the new sizes.
pub(super) fn adapted(plan: Plan, from: &Problem, to: &Problem, device: &Device) -> Plan {
    let mut plan = plan;
    if device.is_cpu() {
        plan.team = 1;
        plan.teams = device.units;
        plan.heads = plan.teams;
        plan.block = 0;
    }
    if plan.algorithm != Algorithm::Resident {
        return plan;
    }
    if to.pass == Pass::Forward {
        plan.tile_cols = to.seq_k;
    }
    if !device.is_cpu() && from != to {
        // A team for all rows of a head stays one; cubes keep their size as far as that goes.
        let rows = |p: &Problem| p.seq_q.max(p.seq_k).div_ceil(plan.tile_rows.max(1)).max(1);
        let units = plan.team * plan.teams;
        if plan.team == rows(from) {
            plan.team = rows(to).min(device.units);
            plan.teams = (units / plan.team).max(1);
            plan.heads = plan.teams;
        }
    }
    if plan.block > 0 {
        plan.block = resident_block(&plan, to);
        while plan.teams > 1 && plan.check(to, device).is_err() {
            plan.teams /= 2;
            plan.heads = plan.teams;
        }
        if plan.check(to, device).is_err() {
            // Too long to bring on chip, or keys shared by several heads.
            plan.block = 0;
        }
    }
    plan
}

/// Every plan worth trying. Some may be refused by [`check`](Plan::check).
pub(super) fn space(problem: &Problem, device: &Device) -> Vec<Plan> {
    let mut plans = vec![rule(problem, device)];
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
                plans.extend(teams_and_blocks(plan, problem));
            }
        }
    }
    plans
}

fn teams_and_blocks(plan: Plan, problem: &Problem) -> Vec<Plan> {
    let mut plans = Vec::new();
    match plan.algorithm {
        Algorithm::Resident => {
            let rows = problem.seq_q.max(problem.seq_k);
            let team = rows.div_ceil(plan.tile_rows);
            for units in [64, 128, 256] {
                for block in [0, resident_block(&plan, problem)] {
                    let teams = (units / team).max(1);
                    plans.push(Plan { team, teams, heads: teams, block, ..plan });
                }
            }
        }
        Algorithm::Streaming => {
            for team in [64, 128] {
                for block in [0, 32, 64] {
                    plans.push(Plan { team, teams: 1, heads: 1, block, ..plan });
                }
            }
        }
    }
    plans
}

impl Plan {
    /// What is fixed when this plan's kernels are compiled.
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
