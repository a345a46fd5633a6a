//! `+ - * /` between tiles, columns and numbers.
//!
//! The left operand is the tile or column. A column meets every column of a tile, a number every
//! cell.

use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use cubecl::prelude::*;

use super::column::{Column, ColumnExpand};
use super::tile::{Tile, TileExpand};

/// What may stand right of an operator on a tile.
pub trait TileOperand<R: Size> {
    /// What meets column `j` of the tile.
    fn at(
        &self,
        scope: &Scope,
        tile: &TileExpand<R>,
        j: NativeExpand<usize>,
    ) -> NativeExpand<Vector<f32, R>>;

    /// One divided by this, if that is one number for each row.
    fn inverse(&self, scope: &Scope) -> Option<ColumnExpand<R>>;
}

impl<R: Size> TileOperand<R> for TileExpand<R> {
    fn at(
        &self,
        scope: &Scope,
        tile: &TileExpand<R>,
        j: NativeExpand<usize>,
    ) -> NativeExpand<Vector<f32, R>> {
        assert!(
            self.cols == tile.cols && self.is_divided_like(tile),
            "the tiles of an operator have {} and {} columns",
            tile.cols,
            self.cols
        );
        self.__expand_held_method(scope, j).value
    }

    fn inverse(&self, _: &Scope) -> Option<ColumnExpand<R>> {
        None
    }
}

impl<R: Size> TileOperand<R> for ColumnExpand<R> {
    fn at(
        &self,
        _: &Scope,
        _: &TileExpand<R>,
        _: NativeExpand<usize>,
    ) -> NativeExpand<Vector<f32, R>> {
        self.value
    }

    fn inverse(&self, scope: &Scope) -> Option<ColumnExpand<R>> {
        Some(self.__expand_recip_method(scope))
    }
}

impl<R: Size> TileOperand<R> for NativeExpand<f32> {
    fn at(
        &self,
        scope: &Scope,
        _: &TileExpand<R>,
        _: NativeExpand<usize>,
    ) -> NativeExpand<Vector<f32, R>> {
        Column::<R>::__expand_filled(scope, *self).value
    }

    fn inverse(&self, scope: &Scope) -> Option<ColumnExpand<R>> {
        Some(Column::<R>::__expand_filled(scope, *self).__expand_recip_method(scope))
    }
}

/// What may stand right of an operator on a column.
pub trait ColumnOperand<R: Size> {
    /// It, for each row.
    fn column(&self, scope: &Scope) -> NativeExpand<Vector<f32, R>>;
}

impl<R: Size> ColumnOperand<R> for ColumnExpand<R> {
    fn column(&self, _: &Scope) -> NativeExpand<Vector<f32, R>> {
        self.value
    }
}

impl<R: Size> ColumnOperand<R> for NativeExpand<f32> {
    fn column(&self, scope: &Scope) -> NativeExpand<Vector<f32, R>> {
        Column::<R>::__expand_filled(scope, *self).value
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $assign_trait:ident, $assign_method:ident, $expand:ident, $assign_expand:ident) => {
        operator!(@host $trait, $method, $assign_trait, $assign_method, Tile, [Tile<R>, Column<R>, f32]);
        operator!(@host $trait, $method, $assign_trait, $assign_method, Column, [Column<R>, f32]);

        #[doc(hidden)]
        impl<R: Size> ColumnExpand<R> {
            pub fn $expand(self, scope: &Scope, right: impl ColumnOperand<R>) -> Self {
                let value = self.value.$expand(scope, right.column(scope));
                ColumnExpand { value }
            }

            pub fn $assign_expand(&mut self, scope: &Scope, right: impl ColumnOperand<R>) {
                let value = self.value.$expand(scope, right.column(scope));
                self.value.__expand_assign_method(scope, value);
            }
        }
    };
    (@host $trait:ident, $method:ident, $assign_trait:ident, $assign_method:ident, $left:ident, [$($right:ty),+]) => {
        $(
            impl<R: Size> $trait<$right> for $left<R> {
                type Output = $left<R>;

                fn $method(self, _: $right) -> $left<R> {
                    cubecl::unexpanded!()
                }
            }

            impl<R: Size> $assign_trait<$right> for $left<R> {
                fn $assign_method(&mut self, _: $right) {
                    cubecl::unexpanded!()
                }
            }
        )+
    };
}

operator!(Add, add, AddAssign, add_assign, __expand_add_method, __expand_add_assign_method);
operator!(Sub, sub, SubAssign, sub_assign, __expand_sub_method, __expand_sub_assign_method);
operator!(Mul, mul, MulAssign, mul_assign, __expand_mul_method, __expand_mul_assign_method);
operator!(Div, div, DivAssign, div_assign, __expand_div_method, __expand_div_assign_method);

macro_rules! on_tile {
    ($expand:ident, $assign_expand:ident) => {
        #[doc(hidden)]
        impl<R: Size> TileExpand<R> {
            pub fn $expand(mut self, scope: &Scope, right: impl TileOperand<R>) -> Self {
                self.$assign_expand(scope, right);
                self
            }

            pub fn $assign_expand(&mut self, scope: &Scope, right: impl TileOperand<R>) {
                self.each(scope, |tile, scope, j| {
                    let right = right.at(scope, tile, j);
                    let value = tile.__expand_held_method(scope, j).value.$expand(scope, right);
                    tile.__expand_hold_method(scope, j, ColumnExpand { value });
                });
            }
        }
    };
}

on_tile!(__expand_add_method, __expand_add_assign_method);
on_tile!(__expand_sub_method, __expand_sub_assign_method);
on_tile!(__expand_mul_method, __expand_mul_assign_method);

#[doc(hidden)]
impl<R: Size> TileExpand<R> {
    pub fn __expand_div_method(mut self, scope: &Scope, right: impl TileOperand<R>) -> Self {
        self.__expand_div_assign_method(scope, right);
        self
    }

    /// One division for a row serves all of its cells.
    pub fn __expand_div_assign_method(&mut self, scope: &Scope, right: impl TileOperand<R>) {
        if let Some(inverse) = right.inverse(scope) {
            return self.__expand_mul_assign_method(scope, inverse);
        }
        self.each(scope, |tile, scope, j| {
            let right = right.at(scope, tile, j);
            let value = tile.__expand_held_method(scope, j).value.__expand_div_method(scope, right);
            tile.__expand_hold_method(scope, j, ColumnExpand { value });
        });
    }

    pub fn __expand_neg_method(self, scope: &Scope) -> Self {
        self.__expand_mul_method(scope, (-1.0f32).into_expand(scope))
    }
}

#[doc(hidden)]
impl<R: Size> ColumnExpand<R> {
    pub fn __expand_neg_method(self, scope: &Scope) -> Self {
        self.__expand_mul_method(scope, (-1.0f32).into_expand(scope))
    }
}

impl<R: Size> Neg for Tile<R> {
    type Output = Tile<R>;

    fn neg(self) -> Tile<R> {
        cubecl::unexpanded!()
    }
}

impl<R: Size> Neg for Column<R> {
    type Output = Column<R>;

    fn neg(self) -> Column<R> {
        cubecl::unexpanded!()
    }
}
