//! Matrices that a program makes for itself, on chip.

use cubecl::prelude::*;

use super::place::{RowBlock, RowBlockExpand};
use super::tile::Tile;
use crate::tile::team::Team;

/// Columns that are read together.
pub(super) const QUAD: usize = 4;
/// They.
pub(super) type Quad = Vector<f32, Const<4>>;

/// A matrix that all units of a program see: tiles are stored into it, others are multiplied with
/// it ([`Tile::times`]).
#[derive(CubeType)]
pub struct Matrix {
    data: Shared<[Quad]>,
    team: Team,
    #[cube(comptime)]
    pub(super) rows: usize,
    #[cube(comptime)]
    pub(super) cols: usize,
}

#[cube]
impl<R: Size> RowBlock<R> {
    /// A matrix on chip, without values yet.
    pub fn matrix(self, #[comptime] rows: usize, #[comptime] cols: usize) -> Matrix {
        let chunks = comptime!(cols.div_ceil(QUAD));
        // The programs of a cube have a matrix each.
        let all = comptime!(rows * chunks * self.geometry.programs as usize);
        Matrix { data: Shared::new_aligned_slice(all, 16usize), team: self.team, rows, cols }
    }
}

#[cube]
impl Matrix {
    /// Replaces rows by those of a tile; of a column, by one number each.
    pub fn store<R: Size>(&mut self, at: RowBlock<R>, tile: Tile<R>) {
        let (rows, cols) = comptime!((self.rows, self.cols));
        comptime!(assert!(
            tile.cols == cols,
            "a tile of {} columns is stored into a matrix of {cols}",
            tile.cols
        ));
        let unroll = comptime!(at.geometry.unroll);
        let lanes = R::value();
        at.sync();
        #[unroll]
        for lane in 0..lanes {
            let row = at.first + lane;
            if row < rows {
                #[unroll(unroll)]
                for chunk in 0..comptime!(cols.div_ceil(QUAD)) {
                    let mut write = Quad::new(0.0f32);
                    #[unroll]
                    for w in 0..QUAD {
                        let d = chunk * QUAD + w;
                        if d < cols {
                            write.insert(w, tile.cells[d].extract(lane));
                        }
                    }
                    let place = self.place(row, chunk);
                    self.data[place] = write;
                }
            }
        }
        at.sync();
    }

    /// Four neighbouring columns of a row; columns beyond the last are zeros.
    pub(super) fn quad(&self, row: usize, chunk: usize) -> Quad {
        self.data[self.place(row, chunk)]
    }

    fn place(&self, row: usize, chunk: usize) -> usize {
        let chunks = comptime!(self.cols.div_ceil(QUAD));
        let base = self.team.index as usize * comptime!(self.rows * chunks);
        base + row * chunks + chunk
    }
}
