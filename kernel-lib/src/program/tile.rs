//! Tiles: rows and columns of numbers in the registers of a program's units.

use cubecl::prelude::*;

use super::column::{Column, ColumnExpand};
use super::place::{RowBlock, RowBlockExpand};
use super::sharing::{Reduction, over_units};

/// A tile: a block of rows, all in `f32`.
///
/// A unit owns `R` rows of it, in the lanes of a vector for each column; where units share rows,
/// it holds some of the columns. Beyond the edge of a tensor a tile has columns that do not exist:
/// reductions, products and stores pass over them, so a kernel never speaks of edges.
///
/// Operators and methods that take a tile by value change it in place. A tile that is still needed
/// is cloned.
// Its expansion is copied freely: that a tile is not used after it moved is checked in the text.
#[derive(CubeType)]
#[expand(derive(Clone, Copy))]
pub struct Tile<R: Size> {
    pub(super) cells: Array<Vector<f32, R>>,
    /// The rows that it stands for.
    pub(super) rows: RowBlock<R>,
    /// Columns that exist, over all units.
    pub(super) end: usize,
    /// Columns that this unit holds.
    #[cube(comptime)]
    pub(super) cols: usize,
    /// Neighbouring columns that a unit holds together.
    #[cube(comptime)]
    pub(super) chunk: usize,
    /// Whether some columns may not exist.
    #[cube(comptime)]
    pub(super) ragged: bool,
}

#[cube]
impl<R: Size> RowBlock<R> {
    /// A tile of zeros with this many columns.
    pub fn zeros(self, #[comptime] cols: usize) -> Tile<R> {
        comptime!(whole_rows(self.geometry.split, "`zeros`"));
        Tile::<R> {
            cells: Array::new(cols),
            rows: self,
            end: comptime!(cols).runtime(),
            cols,
            chunk: cols,
            ragged: false,
        }
        .filled(0.0f32)
    }

    /// The same number for every row.
    pub fn column(self, value: f32) -> Column<R> {
        Column::<R>::filled(value)
    }
}

/// Panics, which makes the kernel's compilation fail, where units share rows.
pub(super) fn whole_rows(split: u32, what: &str) {
    assert!(split == 1, "{what} needs a unit for each row; this kernel splits rows over {split}");
}

#[cube]
impl<R: Size> Tile<R> {
    /// Every cell replaced by `value`.
    pub fn filled(self, value: f32) -> Tile<R> {
        let mut tile = self;
        let unroll = comptime!(tile.rows.geometry.unroll);
        #[unroll(unroll)]
        for j in 0..tile.cols {
            tile.cells[j] = Vector::new(value);
        }
        tile
    }

    /// The largest cell of each row.
    pub fn row_max(&self) -> Column<R> {
        let unroll = comptime!(self.rows.geometry.unroll);
        let mut largest = Vector::<f32, R>::new(f32::NEG_INFINITY);
        #[unroll(unroll)]
        for j in 0..self.cols {
            largest = max(largest, self.cell_or(j, f32::NEG_INFINITY));
        }
        let split = comptime!(self.rows.geometry.split);
        if comptime!(split > 1) {
            largest = over_units::<R>(largest, self.rows, Reduction::Max);
        }
        Column::<R> { value: largest }
    }

    /// The smallest cell of each row.
    pub fn row_min(&self) -> Column<R> {
        let unroll = comptime!(self.rows.geometry.unroll);
        let mut largest = Vector::<f32, R>::new(f32::NEG_INFINITY);
        #[unroll(unroll)]
        for j in 0..self.cols {
            largest = max(largest, Vector::new(0.0f32) - self.cell_or(j, f32::INFINITY));
        }
        let split = comptime!(self.rows.geometry.split);
        if comptime!(split > 1) {
            largest = over_units::<R>(largest, self.rows, Reduction::Max);
        }
        Column::<R> { value: Vector::new(0.0f32) - largest }
    }

    /// The sum of each row.
    pub fn row_sum(&self) -> Column<R> {
        let unroll = comptime!(self.rows.geometry.unroll);
        let mut sum = Vector::<f32, R>::new(0.0f32);
        #[unroll(unroll)]
        for j in 0..self.cols {
            sum += self.cell_or(j, 0.0f32);
        }
        let split = comptime!(self.rows.geometry.split);
        if comptime!(split > 1) {
            sum = over_units::<R>(sum, self.rows, Reduction::Sum);
        }
        Column::<R> { value: sum }
    }

    /// The mean of each row.
    pub fn row_mean(&self) -> Column<R> {
        let count = f32::cast_from(self.end);
        Column::<R> { value: self.row_sum().value / Vector::new(count) }
    }

    /// `e` to the power of every cell.
    pub fn exp(self) -> Tile<R> {
        let mut tile = self;
        let unroll = comptime!(tile.rows.geometry.unroll);
        #[unroll(unroll)]
        for j in 0..tile.cols {
            tile.cells[j] = tile.held(j).exp().value;
        }
        tile
    }

    /// The logistic function of every cell.
    pub fn sigmoid(self) -> Tile<R> {
        let mut tile = self;
        let unroll = comptime!(tile.rows.geometry.unroll);
        #[unroll(unroll)]
        for j in 0..tile.cols {
            tile.cells[j] = tile.held(j).sigmoid().value;
        }
        tile
    }

    /// A copy.
    // Not the trait: a copied handle would be the same tile.
    #[allow(clippy::should_implement_trait)]
    pub fn clone(&self) -> Tile<R> {
        let unroll = comptime!(self.rows.geometry.unroll);
        let mut cells = Array::<Vector<f32, R>>::new(self.cols);
        #[unroll(unroll)]
        for j in 0..self.cols {
            cells[j] = self.cells[j];
        }
        Tile::<R> {
            cells,
            rows: self.rows,
            end: self.end,
            cols: self.cols,
            chunk: self.chunk,
            ragged: self.ragged,
        }
    }

    /// A column that this unit holds.
    pub(super) fn held(&self, j: usize) -> Column<R> {
        Column::<R> { value: self.cells[j] }
    }

    /// Replaces a column that this unit holds.
    #[allow(dead_code, reason = "the expansion calls it")]
    pub(super) fn hold(&mut self, j: usize, column: Column<R>) {
        self.cells[j] = column.value;
    }

    /// A column that this unit holds, or `otherwise` if it does not exist.
    pub(super) fn cell_or(&self, j: usize, otherwise: f32) -> Vector<f32, R> {
        if comptime!(self.ragged) {
            select(self.exists(j), self.cells[j], Vector::new(otherwise))
        } else {
            self.cells[j]
        }
    }

    /// Whether a column that this unit holds exists.
    pub(super) fn exists(&self, j: usize) -> bool {
        let split = comptime!(self.rows.geometry.split as usize);
        if comptime!(split == 1) {
            j < self.end
        } else {
            let chunk = comptime!(self.chunk);
            (j / chunk * split + self.rows.part) * chunk + j % chunk < self.end
        }
    }
}

impl<R: Size> Tile<R> {
    /// Every cell changed; `change` is given the cells of a column, one for each row.
    pub fn map(self, change: impl Fn(Column<R>) -> Column<R>) -> Tile<R> {
        let _ = change;
        cubecl::unexpanded!()
    }
}

impl<R: Size> TileExpand<R> {
    #[doc(hidden)]
    pub fn __expand_map_method(
        mut self,
        scope: &Scope,
        mut change: impl FnMut(&Scope, ColumnExpand<R>) -> ColumnExpand<R>,
    ) -> Self {
        self.each(scope, |tile, scope, j| {
            let column = tile.__expand_held_method(scope, j);
            let column = change(scope, column);
            tile.__expand_hold_method(scope, j, column);
        });
        self
    }

    /// Whether a unit holds the same columns of both.
    pub(super) fn is_divided_like(&self, other: &Self) -> bool {
        self.rows.geometry.split == 1 || self.chunk == other.chunk
    }

    /// Visits the columns that a unit holds.
    pub(super) fn each(
        &mut self,
        scope: &Scope,
        mut visit: impl FnMut(&mut Self, &Scope, NativeExpand<usize>),
    ) {
        let unroll = self.rows.geometry.unroll;
        let columns = RangeExpand::new(0usize.into_expand(scope), self.cols.into_expand(scope));
        branch::for_expand(scope, columns, unroll, |scope, j| visit(self, scope, j));
    }
}

/// `tile = other`: the cells are copied.
impl<R: Size> Assign for TileExpand<R> {
    fn __expand_assign_method(&mut self, scope: &Scope, value: Self) {
        assert!(
            self.cols == value.cols && self.ragged == value.ragged && self.is_divided_like(&value),
            "a tile of {} columns is assigned to one of {}, or a whole one to a block's",
            value.cols,
            self.cols
        );
        self.each(scope, |tile, scope, j| {
            let column = value.__expand_held_method(scope, j);
            tile.__expand_hold_method(scope, j, column);
        });
        self.end.__expand_assign_method(scope, value.end);
    }
}
