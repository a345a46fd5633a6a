//! Partial sums become fewer, and then part of the gradient.

use cubecl::prelude::*;

use super::work::Route;
use super::{Part, SubTable};
use crate::algorithms::Shape;
use crate::language::DeviceVariant;

/// Every element becomes 0.
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn clear(numbers: &mut [f32], len: usize) {
    let mut i = ABSOLUTE_POS;
    while i < len {
        numbers[i] = 0.0f32;
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Sums up to `together` neighbours of the middle dimension of `[outer, count, inner]`, in order.
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn fold_sums(
    from: &[f32],
    to: &mut [f32],
    outer: usize,
    count: usize,
    inner: usize,
    #[comptime] together: usize,
) {
    let folded = count.div_ceil(together);
    let tasks = outer * folded * inner;
    let mut task = ABSOLUTE_POS;
    while task < tasks {
        let first = task / inner % folded * together;
        let start = task / (inner * folded) * count * inner + task % inner;
        let mut sum = 0.0f32.runtime();
        for nth in first..min(first + together, count) {
            sum += from[start + nth * inner];
        }
        to[task] = sum;
        task += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// The own groups whose sums a unit adds up, one after another: those that may name the same
/// elements.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Gathering {
    /// How many times units for all elements of a group there are.
    pub teams: usize,
    /// Groups from one such team's first to the next's.
    pub team_step: usize,
    /// Groups that each adds up.
    pub groups: usize,
    /// Groups from one of them to the next.
    pub step: usize,
}

/// Adds sums `[groups, pieces, len]` to the gradient: a unit for each of the `len` elements that
/// a group may name, and for each team of groups.
#[allow(clippy::too_many_arguments)]
#[cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
pub fn gather_sums<V: DeviceVariant>(
    sums: &[f32],
    gradient: &mut [f32],
    shape: Shape,
    part: Part,
    table: SubTable,
    gathering: Gathering,
    pieces: usize,
    len: usize,
    params: V::Params,
    #[comptime] site: usize,
    #[comptime] route: Route,
) {
    let tasks = gathering.teams * len;
    let mut task = ABSOLUTE_POS;
    while task < tasks {
        let element = task % len;
        let (query, key) = match comptime!(route) {
            Route::Cells => (part.first_row + element / part.keys, element % part.keys),
            Route::Queries => (part.first_row + element, 0usize.runtime()),
            Route::Keys => (0usize.runtime(), element),
            Route::One | Route::Table => (0usize.runtime(), 0usize.runtime()),
        };
        let mut own = task / len * gathering.team_step;
        for _ in 0..gathering.groups {
            let mut sum = 0.0f32.runtime();
            for piece in 0..pieces {
                sum += sums[(own * pieces + piece) * len + element];
            }
            let at = part.position(shape, own, query, key);
            let mut place = V::learned_index(at, &params, site);
            if comptime!(route == Route::Table) {
                place = table.place(place, element as u32);
            }
            gradient[place as usize] += sum;
            own += gathering.step;
        }
        task += CUBE_COUNT * CUBE_DIM as usize;
    }
}
