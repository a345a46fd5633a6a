//! What the units that share a row know together.

use cubecl::frontend::comptime::hardware_properties;
use cubecl::prelude::*;

use super::place::RowBlock;

/// How numbers of several units become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reduction {
    Max,
    Sum,
}

/// The largest, or the sum, over the units that share a row. All of them get the same bits: every
/// sum has the same terms in the same order, or the two of an exchange swapped.
///
/// Neighbours in a plane exchange registers; planes that share a row exchange through memory on
/// chip.
#[cube]
pub(super) fn over_units<R: Size>(
    value: Vector<f32, R>,
    rows: RowBlock<R>,
    #[comptime] how: Reduction,
) -> Vector<f32, R> {
    let hardware = hardware_properties();
    let split = comptime!(rows.geometry.split);
    let plane = comptime!(hardware.plane_size_max);
    let lanes = R::value();
    let mut result = value;
    #[unroll]
    for lane in 0..lanes {
        let mut x = result.extract(lane);
        #[unroll]
        for step in 0..comptime!(split.min(plane).ilog2()) {
            let other = plane_shuffle_xor(x, comptime!(1u32 << step).runtime());
            x = reduced(x, other, how);
        }
        result.insert(lane, x);
    }
    if comptime!(split > plane) {
        result = over_planes::<R>(result, rows, how);
    }
    result
}

/// The same over planes, of which every unit knows its own plane's number.
#[cube]
fn over_planes<R: Size>(
    value: Vector<f32, R>,
    rows: RowBlock<R>,
    #[comptime] how: Reduction,
) -> Vector<f32, R> {
    let hardware = hardware_properties();
    let (units, split) = comptime!((rows.geometry.units as usize, rows.geometry.split as usize));
    let plane = comptime!(hardware.plane_size_max as usize);
    let mut on_chip = Shared::<[Vector<f32, R>]>::new_aligned_slice(units, 16usize);
    let member = rows.team.member as usize;
    // Whoever still reads what lay there before.
    rows.sync();
    on_chip[member] = value;
    rows.sync();
    let first = member / split * split;
    let mut result = on_chip[first];
    #[unroll]
    for other in 1..comptime!(split / plane) {
        let known = on_chip[first + comptime!(other * plane)];
        result = match comptime!(how) {
            Reduction::Max => max(result, known),
            Reduction::Sum => result + known,
        };
    }
    result
}

#[cube]
fn reduced(a: f32, b: f32, #[comptime] how: Reduction) -> f32 {
    match comptime!(how) {
        Reduction::Max => max(a, b),
        Reduction::Sum => a + b,
    }
}
