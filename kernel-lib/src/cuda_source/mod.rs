//! The CUDA C++ of a call's kernels, generated without a GPU.
//!
//! A call is launched and described by the same text (`algorithms/launch.rs`), so what comes out
//! here is what CubeCL hands to NVRTC on a device of that architecture, but for the order of shared
//! buffers, which CubeCL leaves open. `bench-suite check-kernels` compiles it and reads registers and
//! spills.
//!
//! ```
//! use tilewright::cuda_source::{MemoryOrder, Sm, cuda_sources};
//! use tilewright::variants::causal;
//! use tilewright::{DType, Pass, Plan, Problem};
//!
//! let problem = Problem {
//!     class: tilewright::VariantClass::Mask,
//!     ..Problem::self_attention(Pass::Forward, DType::Bf16, [896, 16, 42, 8])
//! };
//! let sm = Sm::Sm90;
//! let plan = Plan::rule(&problem, &sm.device());
//! let kernels = cuda_sources(&problem, &plan, &causal().into(), MemoryOrder::Bshd, sm)?;
//! assert!(kernels[0].source.contains("__global__"));
//! # Ok::<(), tilewright::cuda_source::CudaSourceError>(())
//! ```

mod canonical;
mod recorder;
mod sm;

pub(crate) use recorder::Recorder;
pub use sm::{Sm, UnknownSm};

use crate::algorithms::launch::{Call, Gradients, Target};
use crate::language::{AnyRowStage, AnyVariant};
use crate::tile::elements::Precision;
use crate::{DType, Pass, Plan, PlanRefusal, Problem, Strided, VariantClass};

/// One kernel as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaSource {
    /// The kernel's function in this library.
    pub kernel: &'static str,
    /// The name of its `__global__` function.
    pub entry: String,
    /// CUDA C++.
    pub source: String,
    /// Units of a cube.
    pub units: u32,
    /// Bytes of dynamic shared memory that a launch reserves for a cube.
    pub shared_bytes: usize,
}

impl CudaSource {
    /// What two texts of this kernel have in common: CubeCL numbers shared buffers, and lays them
    /// out, in an order that changes from one generation to the next. Not a program.
    pub fn canonical(&self) -> String {
        canonical::canonical(&self.source)
    }
}

/// How the tensors of a call lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryOrder {
    /// `[batch, heads, seq, dim]`.
    Bhsd,
    /// `[batch, seq, heads, dim]`, as a linear layer leaves it.
    #[default]
    Bshd,
    /// `[batch, heads, dim, seq]`: rows are read one element at a time.
    Bhds,
}

/// Why a call has no source.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CudaSourceError {
    /// The plan cannot run the problem on this architecture.
    #[error("plan `{plan}` cannot run {problem} on {sm}: {reason}")]
    Plan {
        /// The plan.
        plan: Box<Plan>,
        /// The problem.
        problem: Box<Problem>,
        /// The architecture.
        sm: Sm,
        /// What it lacks.
        reason: PlanRefusal,
    },
    /// The problem is of another class than the variant.
    #[error("{problem} is posed for a variant of class {}, but {variant} is {given}", problem.class)]
    Class {
        /// The problem.
        problem: Box<Problem>,
        /// The variant.
        variant: String,
        /// Its class.
        given: VariantClass,
    },
    /// The kernel does not become CUDA C++, or more than the architecture runs. An error in the
    /// kernel, or in `Plan::check`, which should have refused the plan.
    #[error("kernel {kernel} of plan `{plan}` for {problem} on {sm}: {reason}")]
    Kernel {
        /// The kernel's function in this library.
        kernel: &'static str,
        /// The plan.
        plan: Box<Plan>,
        /// The problem.
        problem: Box<Problem>,
        /// The architecture.
        sm: Sm,
        /// What CubeCL says.
        reason: String,
    },
}

/// The kernels that a call queues, in the order in which it does.
///
/// # Errors
///
/// A plan that cannot run the problem there, a variant that the problem was not posed for, or a
/// kernel that does not become source.
pub fn cuda_sources(
    problem: &Problem,
    plan: &Plan,
    variant: &AnyVariant,
    order: MemoryOrder,
    sm: Sm,
) -> Result<Vec<CudaSource>, CudaSourceError> {
    let recorder = Recorder::new(sm);
    record(&recorder, problem, plan, variant, order, sm, false)?;
    let failed = |(kernel, reason)| {
        let (plan, problem) = (Box::new(*plan), Box::new(*problem));
        CudaSourceError::Kernel { kernel, plan, problem, sm, reason }
    };
    recorder.finish().into_iter().map(|kernel| kernel.map_err(failed)).collect()
}

/// What tells the kernels of a call apart: two calls that agree in it share their compiled kernels.
/// Nothing is generated. `dynamic_lengths` is [the call's](crate::AttentionOptions::dynamic_lengths).
///
/// # Errors
///
/// As [`cuda_sources`].
pub fn kernel_ids(
    problem: &Problem,
    plan: &Plan,
    variant: &AnyVariant,
    order: MemoryOrder,
    sm: Sm,
    dynamic_lengths: bool,
) -> Result<Vec<String>, CudaSourceError> {
    let recorder = Recorder::of_ids(sm);
    record(&recorder, problem, plan, variant, order, sm, dynamic_lengths)?;
    Ok(recorder.finish_ids())
}

/// Sends a call's kernels to the recorder.
fn record(
    recorder: &Recorder,
    problem: &Problem,
    plan: &Plan,
    variant: &AnyVariant,
    order: MemoryOrder,
    sm: Sm,
    dynamic_lengths: bool,
) -> Result<(), CudaSourceError> {
    let device = sm.device();
    let boxed = Box::new(*problem);
    let given = VariantClass::from(variant.stages());
    if given != problem.class {
        let variant = variant.describe();
        return Err(CudaSourceError::Class { problem: boxed, variant, given });
    }
    if let Err(reason) = plan.check(problem, &device) {
        return Err(CudaSourceError::Plan { plan: Box::new(*plan), problem: boxed, sm, reason });
    }

    let Problem { batch, heads, kv_heads, seq_q, seq_k, head_dim, value_dim, dtype, .. } = *problem;
    let tensor = |heads, seq, dim| order.tensor([batch, heads, seq, dim], dtype);
    let q = tensor(heads, seq_q, head_dim);
    let k = tensor(kv_heads, seq_k, head_dim);
    let v = tensor(kv_heads, seq_k, value_dim);
    let out = tensor(heads, seq_q, value_dim);
    let lse = Recorder::tensor([batch, heads, seq_q, 1], DType::F32);
    let scores = Recorder::tensor([batch, heads, seq_q, seq_k], DType::F32);

    let call = Call {
        target: Target::Source(recorder),
        device,
        problem: *problem,
        plan: *plan,
        scale: 1.0 / (head_dim as f32).sqrt(),
        precision: Precision::Exact,
        dynamic_lengths,
        q: &q,
        k: &k,
        v: &v,
        out: &out,
        raw: (variant.row_stages().iter().any(AnyRowStage::is_of_output)).then_some(&out),
        lse: &lse,
        scores: problem.save_scores.then_some(&scores),
    };
    match problem.pass {
        Pass::Forward => variant.launch_forward(&call),
        Pass::Backward => {
            // Gradients lie as their tensors do.
            let learned: Vec<Strided> = variant
                .learned()
                .iter()
                .map(|param| Recorder::tensor([1, 1, 1, param.len()], DType::F32))
                .collect();
            let gradients = Gradients { d_out: &out, d_q: &q, d_k: &k, d_v: &v, learned: &learned };
            variant.launch_backward(&call, &gradients);
        }
    }
    Ok(())
}

impl MemoryOrder {
    /// A tensor of this shape, `[batch, heads, seq, dim]`, over memory that does not exist.
    fn tensor(self, shape: [usize; 4], dtype: DType) -> Strided {
        // The dimensions from the outermost in memory to the innermost.
        let order = match self {
            MemoryOrder::Bhsd => [0, 1, 2, 3],
            MemoryOrder::Bshd => [0, 2, 1, 3],
            MemoryOrder::Bhds => [0, 1, 3, 2],
        };
        let mut tensor = Recorder::tensor(shape, dtype);
        let mut step = 1;
        for dimension in order.into_iter().rev() {
            tensor.strides[dimension] = step;
            step *= shape[dimension].max(1);
        }
        tensor
    }
}
