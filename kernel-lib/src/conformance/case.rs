//! One call of attention, forward and backward, as a test.

use core::fmt;

use serde::Serialize;

use crate::device::Device;
use crate::language::{AnyVariant, ExampleSizes};
use crate::{Algorithm, DType, Lowering, Plan, Problem};

/// The sizes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Size {
    /// Sequences.
    pub batch: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Queries in a sequence.
    pub queries: usize,
    /// Keys in a sequence.
    pub keys: usize,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
}

impl Size {
    /// What tables must fit.
    pub fn example_sizes(&self) -> ExampleSizes {
        let Size { batch, heads, queries, keys, head_dim, value_dim, .. } = *self;
        ExampleSizes { batch, heads, queries, keys, head_dim, value_dim }
    }
}

/// How the tensors lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `[batch, heads, seq, dim]`, without gaps.
    Bhsd,
    /// `[batch, seq, heads, dim]`, as a linear layer leaves it.
    Bshd,
    /// q, k and v are slices of the rows of one projection, with NaN between them.
    Packed,
    /// `[batch, heads, dim, seq]`: the last two axes transposed.
    Transposed,
    /// One sequence of keys and values for the whole batch, one gradient for all heads: stride 0.
    Broadcast,
    /// Each tensor another of the above.
    Mixed,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Layout; 6] = [
        Layout::Bhsd,
        Layout::Bshd,
        Layout::Packed,
        Layout::Transposed,
        Layout::Broadcast,
        Layout::Mixed,
    ];
}

/// How the plans of a case are chosen: by kind, so that a case means the same on every device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanPick {
    /// Whatever a caller gets who asks for nothing.
    Default,
    /// [`Plan::rule`].
    Rule,
    /// `resident`, keys read where they lie.
    Resident,
    /// `resident`, keys brought on chip.
    ResidentStaged,
    /// `streaming`, keys read where they lie.
    Streaming,
    /// `streaming`, keys brought on chip in blocks.
    StreamingStaged,
    /// Tile sizes that divide nothing.
    Odd,
    /// Tensor cores.
    TensorCores,
    /// This one.
    Given(Plan),
}

impl PlanPick {
    /// The kinds that a covering selection chooses from: those that every device has.
    pub const KINDS: [PlanPick; 6] = [
        PlanPick::Default,
        PlanPick::Resident,
        PlanPick::ResidentStaged,
        PlanPick::Streaming,
        PlanPick::StreamingStaged,
        PlanPick::Odd,
    ];

    /// The plan for a problem, `None` to let the library choose. Among several of a kind, `which`
    /// decides. Where a device brings nothing on chip, keys are read where they lie; where it has
    /// no plan of the kind, [`Plan::rule`] stands in.
    pub fn resolve(self, problem: &Problem, device: &Device, which: u64) -> Option<Plan> {
        let fitting = |is_kind: &dyn Fn(&Plan) -> bool| -> Vec<Plan> {
            Plan::space(problem, device)
                .into_iter()
                .filter(|plan| is_kind(plan) && plan.check(problem, device).is_ok())
                .collect()
        };
        let one_of =
            |plans: Vec<Plan>| (!plans.is_empty()).then(|| plans[which as usize % plans.len()]);
        let of_kind = |algorithm, staged| {
            let mut fitting = fitting(&|plan| {
                plan.lowering == Lowering::Simt
                    && plan.algorithm == algorithm
                    && (plan.block > 0) == staged
            });
            // Kernels with many rows take a CPU seconds to compile; one case in six has them.
            if device.is_cpu()
                && !which.is_multiple_of(6)
                && fitting.iter().any(|p| p.tile_rows <= 4)
            {
                fitting.retain(|plan| plan.tile_rows <= 4);
            }
            one_of(fitting)
        };
        let rule = Plan::rule(problem, device);
        let plan =
            match self {
                PlanPick::Default => return None,
                PlanPick::Rule => Some(rule),
                PlanPick::Resident => of_kind(Algorithm::Resident, false),
                PlanPick::ResidentStaged => of_kind(Algorithm::Resident, true)
                    .or_else(|| of_kind(Algorithm::Resident, false)),
                PlanPick::Streaming => of_kind(Algorithm::Streaming, false),
                PlanPick::StreamingStaged => of_kind(Algorithm::Streaming, true)
                    .or_else(|| of_kind(Algorithm::Streaming, false)),
                PlanPick::Odd => {
                    let (team, teams) = if device.is_cpu() { (1, 1) } else { (5, 3) };
                    let tile_rows = 1 << (which % 3);
                    let tile_cols = 3 + 2 * (which % 3) as usize;
                    let algorithm = Algorithm::Streaming;
                    let odd = Plan {
                        algorithm,
                        tile_rows,
                        tile_cols,
                        team,
                        teams,
                        heads: teams,
                        block: 0,
                        vector: 2,
                        ..Plan::general(problem, device)
                    };
                    odd.check(problem, device).is_ok().then_some(odd)
                }
                PlanPick::TensorCores => one_of(fitting(&|plan| plan.lowering == Lowering::Mma)),
                PlanPick::Given(plan) => Some(plan),
            };
        Some(plan.unwrap_or(rule))
    }
}

/// One call of attention and the one of its gradients.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is computed.
    pub variant: AnyVariant,
    /// On tensors of which sizes.
    pub size: Size,
    /// How they lie in memory.
    pub layout: Layout,
    /// What their elements are.
    pub dtype: DType,
    /// How it is run.
    pub plan: PlanPick,
    /// Whether the backward pass reads saved scores.
    pub save_scores: bool,
    /// The scale, if not the default one.
    pub scale: Option<f32>,
    /// Decides the inputs, and the plan among those of its kind.
    pub seed: u64,
}

impl Case {
    /// The variant's name without the values of its parameters. Parentheses that group stay.
    pub fn family(&self) -> String {
        let (mut depth, mut after_name) = (0, false);
        let mut name = self.variant.describe();
        name.retain(|c| {
            let opens_values = c == '(' && (depth > 0 || after_name);
            depth += i32::from(opens_values);
            let keep = depth == 0;
            depth -= i32::from(c == ')' && depth > 0);
            after_name = c.is_alphanumeric() || c == '_';
            keep
        });
        name
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { variant, size, layout, dtype, plan, save_scores, scale, seed } = self;
        let Size { batch, heads, kv_heads, queries, keys, head_dim, value_dim } = size;
        write!(f, "{} {dtype} B{batch} H{heads}/{kv_heads} ", variant.describe())?;
        write!(f, "S{queries}x{keys} D{head_dim}x{value_dim} ")?;
        match plan {
            PlanPick::Given(plan) => write!(f, "{layout:?} [{plan}]")?,
            kind => write!(f, "{layout:?} {kind:?}")?,
        }
        if *save_scores {
            write!(f, " saved")?;
        }
        if let Some(scale) = scale {
            write!(f, " scale={scale}")?;
        }
        write!(f, " seed={seed}")
    }
}
