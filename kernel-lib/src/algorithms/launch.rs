//! From a checked call to kernel launches.
//!
//! One text for two purposes: `run!` queues a kernel on a device, or hands what would be compiled
//! there to `cuda_source`.

use cubecl::client::Client;
use cubecl::prelude::*;

use super::learned::launch as learned;
use super::resident::planes::{backward::plane_backward, forward::plane_forward};
use super::resident::{backward::resident_backward, forward::resident_forward};
use super::rows::launch as rows;
use super::streaming::{
    backward::{streaming_backward_keys, streaming_backward_queries},
    forward::streaming_forward,
    planes::launch as planes,
};
use super::{Config, LayoutsLaunch, PlaneConfig, ShapeLaunch};
#[cfg(feature = "cuda")]
use crate::cuda_source::Recorder;
use crate::device::Device;
use crate::language::{LaunchTarget, Variant};
use crate::plan::{Algorithm, Lowering};
use crate::tile::chip::Arrangement;
use crate::tile::elements::Precision;
use crate::tile::rows::LayoutLaunch;
use crate::{DType, Plan, Problem, Strided};

/// Where the kernels of a call go.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// Into a device's queue.
    Device(&'a Client),
    /// Nowhere: their source is recorded.
    #[cfg(feature = "cuda")]
    Source(&'a Recorder),
}

impl Target<'_> {
    /// Uninitialised memory in order `[batch, heads, seq, dim]`; none where nothing runs.
    pub(crate) fn empty(&self, shape: [usize; 4], dtype: DType) -> Strided {
        match self {
            Target::Device(client) => Strided::empty(client, shape, dtype),
            #[cfg(feature = "cuda")]
            Target::Source(_) => Recorder::tensor(shape, dtype),
        }
    }

    /// Uninitialised memory whose dimensions lie in the same order as those of `like`.
    pub(crate) fn empty_like(&self, like: &Strided, shape: [usize; 4]) -> Strided {
        match self {
            Target::Device(client) => Strided::empty_like(client, like, shape),
            #[cfg(feature = "cuda")]
            Target::Source(_) => {
                let strides = Strided::strides_like(like, shape);
                Strided { strides, ..Recorder::tensor(shape, like.dtype) }
            }
        }
    }
}

/// Queues a kernel on the call's device, or records its source: `run!(call, kernel::<Generics>,
/// cubes, units of a cube, address type, arguments...)`, the arguments as `launch_unchecked` takes
/// them.
///
/// Its kernels must be `#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]`,
/// and safe to run without bounds checks: every index is in bounds, and every loop ends.
macro_rules! run {
    ($call:expr, $kernel:ident $(::<$($generic:ty),+>)?, $cubes:expr, $dim:expr, $address:expr, $($argument:expr),+ $(,)?) => {{
        let (cubes, cube_dim, address) = ($cubes, $dim, $address);
        match $call.target {
            // SAFETY: rows beyond the last are read as the last and never written, and the loops
            // end with the tasks.
            Target::Device(client) => unsafe {
                $kernel::launch_unchecked::<$($($generic),+)?>(
                    client, cubes, cube_dim, address, $($argument),+
                )
            },
            #[cfg(feature = "cuda")]
            Target::Source(recorder) => recorder.record(
                stringify!($kernel),
                cube_dim,
                &$kernel::create_dummy_kernel::<$($($generic),+)?>(
                    recorder.device_properties(),
                    recorder.target_properties(),
                    cubes,
                    cube_dim,
                    address,
                    $($argument),+
                ),
            ),
        }
    }};
}
pub(crate) use run;

/// Everything that both passes take. All of it was checked.
pub struct Call<'a> {
    pub target: Target<'a>,
    pub device: Device,
    pub problem: Problem,
    pub plan: Plan,
    pub scale: f32,
    /// Of products of `f32`.
    pub precision: Precision,
    /// Kernels must not depend on lengths: see [`AttentionOptions`](crate::AttentionOptions).
    pub dynamic_lengths: bool,
    pub q: &'a Strided,
    pub k: &'a Strided,
    pub v: &'a Strided,
    pub out: &'a Strided,
    /// The output before the variant's stages of it, where it has some.
    pub raw: Option<&'a Strided>,
    /// `f32`, contiguous `[batch, heads, queries]`.
    pub lse: &'a Strided,
    /// `f32`, contiguous `[batch, heads, queries, keys]`, if scores are saved.
    pub scores: Option<&'a Strided>,
}

/// What the backward pass takes besides.
#[derive(Clone, Copy)]
pub struct Gradients<'a> {
    pub d_out: &'a Strided,
    pub d_q: &'a Strided,
    pub d_k: &'a Strided,
    pub d_v: &'a Strided,
    /// Of each learned parameter of the variant, in its order: `f32`, contiguous.
    pub learned: &'a [Strided],
}

impl Call<'_> {
    fn config(&self) -> Config {
        self.plan.config(&self.problem, &self.device)
    }

    pub(crate) fn cube_dim(&self) -> CubeDim {
        CubeDim::new_1d((self.plan.team * self.plan.teams) as u32)
    }

    /// A cube for as many tasks as it has teams; on a CPU one cube, whose units take all tasks in
    /// turn, since cubes there run one after another.
    fn cube_count(&self, tasks: usize) -> CubeCount {
        let cubes = if self.device.is_cpu() { 1 } else { tasks.div_ceil(self.plan.teams) };
        CubeCount::new_1d(cubes as u32)
    }

    /// A cube for some neighbouring heads of one sequence.
    fn head_cubes(&self) -> CubeCount {
        CubeCount::new_1d((self.problem.groups() / self.plan.heads) as u32)
    }

    fn plane_config<V: Variant>(&self, variant: &V, others: &[&Strided]) -> PlaneConfig {
        let tensors = [self.q, self.k, self.v, self.out];
        let mut tensors = tensors.iter().chain(others);
        let arrangement = if self.q.strides[1] < self.q.strides[2] {
            Arrangement::SideBySide
        } else if tensors.all(|tensor| tensor.heads_are_gapless()) {
            Arrangement::Gapless
        } else {
            Arrangement::OneByOne
        };
        self.plan.plane_config(
            variant,
            &self.problem,
            self.vector(others),
            arrangement,
            self.scale > 0.0,
            self.precision,
        )
    }

    /// Tasks of a kernel in which a team owns rows of `rows`.
    fn row_tasks(&self, heads: usize, rows: usize) -> usize {
        let blocks = match self.plan.algorithm {
            Algorithm::Resident => 1,
            Algorithm::Streaming => rows.div_ceil(self.plan.team * self.plan.tile_rows),
        };
        self.problem.batch * heads * blocks
    }

    pub(crate) fn vector(&self, others: &[&Strided]) -> usize {
        let own = [self.q, self.k, self.v, self.out];
        own.iter().chain(others).map(|t| t.vector_width(self.plan.vector)).min().unwrap_or(1)
    }

    pub(crate) fn address_type(&self, others: &[&Strided]) -> AddressType {
        let own = [self.q, self.k, self.v, self.out];
        let scores = self.scores.map_or(0, Strided::len);
        // Sums of indices stay below twice the longest extent.
        let longest = own.iter().chain(others).map(|t| t.extent()).max().unwrap_or(0);
        AddressType::from_len_signed(2 * longest.max(scores))
    }

    pub(crate) fn shape(&self) -> ShapeLaunch {
        let p = &self.problem;
        ShapeLaunch::new(p.batch, p.heads, p.heads / p.kv_heads, p.seq_q, p.seq_k)
    }

    pub(crate) fn layouts(&self) -> LayoutsLaunch {
        LayoutsLaunch::new(layout(self.q), layout(self.k), layout(self.v), layout(self.out))
    }

    fn saved(&self) -> BufferArg {
        // Without saved scores no kernel touches this argument, but it must be a buffer.
        buffer(self.scores.unwrap_or(self.lse))
    }
}

pub(crate) fn layout(tensor: &Strided) -> LayoutLaunch {
    let [batch, head, seq, dim] = tensor.strides;
    LayoutLaunch::new(batch, head, seq, dim)
}

pub(crate) fn buffer(tensor: &Strided) -> BufferArg {
    // SAFETY: `Strided::check` found the memory large enough for the extent.
    unsafe { BufferArg::from_raw_parts(tensor.handle.clone(), tensor.extent()) }
}

/// Queues the forward pass.
pub fn forward<V: Variant>(variant: &V, call: &Call<'_>) {
    rows::forward(&variant.row_stages(), call, |call| attend(variant, call));
}

/// Queues the backward pass.
pub fn backward<V: Variant>(variant: &V, call: &Call<'_>, gradients: &Gradients<'_>) {
    let (stages, params) = (variant.row_stages(), variant.learned());
    rows::backward(&stages, &params, call, gradients, |call, gradients| {
        attend_backward(variant, call, gradients);
    });
}

/// The forward pass between the stages of rows.
fn attend<V: Variant>(variant: &V, call: &Call<'_>) {
    let problem = &call.problem;
    let tasks = call.row_tasks(problem.heads, problem.seq_q);
    macro_rules! launch {
        ($kernel:ident) => {
            run!(
                call,
                $kernel::<V::Device>,
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
                variant.launch_params(LaunchTarget(call.target)),
                call.config(),
                problem.dtype.elem(&call.device),
            )
        };
    }
    match (call.plan.lowering, call.plan.algorithm) {
        (Lowering::Mma, Algorithm::Streaming) => planes::forward(variant, call),
        (Lowering::Mma, Algorithm::Resident) => run!(
            call,
            plane_forward::<V::Device>,
            call.head_cubes(),
            call.cube_dim(),
            call.address_type(&[]),
            call.vector(&[]),
            buffer(call.q),
            buffer(call.k),
            buffer(call.v),
            buffer(call.out),
            buffer(call.lse),
            call.layouts(),
            call.shape(),
            call.scale,
            variant.launch_params(LaunchTarget(call.target)),
            call.plane_config(variant, &[]),
            problem.dtype.elem(&call.device),
        ),
        (Lowering::Simt, Algorithm::Resident) => launch!(resident_forward),
        (Lowering::Simt, Algorithm::Streaming) => launch!(streaming_forward),
    }
}

/// The backward pass between the stages of rows.
fn attend_backward<V: Variant>(variant: &V, call: &Call<'_>, gradients: &Gradients<'_>) {
    let problem = &call.problem;
    let Gradients { d_out, d_q, d_k, d_v, .. } = *gradients;
    let others = [d_out, d_q, d_k, d_v];
    let (address, vector) = (call.address_type(&others), call.vector(&others));
    let delta = || {
        let shape = [problem.batch, problem.heads, problem.seq_q, 1];
        call.target.empty(shape, DType::F32)
    };
    let strides = || LayoutsLaunch::new(layout(d_q), layout(d_k), layout(d_v), layout(d_out));
    match (call.plan.lowering, call.plan.algorithm) {
        (Lowering::Mma, Algorithm::Streaming) => planes::backward(variant, call, gradients),
        (Lowering::Mma, Algorithm::Resident) => run!(
            call,
            plane_backward::<V::Device>,
            call.head_cubes(),
            call.cube_dim(),
            address,
            vector,
            buffer(call.q),
            buffer(call.k),
            buffer(call.v),
            buffer(call.out),
            buffer(call.lse),
            buffer(d_out),
            buffer(d_q),
            buffer(d_k),
            buffer(d_v),
            call.layouts(),
            strides(),
            call.shape(),
            call.scale,
            variant.launch_params(LaunchTarget(call.target)),
            call.plane_config(variant, &others),
            problem.dtype.elem(&call.device),
        ),
        (Lowering::Simt, Algorithm::Resident) => run!(
            call,
            resident_backward::<V::Device>,
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
            buffer(&delta()),
            call.layouts(),
            strides(),
            call.shape(),
            call.scale,
            variant.launch_params(LaunchTarget(call.target)),
            call.config(),
            problem.dtype.elem(&call.device),
        ),
        (Lowering::Simt, Algorithm::Streaming) => {
            let delta = delta();
            run!(
                call,
                streaming_backward_queries::<V::Device>,
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
                variant.launch_params(LaunchTarget(call.target)),
                call.config(),
                problem.dtype.elem(&call.device),
            );
            run!(
                call,
                streaming_backward_keys::<V::Device>,
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
                variant.launch_params(LaunchTarget(call.target)),
                call.config(),
                problem.dtype.elem(&call.device),
            );
        }
    }
    learned::backward(variant, call, gradients);
}
