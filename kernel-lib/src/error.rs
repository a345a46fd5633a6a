use crate::DType;

/// Why an attention call was refused.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttentionError {
    /// Two tensors disagree about a size.
    #[error(
        "{name}: {dimension} is {given}, but {other} has {expected}; shapes are [batch, heads, seq, dim]"
    )]
    Shape {
        name: &'static str,
        dimension: &'static str,
        given: usize,
        other: &'static str,
        expected: usize,
    },
    /// Query heads are no multiple of key heads.
    #[error(
        "q has {query_heads} heads and k has {key_heads}: with grouped-query heads the first must be a multiple of the second"
    )]
    Heads { query_heads: usize, key_heads: usize },
    /// A dimension lies outside what the kernels do.
    #[error("{name}: {dimension} is {given}; {allowed}")]
    Size { name: &'static str, dimension: &'static str, given: usize, allowed: &'static str },
    /// Two tensors have different element types.
    #[error(
        "{name} is {given}, but q is {expected}: all tensors of one call share an element type"
    )]
    DType { name: &'static str, given: DType, expected: DType },
    /// The memory of a tensor is smaller than its shape and strides reach.
    #[error("{name}: shape and strides reach over {needed} bytes, but its memory has {given}")]
    Memory { name: &'static str, needed: usize, given: usize },
    /// The scale is not a finite number.
    #[error("scale is {given}; it must be finite")]
    Scale { given: f32 },
    /// Saved scores were asked for, but the forward pass did not save them.
    #[error(
        "the backward plan reads saved scores, but the forward pass did not save them: set `save_scores` in the forward options"
    )]
    NoSavedScores,
    /// A plan cannot run this problem on this device.
    #[error("plan `{plan}` cannot run here: {reason}")]
    Plan { plan: String, reason: PlanRefusal },
    /// A table has another number of dimensions than the variant's function reads.
    #[error("{variant}: {name} has {} dimensions, {given:?}, but is read with {expected}", given.len())]
    TableRank { variant: &'static str, name: &'static str, given: Vec<usize>, expected: usize },
    /// A learned number is a table of more than one element.
    #[error("{variant}: {name} is one number, but a table {given:?} was given for it")]
    LearnedNumber { variant: &'static str, name: &'static str, given: Vec<usize> },
    /// The function reads an element that the table does not have.
    #[error(
        "{variant}: {name} is {given:?}, but at {at} element {index} of dimension {dimension} is read; \
         {advice}"
    )]
    TableIndex {
        variant: &'static str,
        name: &'static str,
        given: Vec<usize>,
        at: String,
        dimension: usize,
        index: i64,
        advice: String,
    },
    /// A table lies in another device's memory.
    #[error("{variant}: {name} is a table on another device than q: move it there")]
    TableDevice { variant: &'static str, name: &'static str },
    /// Where one table is read depends on the values of another, and these were not to be had.
    #[error(transparent)]
    TableValues(crate::language::TableError),
    /// A parameter of the variant has a value that it may not have.
    #[error(transparent)]
    Parameter(#[from] crate::language::ParamError),
    /// A per-head choice does not fit the heads of the call.
    #[error(transparent)]
    PerHead(#[from] crate::language::HeadsError),
    /// The device reported a failure.
    #[error("{doing} failed on the device: {source}")]
    Device { doing: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

/// Why a plan does not fit a problem or a device. Refusals are data: `autotune` counts them.
// Each variant's message names its fields.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PlanRefusal {
    /// Too much shared memory.
    #[error("it needs {needed} bytes of shared memory and the device has {available}")]
    SharedMemory { needed: usize, available: usize },
    /// Too many units in a cube.
    #[error("it needs {needed} units in a cube and the device allows {available}")]
    Units { needed: usize, available: usize },
    /// The `resident` algorithm keeps all scores of a row on chip.
    #[error("`resident` keeps all {seq_k} scores of a row on chip; at most {most} fit")]
    TooManyKeys { seq_k: usize, most: usize },
    /// A parameter is zero, or no power of two where one is needed.
    #[error("{parameter} = {given} is not allowed: {allowed}")]
    Parameter { parameter: &'static str, given: usize, allowed: &'static str },
    /// A lane would need more registers than it should have.
    #[error("{what} would take {needed} registers of a lane; at most {available} are allowed")]
    Registers { what: &'static str, needed: usize, available: usize },
    /// The plan's lowering cannot run the problem at all.
    #[error("{what} needs {needs}")]
    Problem { what: &'static str, needs: &'static str },
    /// The plan is written for the other kind of device.
    #[error("{parameter} = {given} needs {needs}")]
    Device { parameter: &'static str, given: usize, needs: &'static str },
}
