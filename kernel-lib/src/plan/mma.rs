//! Plans of the `mma` lowering; those for short sequences, which `resident` runs, are here.

use super::{Algorithm, Lowering, Plan, stream};
use crate::algorithms::{PlaneConfig, TileMap};
use crate::device::Device;
use crate::language::{DeviceVariant as _, Normaliser, Variant};
use crate::tile::chip::Arrangement;
use crate::tile::elements::{Elements, Half, Precision};
use crate::tile::fragment::{COLS, ROWS};
use crate::{DType, Pass, PlanRefusal, Problem};

/// Registers of a lane that a row's scores may take in the forward pass.
const SCORE_REGISTERS: usize = 128;
/// Registers of a lane that an output and the queries it is made of may take.
const OUTPUT_REGISTERS: usize = 64;
/// Registers of a lane that `dK` and `dV` may take in the backward pass.
const D_KEY_REGISTERS: usize = 40;
/// Registers of a lane that a head's `dQ` may take in the backward pass.
const D_Q_REGISTERS: usize = 96;
/// Bytes of a row that the heads of a cube have side by side: two sectors' worth of a line.
const ROW_BYTES: usize = 128;
/// Bytes that memory hands out together.
const SECTOR_BYTES: usize = 32;
/// Heads of at most half as many bytes are four to a cube, one for each plane.
const SMALL_HEAD_BYTES: usize = ROW_BYTES / 2;
/// The longest sequences that `resident` has but for the exceptions in [`streams`].
const SHORT: usize = 128;
/// Up to this head dimension it is the faster one for longer sequences too, forward.
const NARROW: usize = 24;
/// Up to this one, backward.
const NARROW_BACKWARD: usize = 8;
/// From so many groups on, a device is full whatever the size of a cube.
const MANY_GROUPS: usize = 100_000;
/// Groups of a multiprocessor from which on its planes have a head each.
const CROWD: usize = 8;
/// Sixteens of queries that are worth sharing out among the planes of a cube of `streaming`.
const SHARED_ROWS: usize = 4;
/// Head dimensions, of queries and values alike, beyond which [`OUTPUT_REGISTERS`] are too few.
const LONG_ROWS: usize = OUTPUT_REGISTERS / 6 * COLS;
/// Tiles of queries by head dimension from which on `f32` is faster in blocks of keys.
const MANY_TILES: usize = 20;

/// A plan that works well without measuring, if tensor cores can run the problem.
pub(super) fn rule(problem: &Problem, device: &Device) -> Option<Plan> {
    if !device.tensor_cores || has_little_to_share(problem) {
        return None;
    }
    if streams(problem, device) {
        return stream::rule(problem, device);
    }
    let mut heads =
        shared_out(largest_divisor(problem.heads, most_heads(problem)), problem, device);
    loop {
        let plan = plan(heads, planes(problem, heads), problem.dtype);
        match plan.check(problem, device) {
            Ok(()) => return Some(plan),
            Err(PlanRefusal::SharedMemory { .. }) if heads > 1 => {
                heads = largest_divisor(problem.heads, heads - 1);
            }
            Err(_) => return stream::rule(problem, device),
        }
    }
}

/// Whether plain units are faster: of the planes of a cube that takes blocks of keys, all but one
/// would have no query, and rows are too long for one plane.
fn has_little_to_share(problem: &Problem) -> bool {
    let longest = problem.seq_q.max(problem.seq_k);
    let single = problem.dtype == DType::F32 && problem.pass == Pass::Forward;
    single && longest <= ROWS && longer_dim(problem) > LONG_ROWS
}

fn longer_dim(problem: &Problem) -> usize {
    problem.head_dim.max(problem.value_dim).max(1)
}

/// Whether blocks of keys are the faster way, of what both can run.
fn streams(problem: &Problem, device: &Device) -> bool {
    let Problem { pass, dtype, seq_q, seq_k, .. } = *problem;
    let longer = longer_dim(problem);
    let single = dtype == DType::F32;
    // What was measured; a mask, besides, asks for a list of blocks first.
    let plain = !problem.class.changes_score() && !problem.class.masks();
    let crowd = problem.groups() / device.multiprocessors.max(1);
    if problem.heads != problem.kv_heads {
        return true;
    }
    if seq_q.max(seq_k) > SHORT {
        let narrow = if pass == Pass::Forward { NARROW } else { NARROW_BACKWARD };
        return single || !plain || longer > narrow || crowd < CROWD;
    }
    // With few heads, four planes to each leave less of a multiprocessor idle than one does.
    let rows = seq_q.div_ceil(ROWS);
    let shares = single || pass == Pass::Forward;
    if plain && shares && crowd < 2 && rows >= SHARED_ROWS {
        return true;
    }
    let tiles = rows * longer.div_ceil(COLS);
    single && pass == Pass::Forward && rows > SHARED_ROWS && tiles > MANY_TILES
}

/// How many heads a cube has where there are enough for all multiprocessors: longer rows are read in
/// fewer, longer pieces, smaller cubes leave more of them to a multiprocessor, whose loads then
/// overlap with others' work.
fn most_heads(problem: &Problem) -> usize {
    let bytes = longer_dim(problem).div_ceil(COLS) * COLS * problem.dtype.bytes();
    let single = problem.dtype == DType::F32;
    let wide = problem.groups() >= MANY_GROUPS && (single || problem.pass == Pass::Forward);
    let most = (if wide { 2 * ROW_BYTES } else { ROW_BYTES } / bytes).max(1);
    let long = problem.seq_q.max(problem.seq_k) > SHORT;
    match problem.pass {
        Pass::Backward if long => (SECTOR_BYTES / bytes).max(1),
        Pass::Forward if long => (SMALL_HEAD_BYTES / bytes).max(1),
        _ if !single && bytes <= SMALL_HEAD_BYTES => most.max(4),
        _ => most,
    }
}

/// Fewer heads where cubes of so many would leave multiprocessors idle: at the end, or throughout.
fn shared_out(most: usize, problem: &Problem, device: &Device) -> usize {
    let (groups, multiprocessors) = (problem.groups(), device.multiprocessors.max(1));
    let smaller = |heads| largest_divisor(problem.heads, heads - 1);
    let mut heads = most;
    if groups < CROWD * multiprocessors {
        while heads > 1 && groups / heads < multiprocessors {
            heads = smaller(heads);
        }
        return heads;
    }
    // Heads of the multiprocessor that has the most.
    let longest = |heads: usize| (groups / heads).div_ceil(multiprocessors) * heads;
    while heads > 1 && longest(heads) > longest(1) + longest(1) / 20 {
        heads = smaller(heads);
    }
    heads
}

/// Planes for the heads of a cube: few where registers leave room for few or a head is soon done, but
/// a head to each where heads are long.
fn planes(problem: &Problem, heads: usize) -> usize {
    let cells = problem.seq_q.div_ceil(ROWS) * problem.head_dim.div_ceil(COLS);
    let few = match problem.pass {
        Pass::Backward if problem.dtype != DType::F32 => 4,
        _ => 3,
    };
    if cells < few { 2.min(heads) } else { 4.min(heads) }
}

fn plan(heads: usize, planes: usize, dtype: DType) -> Plan {
    Plan {
        algorithm: Algorithm::Resident,
        lowering: Lowering::Mma,
        tile_rows: ROWS,
        tile_cols: COLS,
        team: 32,
        teams: planes,
        heads,
        block: 0,
        vector: widest(dtype),
    }
}

fn largest_divisor(n: usize, most: usize) -> usize {
    (1..=most.min(n)).rev().find(|d| n.is_multiple_of(*d)).unwrap_or(1)
}

pub(super) fn elements(dtype: DType, precision: Precision) -> Elements {
    match dtype {
        DType::F32 => Elements::Single(precision),
        DType::F16 => Elements::Half(Half::F16),
        DType::Bf16 => Elements::Half(Half::Bf16),
    }
}

/// Elements of 16 bytes.
pub(super) fn widest(dtype: DType) -> usize {
    16 / dtype.bytes()
}

/// Whether this device can run this problem this way.
pub(super) fn check(plan: &Plan, problem: &Problem, device: &Device) -> Result<(), PlanRefusal> {
    if !device.tensor_cores {
        let (parameter, given) = ("tile_rows", plan.tile_rows);
        return Err(PlanRefusal::Device { parameter, given, needs: "a GPU with tensor cores" });
    }
    if problem.save_scores {
        let what = "saved scores";
        return Err(PlanRefusal::Problem { what, needs: "`simt`: `mma` recomputes them" });
    }
    for (parameter, given, needed, allowed) in [
        ("tile_rows", plan.tile_rows, ROWS, "16 in `mma`"),
        ("tile_cols", plan.tile_cols, COLS, "8 in `mma`"),
        ("team", plan.team, device.plane, "a plane in `mma`"),
    ] {
        if given != needed {
            return Err(PlanRefusal::Parameter { parameter, given, allowed });
        }
    }
    if plan.vector > widest(problem.dtype) {
        let allowed = "at most 16 bytes in `mma`";
        return Err(PlanRefusal::Parameter { parameter: "vector", given: plan.vector, allowed });
    }
    match plan.algorithm {
        Algorithm::Streaming => stream::check(plan, problem),
        Algorithm::Resident => check_resident(plan, problem),
    }
}

fn check_resident(plan: &Plan, problem: &Problem) -> Result<(), PlanRefusal> {
    if problem.heads != problem.kv_heads {
        let (what, needs) = ("grouped-query heads", "`streaming`: here each head has a plane");
        return Err(PlanRefusal::Problem { what, needs });
    }
    if plan.block != 0 {
        let allowed = "0 in `resident`, which brings all rows";
        return Err(PlanRefusal::Parameter { parameter: "block", given: plan.block, allowed });
    }
    if !problem.heads.is_multiple_of(plan.heads) {
        let allowed = "a divisor of the number of heads in `mma`";
        return Err(PlanRefusal::Parameter { parameter: "heads", given: plan.heads, allowed });
    }
    if plan.teams > plan.heads {
        let allowed = "at most one plane for each head of a cube in `mma`";
        return Err(PlanRefusal::Parameter { parameter: "teams", given: plan.teams, allowed });
    }
    let (key_units, value_units) =
        (problem.head_dim.div_ceil(COLS), problem.value_dim.div_ceil(COLS));
    let registers = match problem.pass {
        Pass::Forward => [
            ("scores of a row", 4 * problem.seq_k.div_ceil(COLS), SCORE_REGISTERS),
            ("output of a row", 4 * value_units + 2 * key_units, OUTPUT_REGISTERS),
        ],
        Pass::Backward => [
            (
                "gradients of a head's queries",
                4 * problem.seq_q.div_ceil(ROWS) * key_units,
                D_Q_REGISTERS,
            ),
            ("gradients of keys and values", 4 * (key_units + value_units), D_KEY_REGISTERS),
        ],
    };
    for (what, needed, available) in registers {
        if needed > available {
            return Err(PlanRefusal::Registers { what, needed, available });
        }
    }
    Ok(())
}

/// Bytes of shared memory that a cube needs.
pub(super) fn shared_memory(plan: &Plan, problem: &Problem) -> usize {
    if plan.algorithm == Algorithm::Streaming {
        return stream::shared_memory(plan, problem);
    }
    // Padding differs a little between arrangements; a plan serves all of them.
    let bytes = |arrangement| {
        let config = config(
            plan,
            problem,
            plan.vector,
            arrangement,
            true,
            Precision::Exact,
            TileMap::UNKNOWN,
        );
        match problem.pass {
            Pass::Forward => config.forward_bytes(),
            Pass::Backward => config.backward_bytes(),
        }
    };
    bytes(Arrangement::SideBySide).max(bytes(Arrangement::OneByOne))
}

/// Cubes keep their size as far as the number of heads allows.
pub(super) fn adapted(plan: Plan, to: &Problem, device: &Device) -> Plan {
    if plan.algorithm == Algorithm::Streaming {
        return plan;
    }
    let mut plan = plan;
    loop {
        plan.heads = largest_divisor(to.heads, plan.heads);
        plan.teams = plan.teams.min(plan.heads);
        match plan.check(to, device) {
            Err(PlanRefusal::SharedMemory { .. }) if plan.heads > 1 => plan.heads -= 1,
            _ => return plan,
        }
    }
}

/// Every plan worth trying. Some may be refused by [`check`](Plan::check).
pub(super) fn space(problem: &Problem, device: &Device) -> Vec<Plan> {
    if !device.tensor_cores {
        return Vec::new();
    }
    let mut plans = stream::space(problem.dtype);
    for heads in (1..=problem.heads.min(32)).filter(|n| problem.heads.is_multiple_of(*n)) {
        let planes = [1, 2, 4, 8].into_iter().filter(|&planes| planes <= heads);
        plans.extend(planes.map(|planes| plan(heads, planes, problem.dtype)));
    }
    plans
}

/// What is fixed when a plan's kernels are compiled.
fn config(
    plan: &Plan,
    problem: &Problem,
    width: usize,
    arrangement: Arrangement,
    positive_scale: bool,
    precision: Precision,
    tiles: TileMap,
) -> PlaneConfig {
    PlaneConfig {
        elements: elements(problem.dtype, precision),
        head_dim: problem.head_dim,
        value_dim: problem.value_dim,
        queries: problem.seq_q,
        keys: problem.seq_k,
        heads: plan.heads,
        planes: plan.teams,
        width,
        arrangement,
        score: problem.class.changes_score(),
        mask: problem.class.masks(),
        positive_scale,
        tiles,
        normaliser: Normaliser::Softmax,
        weighs: false,
    }
}

impl Plan {
    /// What is fixed when this plan's kernels are compiled, for tensors that lie like this.
    pub(crate) fn plane_config<V: Variant>(
        &self,
        variant: &V,
        problem: &Problem,
        width: usize,
        arrangement: Arrangement,
        positive_scale: bool,
        precision: Precision,
    ) -> PlaneConfig {
        let tiles = TileMap::of_mask(variant, problem);
        PlaneConfig {
            normaliser: V::Device::NORMALISER,
            weighs: V::Device::WEIGHS,
            ..config(self, problem, width, arrangement, positive_scale, precision, tiles)
        }
    }
}
