//! `Δ = rowsum(dO ∘ O)` (arXiv 2205.14135, section B.2), ahead of the kernels that subtract it.

use cubecl::prelude::*;

use crate::algorithms::Shape;
use crate::tile::convert::widen;
use crate::tile::rows::Layout;

/// A unit for each row.
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn row_products<F: Float, W: Size>(
    out: &[Vector<F, W>],
    d_out: &[Vector<F, W>],
    delta: &mut [f32],
    out_layout: Layout,
    d_out_layout: Layout,
    shape: Shape,
    #[comptime] value_dim: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS < shape.groups() * shape.queries {
        let group = shape.group(ABSOLUTE_POS / shape.queries);
        let row = ABSOLUTE_POS % shape.queries;
        let outs = out_layout.rows::<W>(group.batch, group.head, shape.queries);
        let d_outs = d_out_layout.rows::<W>(group.batch, group.head, shape.queries);
        let width = W::value();
        let mut sums = Vector::<f32, W>::new(0.0f32);
        for chunk in 0..comptime!(value_dim / width).runtime() {
            let o = widen::<F, W>(out[outs.at(row, chunk)]);
            let d = widen::<F, W>(d_out[d_outs.at(row, chunk)]);
            sums = fma(o, d, sums);
        }
        let mut sum = 0.0f32.runtime();
        #[unroll]
        for w in 0..width {
            sum += sums.extract(w);
        }
        delta[ABSOLUTE_POS] = sum;
    }
}
