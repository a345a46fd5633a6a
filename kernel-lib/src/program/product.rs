//! Products of a tile with rows that the whole program meets.
//!
//! On a GPU the rows come on chip first, as `f32`, and rows that do not exist are zeros there. On
//! a CPU, where a program is one unit, they are read where they lie.

use cubecl::prelude::*;

use super::matrix::{Matrix, QUAD, Quad};
use super::place::{Block, RowBlock};
use super::tensor::Tensor;
use super::tile::{Tile, TileExpand, whole_rows};

#[cube]
impl<R: Size> Tile<R> {
    /// `self · keysᵀ`: a column for each row of the block.
    pub fn dot_t<E: Float, W: Size>(&self, keys: &Tensor<E, W>, block: Block) -> Tile<R> {
        comptime!(whole_rows(self.rows.geometry.split, "`dot_t`"));
        let width = W::value();
        let chunks = comptime!(self.cols / width);
        comptime!(assert!(
            self.cols == chunks * width,
            "`dot_t` multiplies rows of {} with rows of another length",
            self.cols
        ));
        let mut scores = Array::<Vector<f32, R>>::new(block.len);
        if comptime!(self.rows.geometry.unroll) {
            let rows = stage::<E, W, R>(keys, block, self.rows);
            #[unroll]
            for j in 0..block.len {
                let mut sum = Vector::<f32, R>::new(0.0f32);
                #[unroll]
                for chunk in 0..chunks {
                    let key = rows[j * chunks + chunk];
                    #[unroll]
                    for w in 0..width {
                        sum = fma(self.cells[chunk * width + w], Vector::new(key.extract(w)), sum);
                    }
                }
                scores[j] = sum;
            }
        } else {
            let rows = keys.rows_of(self.rows.batch, self.rows.head);
            for j in 0..block.count {
                let start = rows.at(block.first + j, 0);
                let mut sum = Vector::<f32, R>::new(0.0f32);
                for chunk in 0..chunks {
                    let key = keys.chunk(start + chunk * rows.step);
                    #[unroll]
                    for w in 0..width {
                        sum = fma(self.cells[chunk * width + w], Vector::new(key.extract(w)), sum);
                    }
                }
                scores[j] = sum;
            }
        }
        Tile::<R> {
            cells: scores,
            rows: self.rows,
            end: block.count,
            cols: block.len,
            chunk: block.len,
            ragged: true,
        }
    }

    /// `self · values`: the rows of the block, weighted by the columns of this tile and summed.
    pub fn dot<E: Float, W: Size>(&self, values: &Tensor<E, W>, block: Block) -> Tile<R> {
        let dim = values.dim();
        let mut sum = self.rows.zeros(dim);
        sum.add_dot(self, values, block);
        sum
    }

    /// `self += weights · values`, which is what `self += weights.dot(values, block)` means.
    pub fn add_dot<E: Float, W: Size>(
        &mut self,
        weights: &Tile<R>,
        values: &Tensor<E, W>,
        block: Block,
    ) {
        comptime!(whole_rows(self.rows.geometry.split, "`dot`"));
        let width = W::value();
        let dim = values.dim();
        let chunks = comptime!(dim / width);
        comptime!(assert!(
            weights.cols == block.len && self.cols == dim,
            "`dot` sums {} rows of {dim} with {} weights into {} columns",
            block.len,
            weights.cols,
            self.cols
        ));
        if comptime!(self.rows.geometry.unroll) {
            let rows = stage::<E, W, R>(values, block, self.rows);
            #[unroll]
            for j in 0..block.len {
                let weight = weights.cell_or(j, 0.0f32);
                #[unroll]
                for chunk in 0..chunks {
                    let value = rows[j * chunks + chunk];
                    #[unroll]
                    for w in 0..width {
                        let d = comptime!(chunk * width + w);
                        self.cells[d] = fma(weight, Vector::new(value.extract(w)), self.cells[d]);
                    }
                }
            }
        } else {
            let rows = values.rows_of(self.rows.batch, self.rows.head);
            for j in 0..block.count {
                let start = rows.at(block.first + j, 0);
                let weight = weights.cells[j];
                for chunk in 0..chunks {
                    let value = values.chunk(start + chunk * rows.step);
                    #[unroll]
                    for w in 0..width {
                        let d = chunk * width + w;
                        self.cells[d] = fma(weight, Vector::new(value.extract(w)), self.cells[d]);
                    }
                }
            }
        }
    }

    /// `self · matrix`, with a matrix that the program made.
    pub fn times(&self, matrix: &Matrix) -> Tile<R> {
        comptime!(whole_rows(self.rows.geometry.split, "`times`"));
        let (rows, cols) = comptime!((matrix.rows, matrix.cols));
        comptime!(assert!(
            self.cols == rows,
            "`times` multiplies rows of {} with a matrix of {rows} rows",
            self.cols
        ));
        let unroll = comptime!(self.rows.geometry.unroll);
        let chunks = comptime!(cols.div_ceil(QUAD));
        let mut cells = Array::<Vector<f32, R>>::new(cols);
        // Nobody is waited for here: a barrier keeps the compiler from reading the whole matrix
        // into registers in front of a loop over rows.
        self.rows.sync();
        #[unroll(unroll)]
        for d in 0..cols {
            cells[d] = Vector::new(0.0f32);
        }
        #[unroll(unroll)]
        for row in 0..rows {
            let factor = self.cells[row];
            #[unroll]
            for chunk in 0..chunks {
                let quad: Quad = matrix.quad(row, chunk);
                #[unroll]
                for w in 0..QUAD {
                    let d = comptime!(chunk * QUAD + w);
                    if comptime!(d < cols) {
                        cells[d] = fma(factor, Vector::new(quad.extract(w)), cells[d]);
                    }
                }
            }
        }
        Tile::<R> {
            cells,
            rows: self.rows,
            end: comptime!(cols).runtime(),
            cols,
            chunk: cols,
            ragged: false,
        }
    }
}

/// Brings a block of rows on chip, for the whole program.
#[cube]
fn stage<E: Float, W: Size, R: Size>(
    tensor: &Tensor<E, W>,
    block: Block,
    at: RowBlock<R>,
) -> Shared<[Vector<f32, W>]> {
    let width = W::value();
    let dim = tensor.dim();
    let chunks = comptime!(dim / width);
    let rows = tensor.rows_of(at.batch, at.head);
    let mut on_chip =
        Shared::<[Vector<f32, W>]>::new_aligned_slice(comptime!(block.len * chunks), 16usize);
    // Whoever still reads what lay there before.
    at.sync();
    for i in range_stepped(
        at.team.member as usize,
        comptime!(block.len * chunks).runtime(),
        comptime!(at.geometry.units as usize).runtime(),
    ) {
        let row = i / chunks;
        let read = tensor.chunk(rows.at(block.first + row, i % chunks));
        on_chip[i] = select(row < block.count, read, Vector::new(0.0f32));
    }
    at.sync();
    on_chip
}
