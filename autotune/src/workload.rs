//! Tensors of one problem's sizes, and the call to measure.

use cubecl::client::Client;
use cubecl::server::Handle;
use tilewright::language::AnyVariant;
use tilewright::{
    AttentionError, AttentionGradients, AttentionOptions, AttentionOutput, Pass, Plan, Problem,
    Strided, attention, attention_backward,
};

use crate::values;

/// How the tensors of a workload lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryOrder {
    /// `[batch, heads, seq, dim]`.
    #[default]
    Bhsd,
    /// `[batch, seq, heads, dim]`, as a linear layer leaves it.
    Bshd,
    /// q, k and v are slices of `[batch, seq, 3, heads, dim]`, as one projection leaves them; the
    /// gradient of the output is `[batch, seq, heads, dim]`.
    Packed,
}

/// A tensor that a call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Queries.
    Q,
    /// Keys.
    K,
    /// Values.
    V,
    /// The gradient of the output.
    DOut,
}

/// Where an input lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of its buffer.
    pub buffer: usize,
    /// Its first element there.
    pub start: usize,
    /// Distances in elements between neighbours along each dimension.
    pub strides: [usize; 4],
}

impl Input {
    /// Its sizes, `[batch, heads, seq, dim]`.
    pub fn shape(self, p: &Problem) -> [usize; 4] {
        match self {
            Input::Q => [p.batch, p.heads, p.seq_q, p.head_dim],
            Input::K => [p.batch, p.kv_heads, p.seq_k, p.head_dim],
            Input::V => [p.batch, p.kv_heads, p.seq_k, p.value_dim],
            Input::DOut => [p.batch, p.heads, p.seq_q, p.value_dim],
        }
    }
}

impl MemoryOrder {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            MemoryOrder::Bhsd => "bhsd",
            MemoryOrder::Bshd => "bshd",
            MemoryOrder::Packed => "packed",
        }
    }

    /// Whether tensors of a problem can lie so: a packed projection has q, k and v of one size.
    pub fn suits(self, p: &Problem) -> bool {
        self != MemoryOrder::Packed
            || Input::Q.shape(p) == Input::K.shape(p) && Input::Q.shape(p) == Input::V.shape(p)
    }

    /// Where an input of a problem lies.
    pub fn place(self, input: Input, p: &Problem) -> Place {
        let [_, h, s, d] = input.shape(p);
        let number = input as usize;
        let alone = |buffer, strides| Place { buffer, start: 0, strides };
        let rows_together = [s * h * d, d, h * d, 1];
        match (self, input) {
            (MemoryOrder::Bhsd, _) => alone(number, [h * s * d, s * d, d, 1]),
            (MemoryOrder::Bshd, _) => alone(number, rows_together),
            (MemoryOrder::Packed, Input::DOut) => alone(1, rows_together),
            (MemoryOrder::Packed, _) => {
                let strides = [3 * s * h * d, d, 3 * h * d, 1];
                Place { buffer: 0, start: number * h * d, strides }
            }
        }
    }

    /// Elements of the buffer in which an input lies.
    fn buffer_len(self, input: Input, p: &Problem) -> usize {
        let parts = if self == MemoryOrder::Packed && input != Input::DOut { 3 } else { 1 };
        parts * input.shape(p).iter().product::<usize>()
    }

    /// One element of an input of a workload's first set.
    pub fn element(self, input: Input, p: &Problem, seed: u64, index: [usize; 4]) -> f32 {
        let Place { buffer, start, strides } = self.place(input, p);
        let offset: usize = index.iter().zip(strides).map(|(i, stride)| i * stride).sum();
        values::value(stream(seed, 0, buffer), start + offset)
    }
}

/// Each buffer of each set has values of its own.
fn stream(seed: u64, set: usize, buffer: usize) -> u32 {
    (seed as u32).wrapping_mul(1024).wrapping_add((4 * set + buffer) as u32)
}

/// Together, the sets of a workload outgrow every second-level cache.
const ROTATED_BYTES: usize = 192 << 20;
/// The most sets of tensors.
const MOST_SETS: usize = 64;

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
        let options = options(&p, None);
        let mut sets = Vec::new();
        for nth in 0..count {
            let buffer = |input| {
                let number = order.place(input, &p).buffer;
                let bytes =
                    values::buffer(stream(seed, nth, number), order.buffer_len(input, &p), p.dtype);
                client.create_from_slice(&bytes)
            };
            let tensor = |input: Input, buffer: Handle| {
                let Place { start, strides, .. } = order.place(input, &p);
                let handle = match start {
                    0 => buffer,
                    _ => buffer.offset_start((start * p.dtype.bytes()) as u64),
                };
                Strided { handle, shape: input.shape(&p), strides, dtype: p.dtype }
            };
            let [q, k, v] = match order {
                MemoryOrder::Packed => {
                    let packed = buffer(Input::Q);
                    [Input::Q, Input::K, Input::V].map(|input| tensor(input, packed.clone()))
                }
                _ => [Input::Q, Input::K, Input::V].map(|input| tensor(input, buffer(input))),
            };
            let forward = match p.pass {
                Pass::Forward => None,
                Pass::Backward => {
                    let output = attention(client, &q, &k, &v, variant, &options)?;
                    Some((output, tensor(Input::DOut, buffer(Input::DOut))))
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

    /// The queries, keys and values of a call.
    pub fn inputs(&self, nth: usize) -> [&Strided; 3] {
        let Set { q, k, v, .. } = &self.sets[nth % self.sets.len()];
        [q, k, v]
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

    /// What a call on the first set returns: the output, or the gradients of q, k and v.
    ///
    /// # Errors
    ///
    /// The plan cannot run the problem.
    pub fn results(&self, plan: Option<Plan>) -> Result<Vec<Strided>, AttentionError> {
        Ok(match self.call(0, plan)? {
            Kept::Output(output) => vec![output.out],
            Kept::Gradients(gradients) => vec![gradients.q, gradients.k, gradients.v],
        })
    }

    /// Runs one call and waits for its result: an error of the device shows here.
    ///
    /// # Errors
    ///
    /// The call is refused, or the device fails.
    pub fn probe(&self, plan: Option<Plan>) -> Result<(), AttentionError> {
        let results = self.results(plan)?;
        let sync = cubecl::future::block_on(self.client.sync());
        sync.map_err(failed)?;
        self.client.check(results.iter().map(|result| &result.handle)).map_err(failed)
    }
}

fn failed(error: impl core::fmt::Display) -> AttentionError {
    AttentionError::Device { doing: "a measured call", source: error.to_string().into() }
}

fn options(problem: &Problem, plan: Option<Plan>) -> AttentionOptions {
    AttentionOptions { save_scores: problem.save_scores, plan, ..AttentionOptions::default() }
}
