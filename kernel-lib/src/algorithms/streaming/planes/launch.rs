//! From a checked call to the launches of long sequences on tensor cores.

use cubecl::prelude::*;

use super::backward_keys::plane_streaming_keys;
use super::backward_queries::plane_streaming_queries;
use super::block_list::{ListConfig, ListLayoutLaunch, MAX_BIT_COLS, find_tiles, list_blocks};
use super::delta::row_products;
use super::forward::plane_streaming_forward;
#[cfg(feature = "cuda")]
use crate::algorithms::launch::Target;
use crate::algorithms::launch::{Call, Gradients, buffer, layout, run};
use crate::algorithms::{LayoutsLaunch, ShapeLaunch, StreamConfig};
use crate::language::{LaunchTarget, Variant};
use crate::{DType, Problem, Strided};

/// Planes of a cube that finds what a mask leaves, or lists it.
const LIST_PLANES: usize = 4;
/// Cells of a mask that have a bit each, at most: 64 MiB.
const MAX_BITS: usize = 1 << 29;
/// Units of a cube that multiplies rows.
const DELTA_UNITS: u32 = 128;

/// What a mask leaves, on the device, and where it lies.
pub(in crate::algorithms) struct Lists {
    pub numbers: Strided,
    batch: usize,
    head: usize,
    row: usize,
    col_blocks: usize,
}

impl Lists {
    pub fn layout(&self) -> ListLayoutLaunch {
        ListLayoutLaunch::new(self.batch, self.head, self.row, self.col_blocks)
    }
}

impl Call<'_> {
    /// What is fixed of the kernels. What a mask keeps of every cell is found beforehand where a bit
    /// for each takes no more than [`MAX_BITS`]; not in kernels for all lengths.
    pub(super) fn stream_config<V: Variant>(
        &self,
        variant: &V,
        others: &[&Strided],
    ) -> StreamConfig {
        let (width, positive) = (self.vector(others), self.scale > 0.0);
        let config = self.plan.stream_config(&self.problem, width, positive, self.precision);
        let [batches, heads] = self.list_groups(variant);
        let cells = batches * heads * self.problem.seq_q * self.problem.seq_k;
        let fits = cells <= MAX_BITS && config.block <= MAX_BIT_COLS;
        StreamConfig { bits: config.mask && fits && !self.dynamic_lengths, ..config }
    }

    /// Sequences and heads that have lists of their own.
    fn list_groups<V: Variant>(&self, variant: &V) -> [usize; 2] {
        let scope = variant.mask_scope();
        let Problem { batch, heads, .. } = self.problem;
        [if scope.batch { batch } else { 1 }, if scope.head { heads } else { 1 }]
    }

    /// What the mask leaves, for blocks of queries or, transposed, of keys. Without a mask nobody
    /// reads it.
    pub(super) fn lists<V: Variant>(
        &self,
        variant: &V,
        transposed: bool,
        config: &StreamConfig,
    ) -> Lists {
        let problem = &self.problem;
        if !config.mask {
            let numbers = self.target.empty([1, 1, 1, 1], DType::F32);
            return Lists { numbers, batch: 0, head: 0, row: 0, col_blocks: 0 };
        }
        let (rows, cols) = match transposed {
            false => (problem.seq_q, problem.seq_k),
            true => (problem.seq_k, problem.seq_q),
        };
        let list_config = ListConfig {
            rows: config.rows(),
            cols: config.block,
            transposed,
            planes: LIST_PLANES,
            bits: config.bits,
        };
        let row_blocks = rows.div_ceil(config.rows());
        let col_blocks = cols.div_ceil(config.block);
        let row = 1 + col_blocks * (1 + list_config.words());
        let scope = variant.mask_scope();
        let [batches, heads] = self.list_groups(variant);
        let (one_head, one_batch) = (row_blocks * row, heads * row_blocks * row);
        let lists = Lists {
            // Numbers of 32 bits, as `f32` is.
            numbers: self.target.empty([batches, heads, row_blocks, row], DType::F32),
            batch: if scope.batch { one_batch } else { 0 },
            head: if scope.head { one_head } else { 0 },
            row,
            col_blocks,
        };
        let count = batches * heads * row_blocks;
        let groups = || ShapeLaunch::new(batches, heads, 1, problem.seq_q, problem.seq_k);
        run!(
            self,
            find_tiles::<V::Device>,
            CubeCount::new_1d((count * col_blocks.div_ceil(LIST_PLANES)) as u32),
            CubeDim::new_1d(32 * LIST_PLANES as u32),
            self.address_type(&[&lists.numbers]),
            buffer(&lists.numbers),
            lists.layout(),
            self.shape(),
            groups(),
            variant.launch_params(LaunchTarget(self.target)),
            list_config,
        );
        run!(
            self,
            list_blocks,
            CubeCount::new_1d(count.div_ceil(LIST_PLANES) as u32),
            CubeDim::new_1d(32 * LIST_PLANES as u32),
            self.address_type(&[&lists.numbers]),
            buffer(&lists.numbers),
            lists.layout(),
            self.shape(),
            groups(),
            list_config,
        );
        lists
    }
}

/// Queues the forward pass.
pub fn forward<V: Variant>(variant: &V, call: &Call<'_>) {
    let problem = &call.problem;
    let config = call.stream_config(variant, &[]);
    let lists = call.lists(variant, false, &config);
    run!(
        call,
        plane_streaming_forward::<V::Device>,
        CubeCount::new_1d((problem.groups() * problem.seq_q.div_ceil(config.rows())) as u32),
        call.cube_dim(),
        call.address_type(&[&lists.numbers]),
        call.vector(&[]),
        buffer(call.q),
        buffer(call.k),
        buffer(call.v),
        buffer(call.out),
        buffer(call.lse),
        buffer(&lists.numbers),
        lists.layout(),
        call.layouts(),
        call.shape(),
        call.scale,
        variant.launch_params(LaunchTarget(call.target)),
        config,
        problem.dtype.elem(&call.device),
    );
}

/// Queues the backward pass.
pub fn backward<V: Variant>(variant: &V, call: &Call<'_>, gradients: &Gradients<'_>) {
    let problem = &call.problem;
    let Gradients { d_out, d_q, d_k, d_v, .. } = *gradients;
    let others = [d_out, d_q, d_k, d_v];
    let config = call.stream_config(variant, &others);
    let delta = call.target.empty([problem.batch, problem.heads, problem.seq_q, 1], DType::F32);
    let rows = problem.groups() * problem.seq_q;
    run!(
        call,
        row_products,
        CubeCount::new_1d((rows as u32).div_ceil(DELTA_UNITS)),
        CubeDim::new_1d(DELTA_UNITS),
        call.address_type(&others),
        call.vector(&others),
        buffer(call.out),
        buffer(d_out),
        buffer(&delta),
        layout(call.out),
        layout(d_out),
        call.shape(),
        problem.value_dim,
        problem.dtype.elem(&call.device),
    );
    let strides = || LayoutsLaunch::new(layout(d_q), layout(d_k), layout(d_v), layout(d_out));
    let lists = call.lists(variant, false, &config);
    run!(
        call,
        plane_streaming_queries::<V::Device>,
        CubeCount::new_1d((problem.groups() * problem.seq_q.div_ceil(config.rows())) as u32),
        call.cube_dim(),
        call.address_type(&[d_out, d_q, &lists.numbers]),
        call.vector(&others),
        buffer(call.q),
        buffer(call.k),
        buffer(call.v),
        buffer(call.lse),
        buffer(&delta),
        buffer(d_out),
        buffer(d_q),
        buffer(&lists.numbers),
        lists.layout(),
        call.layouts(),
        strides(),
        call.shape(),
        call.scale,
        variant.launch_params(LaunchTarget(call.target)),
        config,
        problem.dtype.elem(&call.device),
    );
    let lists = call.lists(variant, true, &config);
    let key_blocks = problem.seq_k.div_ceil(config.rows());
    run!(
        call,
        plane_streaming_keys::<V::Device>,
        CubeCount::new_1d((problem.batch * problem.kv_heads * key_blocks) as u32),
        call.cube_dim(),
        call.address_type(&[d_out, d_k, d_v, &lists.numbers]),
        call.vector(&others),
        buffer(call.q),
        buffer(call.k),
        buffer(call.v),
        buffer(call.lse),
        buffer(&delta),
        buffer(d_out),
        buffer(d_k),
        buffer(d_v),
        buffer(&lists.numbers),
        lists.layout(),
        call.layouts(),
        strides(),
        call.shape(),
        call.scale,
        variant.launch_params(LaunchTarget(call.target)),
        config,
        problem.dtype.elem(&call.device),
    );
}
