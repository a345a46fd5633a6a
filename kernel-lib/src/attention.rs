//! The host API: attention on strided device tensors.

use cubecl::client::Client;
use cubecl::server::Handle;

use crate::algorithms::launch;
use crate::device::Device;
use crate::explain;
use crate::language::{AnyRowStage, AnyVariant, ExampleSizes, LearnedParam, check_tables};
use crate::table::{self, Answer, Source};
use crate::tile::elements::Precision;
use crate::{AttentionError, DType, Pass, Plan, Problem, Strided};

/// The largest length of a query, key or value.
pub const MAX_HEAD_DIM: usize = 256;

/// What may be chosen for a call besides its tensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionOptions {
    /// What products of queries and keys are multiplied with; `1 / sqrt(head_dim)` by default.
    pub scale: Option<f32>,
    /// The forward pass stores the scores (`f32`, one for each query and key) and the backward
    /// pass reads them instead of computing them again. Give both passes the same value.
    pub save_scores: bool,
    /// Tensor cores round factors that are `f32` to tf32, 11 bits of their 24, which takes a third
    /// of the products; nothing else changes, and no other element type. Give both passes the same
    /// value.
    pub tf32: bool,
    /// This plan instead of the tuning table's.
    pub plan: Option<Plan>,
    /// Sequence lengths and batch will change: kernels take them as arguments, so that new ones
    /// compile nothing. Short sequences of one length are faster without.
    pub dynamic_lengths: bool,
}

impl AttentionOptions {
    fn precision(&self) -> Precision {
        if self.tf32 { Precision::Tf32 } else { Precision::Exact }
    }
}

/// What the forward pass returns and the backward pass needs.
#[derive(Clone, Debug)]
pub struct AttentionOutput {
    /// `[batch, heads, queries, value_dim]`, laid out in memory as `q` is.
    pub out: Strided,
    /// The output before the variant's `#[output_mod]`s, where it has some.
    pub raw: Option<Strided>,
    /// The log-sum-exp of each row of modified scores: `f32`, contiguous
    /// `[batch, heads, queries, 1]`, minus infinity where every key is masked. Of 16-bit tensors, it
    /// may be the logarithm of a sum of weights that were rounded to the element type.
    pub lse: Strided,
    /// The raw scaled scores, if saved: `f32`, contiguous `[batch, heads, queries, keys]`.
    pub scores: Option<Strided>,
}

/// Gradients of q, k and v, each laid out in memory as its tensor is, and of what is learned.
#[derive(Clone, Debug)]
pub struct AttentionGradients {
    /// Gradient of the queries.
    pub q: Strided,
    /// Gradient of the keys, summed over the query heads that share them.
    pub k: Strided,
    /// Gradient of the values, summed likewise.
    pub v: Strided,
    /// Gradients of the learned parameters, as [`Variant::learned`](crate::language::Variant::learned)
    /// lists them.
    pub learned: Vec<LearnedGradient>,
}

/// The gradient of a learned parameter.
#[derive(Clone, Debug)]
pub struct LearnedGradient {
    /// The parameter.
    pub param: LearnedParam,
    /// `f32`, contiguous, of the parameter's shape.
    pub values: Handle,
}

/// `softmax(score_mod(Q Kᵀ · scale)) V` over the keys that the mask keeps, between the variant's
/// stages of queries and keys and those of the output.
///
/// `q` is `[batch, heads, queries, head_dim]`, `k` `[batch, kv_heads, keys, head_dim]` and `v`
/// `[batch, kv_heads, keys, value_dim]`, with any strides; `heads` is a multiple of `kv_heads`.
/// A row whose keys are all masked gives 0. NaN stays in its head; so does an infinity, which gives
/// what the formula gives, or NaN where tensor cores compute in `f32`. The call queues work and returns; a failure of the
/// device shows when a result is read.
///
/// # Errors
///
/// Shapes, element types or sizes that do not fit, each with the argument's name and both values; and
/// a parameter of the variant that is NaN, infinite or outside its range.
pub fn attention(
    client: &Client,
    q: &Strided,
    k: &Strided,
    v: &Strided,
    variant: impl Into<AnyVariant>,
    options: &AttentionOptions,
) -> Result<AttentionOutput, AttentionError> {
    let variant = variant.into();
    let problem = problem(Pass::Forward, q, k, v, &variant, options)?;
    let out_shape = [problem.batch, problem.heads, problem.seq_q, problem.value_dim];
    let rows = [problem.batch, problem.heads, problem.seq_q, 1];
    let cells = [problem.batch, problem.heads, problem.seq_q, problem.seq_k];
    let changes_output = variant.row_stages().iter().any(AnyRowStage::is_of_output);
    let output = AttentionOutput {
        out: Strided::empty_like(client, q, out_shape),
        raw: changes_output.then(|| Strided::empty_like(client, q, out_shape)),
        lse: Strided::empty(client, rows, DType::F32),
        scores: options.save_scores.then(|| Strided::empty(client, cells, DType::F32)),
    };
    if output.out.is_empty() {
        return Ok(output);
    }
    check_tables(client, &variant, &ExampleSizes::from(&problem), problem.kv_heads)?;
    explain::if_asked(client, &variant, &problem, options);
    let device = Device::of(client);
    let call = launch::Call {
        target: launch::Target::Device(client),
        device,
        problem,
        plan: choose(&problem, &device, client, options)?,
        scale: scale(&problem, options)?,
        precision: options.precision(),
        dynamic_lengths: options.dynamic_lengths,
        q,
        k,
        v,
        out: &output.out,
        raw: output.raw.as_ref(),
        lse: &output.lse,
        scores: output.scores.as_ref(),
    };
    variant.launch_forward(&call);
    Ok(output)
}

/// Gradients of q, k and v and of the variant's learned parameters, given the forward pass's output
/// and the gradient of `out`.
///
/// The same inputs always give the same bits: every gradient is summed by one owner, in one order.
///
/// # Errors
///
/// As [`attention`]; also when the options ask for saved scores and `output` has none.
#[allow(clippy::too_many_arguments)]
pub fn attention_backward(
    client: &Client,
    q: &Strided,
    k: &Strided,
    v: &Strided,
    output: &AttentionOutput,
    d_out: &Strided,
    variant: impl Into<AnyVariant>,
    options: &AttentionOptions,
) -> Result<AttentionGradients, AttentionError> {
    let variant = variant.into();
    let problem = problem(Pass::Backward, q, k, v, &variant, options)?;
    let out_shape = [problem.batch, problem.heads, problem.seq_q, problem.value_dim];
    same_shape("out", &output.out, out_shape)?;
    same_shape("d_out", d_out, out_shape)?;
    same_dtype("out", &output.out, q.dtype)?;
    same_dtype("d_out", d_out, q.dtype)?;
    output.out.check("out")?;
    d_out.check("d_out")?;
    if options.save_scores && output.scores.is_none() {
        return Err(AttentionError::NoSavedScores);
    }
    if let Some(raw) = &output.raw {
        same_shape("raw", raw, out_shape)?;
        same_dtype("raw", raw, q.dtype)?;
        raw.check("raw")?;
    }
    let mut gradients = AttentionGradients {
        q: Strided::empty_like(client, q, q.shape),
        k: Strided::empty_like(client, k, k.shape),
        v: Strided::empty_like(client, v, v.shape),
        learned: Vec::new(),
    };
    let params = variant.learned();
    let mut learned: Vec<Strided> = params
        .iter()
        .map(|param| Strided::empty(client, [1, 1, 1, param.len()], DType::F32))
        .collect();
    if q.is_empty() {
        // Without a query, keys and values had no part in anything.
        for tensor in [&mut gradients.k, &mut gradients.v].into_iter().chain(&mut learned) {
            let zeros = vec![0; tensor.handle.size_in_used() as usize];
            tensor.handle = client.create_from_slice(&zeros);
        }
        gradients.learned = of_params(params, learned);
        return Ok(gradients);
    }
    check_tables(client, &variant, &ExampleSizes::from(&problem), problem.kv_heads)?;
    explain::if_asked(client, &variant, &problem, options);
    let changes_output = variant.row_stages().iter().any(AnyRowStage::is_of_output);
    // Not kept: it is computed again.
    let again = (changes_output && output.raw.is_none())
        .then(|| {
            let options = AttentionOptions { plan: None, ..options.clone() };
            attention(client, q, k, v, &variant, &options)
        })
        .transpose()?;
    let device = Device::of(client);
    let call = launch::Call {
        target: launch::Target::Device(client),
        device,
        problem,
        plan: choose(&problem, &device, client, options)?,
        scale: scale(&problem, options)?,
        precision: options.precision(),
        dynamic_lengths: options.dynamic_lengths,
        q,
        k,
        v,
        out: &output.out,
        raw: again.as_ref().unwrap_or(output).raw.as_ref(),
        lse: &output.lse,
        scores: output.scores.as_ref().filter(|_| options.save_scores),
    };
    let outputs = launch::Gradients {
        d_out,
        d_q: &gradients.q,
        d_k: &gradients.k,
        d_v: &gradients.v,
        learned: &learned,
    };
    variant.launch_backward(&call, &outputs);
    gradients.learned = of_params(params, learned);
    Ok(gradients)
}

fn of_params(params: Vec<LearnedParam>, values: Vec<Strided>) -> Vec<LearnedGradient> {
    let gradients = params.into_iter().zip(values);
    gradients.map(|(param, values)| LearnedGradient { param, values: values.handle }).collect()
}

/// The problem that a call poses, once its arguments are found to fit.
///
/// # Errors
///
/// As [`attention`].
pub fn problem(
    pass: Pass,
    q: &Strided,
    k: &Strided,
    v: &Strided,
    variant: &AnyVariant,
    options: &AttentionOptions,
) -> Result<Problem, AttentionError> {
    let [batch, heads, seq_q, head_dim] = q.shape;
    let [_, kv_heads, seq_k, _] = k.shape;
    let value_dim = v.shape[3];
    same_shape("k", k, [batch, kv_heads, seq_k, head_dim])?;
    same_shape("v", v, [batch, kv_heads, seq_k, value_dim])?;
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        return Err(AttentionError::Heads { query_heads: heads, key_heads: kv_heads });
    }
    variant.check_heads(heads)?;
    variant.check_params()?;
    for (name, dimension, given) in [("q", "head_dim", head_dim), ("v", "value_dim", value_dim)] {
        if given == 0 || given > MAX_HEAD_DIM {
            let allowed = "the kernels do 1 to 256";
            return Err(AttentionError::Size { name, dimension, given, allowed });
        }
    }
    if seq_k == 0 {
        let allowed = "a softmax needs at least one key";
        return Err(AttentionError::Size { name: "k", dimension: "seq", given: 0, allowed });
    }
    for (name, tensor) in [("k", k), ("v", v)] {
        same_dtype(name, tensor, q.dtype)?;
    }
    for (name, tensor) in [("q", q), ("k", k), ("v", v)] {
        tensor.check(name)?;
    }
    Ok(Problem {
        pass,
        dtype: q.dtype,
        head_dim,
        value_dim,
        seq_q,
        seq_k,
        batch,
        heads,
        kv_heads,
        class: variant.stages().into(),
        save_scores: options.save_scores,
    })
}

fn choose(
    problem: &Problem,
    device: &Device,
    client: &Client,
    options: &AttentionOptions,
) -> Result<Plan, AttentionError> {
    let plan = match options.plan {
        Some(plan) => plan,
        None => tuned(problem, device, client, options.dynamic_lengths).plan,
    };
    let check = || {
        if options.dynamic_lengths {
            plan.check_any_length()?;
        }
        plan.check(problem, device)
    };
    check().map_err(|reason| AttentionError::Plan { plan: plan.to_string(), reason })?;
    Ok(plan)
}

/// The tuning table's plan: for this very problem, or one for all that differ from it in lengths and
/// batch.
pub(crate) fn tuned(
    problem: &Problem,
    device: &Device,
    client: &Client,
    dynamic_lengths: bool,
) -> Answer {
    if !dynamic_lengths {
        return table::lookup(problem, device, client);
    }
    let answer = table::lookup(&problem.of_any_length(), device, client);
    if answer.plan.check_any_length().is_ok() {
        return answer;
    }
    Answer { plan: Plan::for_any_length(problem, device), source: Source::Rule }
}

fn scale(problem: &Problem, options: &AttentionOptions) -> Result<f32, AttentionError> {
    let scale = options.scale.unwrap_or_else(|| 1.0 / (problem.head_dim as f32).sqrt());
    if !scale.is_finite() {
        return Err(AttentionError::Scale { given: scale });
    }
    Ok(scale)
}

fn same_shape(
    name: &'static str,
    tensor: &Strided,
    expected: [usize; 4],
) -> Result<(), AttentionError> {
    const DIMENSIONS: [&str; 4] = ["batch", "heads", "seq", "dim"];
    for (d, dimension) in DIMENSIONS.into_iter().enumerate() {
        let (given, expected) = (tensor.shape[d], expected[d]);
        if given != expected {
            // Keys answer to queries, values to keys, outputs and their gradients to all three.
            let other = match (name, dimension) {
                ("v", "heads" | "seq") => "k",
                ("v", _) | ("k", _) => "q",
                (_, "dim") => "v",
                _ => "q",
            };
            return Err(AttentionError::Shape { name, dimension, given, other, expected });
        }
    }
    Ok(())
}

fn same_dtype(name: &'static str, tensor: &Strided, expected: DType) -> Result<(), AttentionError> {
    if tensor.dtype != expected {
        return Err(AttentionError::DType { name, given: tensor.dtype, expected });
    }
    Ok(())
}
