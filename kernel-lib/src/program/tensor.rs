//! Tensors as a kernel sees them.

use cubecl::prelude::*;

use super::place::{Block, Blocks, RowBlock};
use super::tile::{Tile, whole_rows};
use crate::tile::convert::{narrow, widen};
use crate::tile::rows::{Layout, Rows};

/// A `[batch, heads, rows, dim]` tensor in the body of a kernel. Its last dimension is known when
/// the kernel is compiled.
#[derive(CubeType, CubeLaunch)]
pub struct Tensor<E: Float, W: Size> {
    data: Box<[Vector<E, W>]>,
    layout: Layout,
    rows: usize,
    #[cube(comptime)]
    dim: usize,
}

#[cube]
impl<E: Float, W: Size> Tensor<E, W> {
    /// Its number of rows, the third dimension.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The length of a row, known when the kernel is compiled.
    pub fn dim(&self) -> comptime_type!(usize) {
        self.dim
    }

    /// Blocks of `len` rows, one after another; the last may be shorter.
    pub fn blocks(&self, #[comptime] len: usize) -> Blocks {
        Blocks::over(self.rows, len)
    }

    /// These rows, whole.
    pub fn load<R: Size>(&self, at: RowBlock<R>) -> Tile<R> {
        let unroll = comptime!(at.geometry.unroll);
        let split = comptime!(at.geometry.split as usize);
        let (width, lanes) = (W::value(), R::value());
        let dim = comptime!(self.dim);
        let chunks = comptime!(dim / width);
        let held = comptime!(chunks.div_ceil(split));
        let rows = self.rows_of(at.batch, at.head);
        let mut cells = Array::<Vector<f32, R>>::new(comptime!(held * width));
        #[unroll(unroll)]
        for chunk in 0..held {
            let mut columns = Array::<Vector<f32, R>>::new(width);
            let source = if comptime!(split == 1) {
                chunk
            } else {
                // A chunk that does not exist is read from one that does, and then not used.
                min(chunk * split + at.part, comptime!(chunks - 1).runtime())
            };
            #[unroll]
            for lane in 0..lanes {
                let read = widen::<E, W>(self.data[rows.at(at.first + lane, source)]);
                #[unroll]
                for w in 0..width {
                    let mut column = columns[w];
                    column.insert(lane, read.extract(w));
                    columns[w] = column;
                }
            }
            #[unroll]
            for w in 0..width {
                cells[chunk * width + w] = columns[w];
            }
        }
        Tile::<R> {
            cells,
            rows: at,
            end: comptime!(dim).runtime(),
            cols: comptime!(held * width),
            chunk: width,
            ragged: comptime!(chunks % split != 0),
        }
    }

    /// These rows of the transposed matrix, a block of its columns: `tile[d][j] = self[keys[j]][d]`.
    pub fn load_t<R: Size>(&self, at: RowBlock<R>, keys: Block) -> Tile<R> {
        comptime!(whole_rows(at.geometry.split, "`load_t`"));
        let unroll = comptime!(at.geometry.unroll);
        let (width, lanes) = (W::value(), R::value());
        comptime!(assert!(
            lanes % width == 0,
            "a transposed row of {lanes} lanes is read in vectors of {width}"
        ));
        let rows = self.rows_of(at.batch, at.head);
        let last = comptime!(self.dim / width - 1).runtime();
        let first = at.first / width;
        let mut cells = Array::<Vector<f32, R>>::new(keys.len);
        #[unroll(unroll)]
        for j in 0..keys.len {
            let mut column = Vector::<f32, R>::empty();
            #[unroll]
            for chunk in 0..comptime!(lanes / width) {
                let source = rows.at(keys.first + j, min(first + chunk, last));
                let read = widen::<E, W>(self.data[source]);
                #[unroll]
                for w in 0..width {
                    column.insert(comptime!(chunk * width + w), read.extract(w));
                }
            }
            cells[j] = column;
        }
        Tile::<R> {
            cells,
            rows: at,
            end: keys.count,
            cols: keys.len,
            chunk: keys.len,
            ragged: true,
        }
    }

    /// Writes the rows that exist.
    pub fn store<R: Size>(&mut self, at: RowBlock<R>, tile: Tile<R>) {
        let unroll = comptime!(at.geometry.unroll);
        let split = comptime!(at.geometry.split as usize);
        let (width, lanes) = (W::value(), R::value());
        let chunks = comptime!(self.dim / width);
        comptime!(assert!(
            tile.cols == chunks.div_ceil(split) * width && (split == 1 || tile.chunk == width),
            "a tile of {} columns is stored into rows of {}",
            tile.cols * split,
            self.dim
        ));
        let rows = self.rows_of(at.batch, at.head);
        #[unroll]
        for lane in 0..lanes {
            let row = at.first + lane;
            if row <= rows.last {
                #[unroll(unroll)]
                for chunk in 0..comptime!(tile.cols / width) {
                    let mut write = Vector::<f32, W>::empty();
                    #[unroll]
                    for w in 0..width {
                        let cell = tile.cells[chunk * width + w];
                        write.insert(w, cell.extract(lane));
                    }
                    if comptime!(split == 1) {
                        self.data[rows.at(row, chunk)] = narrow::<E, W>(write);
                    } else {
                        let whole = chunk * split + at.part;
                        if whole < chunks {
                            self.data[rows.at(row, whole)] = narrow::<E, W>(write);
                        }
                    }
                }
            }
        }
    }

    /// Where the rows of a head lie.
    pub(super) fn rows_of(&self, batch: usize, head: usize) -> Rows {
        self.layout.rows::<W>(batch, head, self.rows)
    }

    /// One chunk of a row.
    pub(super) fn chunk(&self, place: usize) -> Vector<f32, W> {
        widen::<E, W>(self.data[place])
    }
}
