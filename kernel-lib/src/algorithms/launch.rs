//! From a checked call to kernel launches.

use cubecl::client::Client;
use cubecl::prelude::*;

use super::resident::{backward::resident_backward, forward::resident_forward};
use super::streaming::{
    backward::{streaming_backward_keys, streaming_backward_queries},
    forward::streaming_forward,
};
use super::{Config, GradientLayoutsLaunch, LayoutsLaunch, ShapeLaunch};
use crate::device::Device;
use crate::language::Variant;
use crate::plan::Algorithm;
use crate::tile::rows::LayoutLaunch;
use crate::{Plan, Problem, Strided};

/// Everything that both passes take. All of it was checked.
pub struct Call<'a> {
    pub client: &'a Client,
    pub device: Device,
    pub problem: Problem,
    pub plan: Plan,
    pub scale: f32,
    pub q: &'a Strided,
    pub k: &'a Strided,
    pub v: &'a Strided,
    pub out: &'a Strided,
    /// `f32`, contiguous `[batch, heads, queries]`.
    pub lse: &'a Strided,
    /// `f32`, contiguous `[batch, heads, queries, keys]`, if scores are saved.
    pub scores: Option<&'a Strided>,
}

/// What the backward pass takes besides.
pub struct Gradients<'a> {
    pub d_out: &'a Strided,
    pub d_q: &'a Strided,
    pub d_k: &'a Strided,
    pub d_v: &'a Strided,
}

impl Call<'_> {
    fn config(&self) -> Config {
        self.plan.config(&self.problem, &self.device)
    }

    fn cube_dim(&self) -> CubeDim {
        CubeDim::new_1d((self.plan.team * self.plan.teams) as u32)
    }

    /// A cube for as many tasks as it has teams; on a CPU one cube, whose units take all tasks in
    /// turn, since cubes there run one after another.
    fn cube_count(&self, tasks: usize) -> CubeCount {
        let cubes = if self.device.is_cpu() { 1 } else { tasks.div_ceil(self.plan.teams) };
        CubeCount::new_1d(cubes as u32)
    }

    /// Tasks of a kernel in which a team owns rows of `rows`.
    fn row_tasks(&self, heads: usize, rows: usize) -> usize {
        let blocks = match self.plan.algorithm {
            Algorithm::Resident => 1,
            Algorithm::Streaming => rows.div_ceil(self.plan.team * self.plan.tile_rows),
        };
        self.problem.batch * heads * blocks
    }

    fn vector(&self, others: &[&Strided]) -> usize {
        let own = [self.q, self.k, self.v, self.out];
        own.iter().chain(others).map(|t| t.vector_width(self.plan.vector)).min().unwrap_or(1)
    }

    fn address_type(&self, others: &[&Strided]) -> AddressType {
        let own = [self.q, self.k, self.v, self.out];
        let scores = self.scores.map_or(0, Strided::len);
        // Sums of indices stay below twice the longest extent.
        let longest = own.iter().chain(others).map(|t| t.extent()).max().unwrap_or(0);
        AddressType::from_len_signed(2 * longest.max(scores))
    }

    fn shape(&self) -> ShapeLaunch {
        let p = &self.problem;
        ShapeLaunch::new(p.batch, p.heads, p.heads / p.kv_heads, p.seq_q, p.seq_k)
    }

    fn layouts(&self) -> LayoutsLaunch {
        LayoutsLaunch::new(layout(self.q), layout(self.k), layout(self.v), layout(self.out))
    }

    fn saved(&self) -> BufferArg {
        // Without saved scores no kernel touches this argument, but it must be a buffer.
        buffer(self.scores.unwrap_or(self.lse))
    }
}

fn layout(tensor: &Strided) -> LayoutLaunch {
    let [batch, head, seq, dim] = tensor.strides;
    LayoutLaunch::new(batch, head, seq, dim)
}

fn buffer(tensor: &Strided) -> BufferArg {
    // SAFETY: `Strided::check` found the memory large enough for the extent.
    unsafe { BufferArg::from_raw_parts(tensor.handle.clone(), tensor.extent()) }
}

/// Queues the forward pass.
pub fn forward<V: Variant>(variant: &V, call: &Call<'_>) {
    let problem = &call.problem;
    let tasks = call.row_tasks(problem.heads, problem.seq_q);
    macro_rules! launch {
        ($kernel:ident) => {
            // SAFETY: rows beyond the last are read as the last and never written, and the
            // loops end with the tasks.
            unsafe {
                $kernel::launch_unchecked::<V::Device>(
                    call.client,
                    call.cube_count(tasks),
                    call.cube_dim(),
                    call.address_type(&[]),
                    call.plan.tile_rows,
                    call.vector(&[]),
                    buffer(call.q),
                    buffer(call.k),
                    buffer(call.v),
                    buffer(call.out),
                    buffer(call.lse),
                    call.saved(),
                    call.layouts(),
                    call.shape(),
                    call.scale,
                    variant.launch_params(),
                    call.config(),
                    problem.dtype.elem(&call.device),
                )
            }
        };
    }
    match call.plan.algorithm {
        Algorithm::Resident => launch!(resident_forward),
        Algorithm::Streaming => launch!(streaming_forward),
    }
}

/// Queues the backward pass.
pub fn backward<V: Variant>(variant: &V, call: &Call<'_>, gradients: &Gradients<'_>) {
    let problem = &call.problem;
    let Gradients { d_out, d_q, d_k, d_v } = *gradients;
    let others = [d_out, d_q, d_k, d_v];
    let (address, vector) = (call.address_type(&others), call.vector(&others));
    let shape = [problem.batch, problem.heads, problem.seq_q, 1];
    let delta = Strided::empty(call.client, shape, crate::DType::F32);
    let strides =
        || GradientLayoutsLaunch::new(layout(d_q), layout(d_k), layout(d_v), layout(d_out));
    // SAFETY: as in `forward`.
    unsafe {
        match call.plan.algorithm {
            Algorithm::Resident => resident_backward::launch_unchecked::<V::Device>(
                call.client,
                call.cube_count(problem.batch * problem.kv_heads),
                call.cube_dim(),
                address,
                call.plan.tile_rows,
                vector,
                buffer(call.q),
                buffer(call.k),
                buffer(call.v),
                buffer(call.out),
                buffer(call.lse),
                call.saved(),
                buffer(d_out),
                buffer(d_q),
                buffer(d_k),
                buffer(d_v),
                buffer(&delta),
                call.layouts(),
                strides(),
                call.shape(),
                call.scale,
                variant.launch_params(),
                call.config(),
                problem.dtype.elem(&call.device),
            ),
            Algorithm::Streaming => {
                streaming_backward_queries::launch_unchecked::<V::Device>(
                    call.client,
                    call.cube_count(call.row_tasks(problem.heads, problem.seq_q)),
                    call.cube_dim(),
                    address,
                    call.plan.tile_rows,
                    vector,
                    buffer(call.q),
                    buffer(call.k),
                    buffer(call.v),
                    buffer(call.out),
                    buffer(call.lse),
                    call.saved(),
                    buffer(d_out),
                    buffer(d_q),
                    buffer(&delta),
                    call.layouts(),
                    strides(),
                    call.shape(),
                    call.scale,
                    variant.launch_params(),
                    call.config(),
                    problem.dtype.elem(&call.device),
                );
                streaming_backward_keys::launch_unchecked::<V::Device>(
                    call.client,
                    call.cube_count(call.row_tasks(problem.kv_heads, problem.seq_k)),
                    call.cube_dim(),
                    address,
                    call.plan.tile_rows,
                    vector,
                    buffer(call.q),
                    buffer(call.k),
                    buffer(call.v),
                    buffer(call.lse),
                    call.saved(),
                    buffer(d_out),
                    buffer(&delta),
                    buffer(d_k),
                    buffer(d_v),
                    call.layouts(),
                    strides(),
                    call.shape(),
                    call.scale,
                    variant.launch_params(),
                    call.config(),
                    problem.dtype.elem(&call.device),
                );
            }
        }
    }
}
