//! The `simt` lowering: a unit owns whole rows.
//!
//! A [`Tile`] has `cols` columns; the lanes of a column's vector are the `R` rows that the unit
//! owns. Everything row-wise (maximum, sum, scaling) is then element-wise over vectors, with no
//! exchange between units. The other operand of a product is a [`Rows`] matrix that the whole team
//! reads, one scalar at a time, the same for all lanes.
//!
//! On a CPU `R` is the SIMD width. On a GPU `R` is how many rows a thread carries: a key that is
//! read once serves `R` rows. All arithmetic is `f32`.

use cubecl::prelude::*;

use super::convert::{narrow, widen};
use super::exp::{Exp2, exp, sigmoid_of};
use super::rows::Rows;

/// A tile of `R` rows and `cols` columns, in the registers of one unit.
#[derive(CubeType)]
pub struct Tile<R: Size> {
    cells: Array<Vector<f32, R>>,
    #[cube(comptime)]
    cols: usize,
    /// Whether loops over columns are unrolled. Registers of a GPU have no index, so a tile that
    /// is to live in them must be; a CPU keeps tiles in its first-level cache and wants short code.
    #[cube(comptime)]
    unroll: bool,
}

#[cube]
impl<R: Size> Tile<R> {
    /// All cells equal to `value`.
    pub fn filled(value: f32, #[comptime] cols: usize, #[comptime] unroll: bool) -> Tile<R> {
        let mut tile = Tile::<R> { cells: Array::new(cols), cols, unroll };
        tile.fill(value);
        tile
    }

    /// Sets all cells to `value`.
    pub fn fill(&mut self, value: f32) {
        #[unroll(self.unroll)]
        for j in 0..self.cols {
            self.cells[j] = Vector::new(value);
        }
    }

    /// Rows `first..first + R` of a matrix, times `scale`.
    pub fn load<E: Float, W: Size>(
        matrix: &[Vector<E, W>],
        rows: Rows,
        first: usize,
        scale: f32,
        #[comptime] cols: usize,
        #[comptime] unroll: bool,
    ) -> Tile<R> {
        let mut tile = Tile::<R> { cells: Array::new(cols), cols, unroll };
        let lanes = R::value();
        let width = W::value();
        #[unroll(unroll)]
        for chunk in 0..comptime!(cols / width) {
            let mut columns = Array::<Vector<f32, R>>::new(width);
            #[unroll]
            for lane in 0..lanes {
                let read = widen::<E, W>(matrix[rows.at(first + lane, chunk)]);
                #[unroll]
                for w in 0..width {
                    let mut column = columns[w];
                    column.insert(lane, read.extract(w) * scale);
                    columns[w] = column;
                }
            }
            #[unroll]
            for w in 0..width {
                tile.cells[chunk * width + w] = columns[w];
            }
        }
        tile
    }

    /// Writes the rows that exist, each times its lane of `scale`.
    pub fn store<E: Float, W: Size>(
        &self,
        matrix: &mut [Vector<E, W>],
        rows: Rows,
        first: usize,
        scale: Vector<f32, R>,
    ) {
        let lanes = R::value();
        let width = W::value();
        #[unroll]
        for lane in 0..lanes {
            let row = first + lane;
            if row <= rows.last {
                #[unroll(self.unroll)]
                for chunk in 0..comptime!(self.cols / width) {
                    let mut write = Vector::<f32, W>::empty();
                    #[unroll]
                    for w in 0..width {
                        let cell = self.cells[chunk * width + w];
                        write.insert(w, cell.extract(lane) * scale.extract(lane));
                    }
                    matrix[rows.at(row, chunk)] = narrow::<E, W>(write);
                }
            }
        }
    }

    /// `self[:, j] = Σ_d a[:, d] · rows[first + j][d]`: a product with a transposed matrix.
    pub fn dot<E: Float, W: Size>(
        &mut self,
        a: &Tile<R>,
        matrix: &[Vector<E, W>],
        rows: Rows,
        first: usize,
    ) {
        let width = W::value();
        #[unroll(self.unroll)]
        for j in 0..self.cols {
            let start = rows.at(first + j, 0);
            let mut sum = Vector::<f32, R>::new(0.0f32);
            #[unroll(self.unroll)]
            for chunk in 0..comptime!(a.cols / width) {
                let b = widen::<E, W>(matrix[start + chunk * rows.step]);
                #[unroll]
                for w in 0..width {
                    sum = fma(a.cells[chunk * width + w], Vector::new(b.extract(w)), sum);
                }
            }
            self.cells[j] = sum;
        }
    }

    /// `self[:, j] += Σ_d a[row + :][d] · b[col + j][d]`, `len` long: as [`dot`](Tile::dot), of rows
    /// that are used for one tile only and are never held.
    #[allow(clippy::too_many_arguments)]
    pub fn add_dot_of_rows<E: Float, W: Size>(
        &mut self,
        a: &[Vector<E, W>],
        a_rows: Rows,
        row: usize,
        b: &[Vector<E, W>],
        b_rows: Rows,
        col: usize,
        #[comptime] len: usize,
    ) {
        let lanes = R::value();
        let width = W::value();
        for chunk in 0..comptime!(len / width).runtime() {
            let mut columns = Array::<Vector<f32, R>>::new(width);
            #[unroll]
            for lane in 0..lanes {
                let read = widen::<E, W>(a[a_rows.at(row + lane, chunk)]);
                #[unroll]
                for w in 0..width {
                    let mut column = columns[w];
                    column.insert(lane, read.extract(w));
                    columns[w] = column;
                }
            }
            #[unroll(self.unroll)]
            for j in 0..self.cols {
                let read = widen::<E, W>(b[b_rows.at(col + j, chunk)]);
                let mut sum = self.cells[j];
                #[unroll]
                for w in 0..width {
                    sum = fma(columns[w], Vector::new(read.extract(w)), sum);
                }
                self.cells[j] = sum;
            }
        }
    }

    /// `self[:, d] += Σ_j weights[:, j] · rows[first + j][d]`: a product with a matrix.
    pub fn add_product<E: Float, W: Size>(
        &mut self,
        weights: &Tile<R>,
        matrix: &[Vector<E, W>],
        rows: Rows,
        first: usize,
    ) {
        let width = W::value();
        #[unroll(self.unroll)]
        for j in 0..weights.cols {
            let start = rows.at(first + j, 0);
            let weight = weights.cells[j];
            #[unroll(self.unroll)]
            for chunk in 0..comptime!(self.cols / width) {
                let b = widen::<E, W>(matrix[start + chunk * rows.step]);
                #[unroll]
                for w in 0..width {
                    let d = chunk * width + w;
                    self.cells[d] = fma(weight, Vector::new(b.extract(w)), self.cells[d]);
                }
            }
        }
    }

    /// `Σ_d self[:, d] · other[:, d]`.
    pub fn row_dot(&self, other: &Tile<R>) -> Vector<f32, R> {
        let mut sum = Vector::<f32, R>::new(0.0f32);
        #[unroll(self.unroll)]
        for d in 0..self.cols {
            sum = fma(self.cells[d], other.cells[d], sum);
        }
        sum
    }

    /// The largest cell of each row, or `floor` if that is larger.
    pub fn row_max(&self, floor: Vector<f32, R>) -> Vector<f32, R> {
        let mut largest = floor;
        #[unroll(self.unroll)]
        for j in 0..self.cols {
            largest = max(largest, self.cells[j]);
        }
        largest
    }

    /// `exp(self - shift)`, in place; returns the sum of each row.
    pub fn exp_sub(&mut self, shift: Vector<f32, R>, #[comptime] how: Exp2) -> Vector<f32, R> {
        let mut sum = Vector::<f32, R>::new(0.0f32);
        #[unroll(self.unroll)]
        for j in 0..self.cols {
            let cell = exp::<R>(self.cells[j] - shift, how);
            self.cells[j] = cell;
            sum += cell;
        }
        sum
    }

    /// `1 / (1 + exp(-self))`, in place.
    pub fn sigmoid(&mut self, #[comptime] how: Exp2) {
        #[unroll(self.unroll)]
        for j in 0..self.cols {
            self.cells[j] = sigmoid_of::<R>(self.cells[j], how);
        }
    }

    /// Multiplies each row by its lane of `factor`.
    pub fn scale_rows(&mut self, factor: Vector<f32, R>) {
        #[unroll(self.unroll)]
        for j in 0..self.cols {
            self.cells[j] *= factor;
        }
    }

    /// One column.
    pub fn column(&self, j: usize) -> Vector<f32, R> {
        self.cells[j]
    }

    /// Replaces one column.
    pub fn set_column(&mut self, j: usize, value: Vector<f32, R>) {
        self.cells[j] = value;
    }
}
