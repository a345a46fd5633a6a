//! Bringing rows on chip, for a team to read many times.

use cubecl::prelude::*;

use super::convert::widen;
use super::rows::Rows;
use super::team::Team;

/// Copies `count` rows, from row `first` on, into the team's part of shared memory, as `f32`.
///
/// Rows beyond the last are copies of the last. The caller synchronises.
#[cube]
pub fn stage<F: Float, W: Size>(
    matrix: &[Vector<F, W>],
    rows: Rows,
    first: usize,
    on_chip: &mut [Vector<f32, W>],
    team: Team,
    #[comptime] count: usize,
    #[comptime] chunks: usize,
) {
    let base = team.index as usize * comptime!(count * chunks);
    for i in range_stepped(
        team.member as usize,
        comptime!(count * chunks).runtime(),
        comptime!(team.size as usize).runtime(),
    ) {
        let source = rows.at(first + i / chunks, i % chunks);
        on_chip[base + i] = widen::<F, W>(matrix[source]);
    }
}

/// The rows that [`stage`] brought on chip.
#[cube]
pub fn staged_rows(team: Team, #[comptime] count: usize, #[comptime] chunks: usize) -> Rows {
    Rows {
        start: team.index as usize * comptime!(count * chunks),
        stride: comptime!(chunks).runtime(),
        step: 1usize.runtime(),
        last: comptime!(count - 1).runtime(),
    }
}
