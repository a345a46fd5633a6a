//! Which rows a unit works on, and which rows of another tensor it meets.

use core::marker::PhantomData;

use cubecl::prelude::*;

use crate::tile::team::Team;

/// How the units of a program share its tiles; fixed when a kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Units of a program.
    pub units: u32,
    /// Units that share a row, each with some of its columns.
    pub split: u32,
    /// Programs that share a cube: as many as a CPU has cores, one on a GPU.
    pub programs: u32,
    /// Whether tiles live in registers, with every loop over their columns unrolled: on a GPU.
    pub unroll: bool,
}

/// A block of rows of one head, and the `R` of them that this unit owns.
///
/// It is what `rows` is in the body of a kernel; [`blocks`](RowBlock::blocks) makes others.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct RowBlock<R: Size> {
    pub(super) batch: usize,
    pub(super) head: usize,
    /// The first of this unit's rows.
    pub(super) first: usize,
    pub(super) team: Team,
    /// Which part of its rows this unit holds, where units share rows.
    pub(super) part: usize,
    #[cube(comptime)]
    pub(super) geometry: Geometry,
    #[cube(comptime)]
    lanes: PhantomData<R>,
}

#[cube]
impl<R: Size> RowBlock<R> {
    /// The block of a program: the `block`-th of a head.
    pub fn of_program(
        batch: usize,
        head: usize,
        block: usize,
        team: Team,
        #[comptime] geometry: Geometry,
    ) -> RowBlock<R> {
        let split = comptime!(geometry.split as usize);
        let member = team.member as usize;
        let (row, part) = if comptime!(split == 1) {
            (member, 0usize.runtime())
        } else {
            (member / split, member % split)
        };
        let lanes = R::value();
        let height = comptime!((geometry.units / geometry.split) as usize * lanes);
        let first = block * height + row * lanes;
        RowBlock::<R> { batch, head, first, team, part, geometry, lanes: PhantomData }
    }

    /// Blocks that together cover `rows` rows of this head, one after another.
    pub fn blocks(self, rows: usize) -> RowBlocks<R> {
        RowBlocks::<R> { like: self, rows }
    }

    /// Waits until every unit of the program is here.
    pub(super) fn sync(&self) {
        if comptime!(self.geometry.unroll) {
            sync_cube();
        }
    }

    #[allow(dead_code, reason = "the expansion calls it")]
    pub(super) fn starting_at(&self, start: usize) -> RowBlock<R> {
        let split = comptime!(self.geometry.split as usize);
        let lanes = R::value();
        let row = self.team.member as usize / split;
        RowBlock::<R> {
            batch: self.batch,
            head: self.head,
            first: start + row * lanes,
            team: self.team,
            part: self.part,
            geometry: self.geometry,
            lanes: PhantomData,
        }
    }
}

/// An iterator over blocks of rows.
#[allow(dead_code, reason = "the expansion reads the fields")]
#[derive(CubeType)]
pub struct RowBlocks<R: Size> {
    like: RowBlock<R>,
    rows: usize,
}

impl<R: Size> Iterator for RowBlocks<R> {
    type Item = RowBlock<R>;

    fn next(&mut self) -> Option<RowBlock<R>> {
        cubecl::unexpanded!()
    }
}

impl<R: Size> RowBlocksExpand<R> {
    fn height(&self, scope: &Scope) -> usize {
        let geometry = self.like.geometry;
        (geometry.units / geometry.split) as usize * R::__expand_value(scope)
    }
}

impl<R: Size> Iterable for RowBlocksExpand<R> {
    type Item = RowBlockExpand<R>;

    fn expand(self, scope: &Scope, body: &mut dyn FnMut(&Scope, Self::Item)) {
        let step = self.height(scope);
        let starts = range_stepped::expand(
            scope,
            0usize.into_expand(scope),
            self.rows,
            step.into_expand(scope),
        );
        Iterable::expand(starts, scope, &mut |scope, start| {
            let block = self.like.__expand_starting_at_method(scope, start);
            body(scope, block);
        });
    }

    fn expand_unroll(self, scope: &Scope, body: &mut dyn FnMut(&Scope, Self::Item)) {
        self.expand(scope, body);
    }
}

/// Some neighbouring rows of a tensor that a whole program meets: keys, say.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Block {
    /// The first row.
    pub(super) first: usize,
    /// How many of `len` rows exist.
    pub(super) count: usize,
    #[cube(comptime)]
    pub(super) len: usize,
}

/// An iterator over blocks of neighbouring rows.
#[allow(dead_code, reason = "the expansion reads the fields")]
#[derive(CubeType)]
pub struct Blocks {
    rows: usize,
    #[cube(comptime)]
    len: usize,
}

#[cube]
impl Blocks {
    pub(super) fn over(rows: usize, #[comptime] len: usize) -> Blocks {
        Blocks { rows, len }
    }

    #[allow(dead_code, reason = "the expansion calls it")]
    fn starting_at(&self, first: usize) -> Block {
        let len = comptime!(self.len);
        Block { first, count: min(comptime!(len).runtime(), self.rows - first), len }
    }
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        cubecl::unexpanded!()
    }
}

impl Iterable for BlocksExpand {
    type Item = BlockExpand;

    fn expand(self, scope: &Scope, body: &mut dyn FnMut(&Scope, Self::Item)) {
        let starts = range_stepped::expand(
            scope,
            0usize.into_expand(scope),
            self.rows,
            self.len.into_expand(scope),
        );
        Iterable::expand(starts, scope, &mut |scope, start| {
            let block = self.__expand_starting_at_method(scope, start);
            body(scope, block);
        });
    }

    fn expand_unroll(self, scope: &Scope, body: &mut dyn FnMut(&Scope, Self::Item)) {
        self.expand(scope, body);
    }
}
