//! What each row adds to the gradient of a learned parameter of its sink, summed over groups.
//!
//! A sink takes part in the sum of its row like a score whose key has the value 0: with the weight
//! `P = exp(sink - lse)` its gradient is `P (0 - Δ)`.

use cubecl::prelude::*;

use super::Part;
use crate::algorithms::Shape;
use crate::algorithms::softmax::{load_per_row, usable_lse};
use crate::language::{DeviceVariant, LearnedStage, Position};
use crate::tile::exp::{Exp2, exp};
use crate::tile::rows::Rows;

/// A unit for `R` queries of a chunk of groups. Writes a number for each query of each chunk of each
/// own group, or, where the rows of a group share one element (`one`), a number for each unit.
/// Needs `Δ`.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn learned_sinks<V: DeviceVariant, R: Size>(
    lse: &[f32],
    delta: &[f32],
    sums: &mut [f32],
    shape: Shape,
    part: Part,
    params: V::Params,
    #[comptime] site: usize,
    #[comptime] how: Exp2,
    #[comptime] one: bool,
) {
    let lanes = R::value();
    let row_units = part.rows.div_ceil(lanes);
    let tasks = part.groups * part.chunks * row_units;
    let end_row = part.first_row + part.rows;
    // Of the rows only how many there are matters here.
    let rows = Rows { start: 0usize, stride: 0usize, step: 0usize, last: shape.queries - 1 };

    let mut task = ABSOLUTE_POS;
    while task < tasks {
        let row = part.first_row + task % row_units * lanes;
        let chunk = task / row_units;
        let own = chunk / part.chunks;
        let first = chunk % part.chunks * part.chunk;
        let end = min(first + part.chunk, part.summed);
        let mut sum = Vector::<f32, R>::new(0.0f32);
        for nth in first..end {
            let group = part.group(shape, own, nth);
            let lse = usable_lse::<R>(load_per_row::<R>(lse, group.first_row, row, rows));
            let delta = load_per_row::<R>(delta, group.first_row, row, rows);
            let mut sinks = Vector::<f32, R>::empty();
            let mut slopes = Vector::<f32, R>::empty();
            #[unroll]
            for lane in 0..lanes {
                let at = Position {
                    batch: group.batch as u32,
                    head: group.head as u32,
                    query: (row + lane) as u32,
                    key: 0u32,
                    queries: shape.queries as u32,
                    keys: shape.keys as u32,
                };
                sinks.insert(lane, V::sink(at, &params));
                let slope =
                    V::learned_grad(0.0f32, at, &params, site, comptime!(LearnedStage::Sink));
                slopes.insert(lane, slope);
            }
            sum -= exp::<R>(sinks - lse, how) * delta * slopes;
        }
        if comptime!(one) {
            let mut total = 0.0f32.runtime();
            #[unroll]
            for lane in 0..lanes {
                total += select(row + lane < end_row, sum.extract(lane), 0.0f32);
            }
            sums[task] = total;
        } else {
            #[unroll]
            for lane in 0..lanes {
                if row + lane < end_row {
                    sums[chunk * part.rows + row - part.first_row + lane] = sum.extract(lane);
                }
            }
        }
        task += CUBE_COUNT * CUBE_DIM as usize;
    }
}
