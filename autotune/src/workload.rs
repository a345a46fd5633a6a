//! Tensors of one problem's sizes, and the call to measure.

use cubecl::client::Client;
use half::{bf16, f16};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tilewright::language::AnyVariant;
use tilewright::{
    AttentionError, AttentionGradients, AttentionOptions, AttentionOutput, DType, Pass, Plan,
    Problem, Strided, attention, attention_backward,
};

/// How the tensors of a workload lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryOrder {
    /// `[batch, heads, seq, dim]`.
    #[default]
    Bhsd,
    /// `[batch, seq, heads, dim]`, as a linear layer leaves it.
    Bshd,
}

impl MemoryOrder {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            MemoryOrder::Bhsd => "bhsd",
            MemoryOrder::Bshd => "bshd",
        }
    }

    fn strides(self, [_, h, s, d]: [usize; 4]) -> [usize; 4] {
        match self {
            MemoryOrder::Bhsd => [h * s * d, s * d, d, 1],
            MemoryOrder::Bshd => [s * h * d, d, h * d, 1],
        }
    }
}

/// Together, the sets of a workload outgrow every second-level cache.
const ROTATED_BYTES: usize = 192 << 20;
/// The most sets of tensors.
const MOST_SETS: usize = 64;
/// Normally distributed elements that are made; longer tensors repeat them.
const DISTINCT: usize = (1 << 18) + 7;

/// The tensors of one call.
struct Set {
    q: Strided,
    k: Strided,
    v: Strided,
    /// What the backward pass needs.
    forward: Option<(AttentionOutput, Strided)>,
}

/// What a call returned; its memory is free again when this is dropped.
pub enum Kept {
    /// Of a forward pass.
    Output(AttentionOutput),
    /// Of a backward pass.
    Gradients(AttentionGradients),
}

/// A problem with tensors to run it on.
pub struct Workload {
    client: Client,
    problem: Problem,
    variant: AnyVariant,
    sets: Vec<Set>,
}

impl Workload {
    /// Makes tensors for a problem; several sets where one would stay in the cache.
    ///
    /// # Errors
    ///
    /// The problem is refused.
    pub fn new(
        client: &Client,
        problem: Problem,
        variant: &AnyVariant,
        order: MemoryOrder,
        seed: u64,
    ) -> Result<Self, AttentionError> {
        let gpu = !tilewright::Device::of(client).is_cpu();
        let count = match gpu {
            true => ROTATED_BYTES.div_ceil(problem.floor_bytes().max(1)).clamp(1, MOST_SETS),
            false => 1,
        };
        let p = problem;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut make = |shape| tensor(client, shape, p.dtype, order, &mut random);
        let options = options(&p, None);
        let mut sets = Vec::new();
        for _ in 0..count {
            let q = make([p.batch, p.heads, p.seq_q, p.head_dim]);
            let k = make([p.batch, p.kv_heads, p.seq_k, p.head_dim]);
            let v = make([p.batch, p.kv_heads, p.seq_k, p.value_dim]);
            let forward = match p.pass {
                Pass::Forward => None,
                Pass::Backward => {
                    let output = attention(client, &q, &k, &v, variant, &options)?;
                    Some((output, make([p.batch, p.heads, p.seq_q, p.value_dim])))
                }
            };
            sets.push(Set { q, k, v, forward });
        }
        Ok(Self { client: client.clone(), problem, variant: variant.clone(), sets })
    }

    /// Bytes of device memory that [`new`](Workload::new) takes for a problem, about.
    pub fn bytes(problem: &Problem) -> usize {
        let one = problem.floor_bytes();
        let rotated = ROTATED_BYTES.div_ceil(one.max(1)).clamp(1, MOST_SETS) * one;
        // The results of a call come on top.
        rotated + one
    }

    /// The most calls that use different tensors.
    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Queues one call. `plan` is used, or what the library chooses.
    ///
    /// # Errors
    ///
    /// The plan cannot run the problem.
    pub fn call(&self, nth: usize, plan: Option<Plan>) -> Result<Kept, AttentionError> {
        let Set { q, k, v, forward } = &self.sets[nth % self.sets.len()];
        let options = options(&self.problem, plan);
        match forward {
            None => {
                let output = attention(&self.client, q, k, v, &self.variant, &options)?;
                Ok(Kept::Output(output))
            }
            Some((output, d_out)) => {
                let variant = &self.variant;
                attention_backward(&self.client, q, k, v, output, d_out, variant, &options)
                    .map(Kept::Gradients)
            }
        }
    }

    /// Runs one call and waits for its result: an error of the device shows here.
    ///
    /// # Errors
    ///
    /// The call is refused, or the device fails.
    pub fn probe(&self, plan: Option<Plan>) -> Result<(), AttentionError> {
        let Set { q, k, v, forward } = &self.sets[0];
        let options = options(&self.problem, plan);
        let result = match forward {
            None => attention(&self.client, q, k, v, &self.variant, &options)?.out,
            Some((output, d_out)) => {
                let variant = &self.variant;
                attention_backward(&self.client, q, k, v, output, d_out, variant, &options)?.v
            }
        };
        let sync = cubecl::future::block_on(self.client.sync());
        sync.map_err(failed)?;
        self.client.check([&result.handle]).map_err(failed)
    }
}

fn failed(error: impl core::fmt::Display) -> AttentionError {
    AttentionError::Device { doing: "a measured call", source: error.to_string().into() }
}

fn options(problem: &Problem, plan: Option<Plan>) -> AttentionOptions {
    AttentionOptions { save_scores: problem.save_scores, plan, ..AttentionOptions::default() }
}

fn tensor(
    client: &Client,
    shape: [usize; 4],
    dtype: DType,
    order: MemoryOrder,
    random: &mut ChaCha8Rng,
) -> Strided {
    let len: usize = shape.iter().product();
    let normal = StandardNormal.sample_iter(random).take(len.min(DISTINCT));
    let block: Vec<u8> = match dtype {
        DType::F32 => normal.flat_map(|x: f32| x.to_le_bytes()).collect(),
        DType::F16 => normal.flat_map(|x: f32| f16::from_f32(x).to_le_bytes()).collect(),
        DType::Bf16 => normal.flat_map(|x: f32| bf16::from_f32(x).to_le_bytes()).collect(),
    };
    let mut bytes = Vec::with_capacity(len * dtype.bytes());
    while bytes.len() < len * dtype.bytes() {
        let missing = len * dtype.bytes() - bytes.len();
        bytes.extend_from_slice(&block[..missing.min(block.len())]);
    }
    let handle = client.create_from_slice(&bytes);
    Strided { handle, shape, strides: order.strides(shape), dtype }
}
