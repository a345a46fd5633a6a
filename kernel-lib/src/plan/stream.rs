//! Plans of the `mma` lowering for `streaming`: long sequences on tensor cores.

use super::mma::{elements, widest};
use super::{Algorithm, Lowering, Plan};
use crate::algorithms::{MAX_COLS, StreamConfig};
use crate::device::Device;
use crate::tile::elements::Precision;
use crate::tile::fragment::{COLS, ROWS};
use crate::{DType, Pass, PlanRefusal, Problem};

/// Registers of a lane that sums and scores of a row may take.
const ROW_REGISTERS: usize = 160;
/// Rows brought on chip together.
const BLOCKS: [usize; 3] = [32, 64, 128];
/// Planes of a cube.
const PLANES: [usize; 2] = [4, 8];

/// A plan that works well without measuring, if one runs at all.
pub(super) fn rule(problem: &Problem, device: &Device) -> Option<Plan> {
    let blocks: &[usize] = if has_wide_blocks(problem) { &[64, 32] } else { &[32] };
    blocks
        .iter()
        .map(|&block| plan(4, block, problem.dtype))
        .find(|plan| plan.check(problem, device).is_ok())
}

/// Whether blocks of 64 are the faster ones. Those of 32 take fewer registers and less shared memory,
/// so that more cubes run at once, `f32` twice as much of both; and short sequences would leave half
/// of a block of 64 empty.
fn has_wide_blocks(problem: &Problem) -> bool {
    let Problem { head_dim, value_dim, seq_q, seq_k, .. } = *problem;
    let longer = head_dim.max(value_dim);
    if seq_q.max(seq_k) <= BLOCKS[0] {
        return false;
    }
    match (problem.pass, problem.dtype) {
        (Pass::Forward, DType::F32) => longer <= 16,
        (Pass::Backward, DType::F32) => longer <= 24,
        (Pass::Forward, _) => longer < 48 || seq_k > 512,
        (Pass::Backward, _) => true,
    }
}

fn plan(planes: usize, block: usize, dtype: DType) -> Plan {
    Plan {
        algorithm: Algorithm::Streaming,
        lowering: Lowering::Mma,
        tile_rows: ROWS,
        tile_cols: COLS,
        team: 32,
        teams: planes,
        heads: 1,
        block,
        vector: widest(dtype),
    }
}

/// Whether a kernel can run the problem this way, given that the device has tensor cores.
pub(super) fn check(plan: &Plan, problem: &Problem) -> Result<(), PlanRefusal> {
    if plan.heads != 1 {
        let allowed = "1 in `streaming`, whose cubes own rows of one head";
        return Err(PlanRefusal::Parameter { parameter: "heads", given: plan.heads, allowed });
    }
    if plan.block == 0 || !plan.block.is_multiple_of(ROWS) || plan.block > MAX_COLS {
        let allowed = "a multiple of 16, 256 at most, in `streaming` with `mma`";
        return Err(PlanRefusal::Parameter { parameter: "block", given: plan.block, allowed });
    }
    let (keys, values) = (problem.head_dim.div_ceil(COLS), problem.value_dim.div_ceil(COLS));
    let (what, needed) = match problem.pass {
        Pass::Forward => ("output and scores of a row", 4 * values + 4 * plan.block / COLS),
        Pass::Backward => ("gradients of keys and values", 4 * (keys + values)),
    };
    if needed > ROW_REGISTERS {
        return Err(PlanRefusal::Registers { what, needed, available: ROW_REGISTERS });
    }
    Ok(())
}

/// Bytes of shared memory that a cube needs.
pub(super) fn shared_memory(plan: &Plan, problem: &Problem) -> usize {
    let config = plan.stream_config(problem, plan.vector, true, Precision::Exact);
    match problem.pass {
        Pass::Forward => config.forward_bytes(),
        Pass::Backward => config.backward_bytes(),
    }
}

/// Every plan worth trying. Some may be refused by [`check`](Plan::check).
pub(super) fn space(dtype: DType) -> Vec<Plan> {
    let blocks = |planes| BLOCKS.map(|block| plan(planes, block, dtype));
    PLANES.into_iter().flat_map(blocks).collect()
}

impl Plan {
    /// What is fixed when this plan's kernels are compiled, for vectors of `width`.
    pub(crate) fn stream_config(
        &self,
        problem: &Problem,
        width: usize,
        positive_scale: bool,
        precision: Precision,
    ) -> StreamConfig {
        StreamConfig {
            elements: elements(problem.dtype, precision),
            head_dim: problem.head_dim,
            value_dim: problem.value_dim,
            planes: self.teams,
            block: self.block,
            width,
            score: problem.class.changes_score(),
            mask: problem.class.masks(),
            bits: false,
            positive_scale,
        }
    }
}
