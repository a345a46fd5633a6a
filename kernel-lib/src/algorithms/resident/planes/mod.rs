//! Short sequences on tensor cores: a cube brings the rows of several heads on chip, each plane
//! computes one head after another and keeps all of its scores in registers.
//!
//! Only inputs and results touch memory. Sequence lengths are fixed when a kernel is compiled:
//! what is ragged about them then costs nothing where it does not occur.

pub mod backward;
mod fold;
pub mod forward;
mod parts;
mod per_query;
pub mod softmax;
mod stages;
mod tile_map;

use cubecl::prelude::*;

use crate::algorithms::scores::Cell;
use crate::algorithms::{Group, Shape};
use crate::language::Normaliser;
use crate::tile::chip::{Arrangement, Chip, ChipShape, Transfer, UNIT_BYTES};
use crate::tile::elements::{Elements, Half};
use crate::tile::fragment::{COLS, ROWS};
use crate::tile::operand::rows16;
use crate::tile::ptx::{global_address, global_address_mut};
use crate::tile::rows::Layout;

pub use tile_map::TileMap;

/// What is fixed when a kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaneConfig {
    /// The element type.
    pub elements: Elements,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
    /// Queries of a head.
    pub queries: usize,
    /// Keys of a head.
    pub keys: usize,
    /// Neighbouring heads of a cube.
    pub heads: usize,
    /// Planes of a cube.
    pub planes: usize,
    /// Numbers moved at a time between memory and chip.
    pub width: usize,
    /// How the heads of a cube lie.
    pub arrangement: Arrangement,
    /// Whether the variant changes the score.
    pub score: bool,
    /// Whether the variant masks.
    pub mask: bool,
    /// Whether the scale is positive, so that a maximum may be taken before scaling.
    pub positive_scale: bool,
    /// What the mask leaves of the tiles.
    pub tiles: TileMap,
    /// How scores become weights.
    pub normaliser: Normaliser,
    /// Whether the variant weighs normalised weights.
    pub weighs: bool,
}

/// Fragments that stay in registers for a whole head, at most.
const HELD_REGISTERS: usize = 48;
/// Fragments that stay in registers besides those, at most.
const HELD_BESIDE: usize = 12;
/// Blocks of rows whose loop is unrolled, at most.
const UNROLLED_BLOCKS: usize = 4;

/// Whether operands of this many registers are held.
pub(super) fn held(registers: usize) -> bool {
    registers <= HELD_REGISTERS
}

/// Whether operands of this many registers are held although others are.
pub(super) fn held_beside(registers: usize) -> bool {
    registers <= HELD_BESIDE
}

impl PlaneConfig {
    /// Units of a row of a query or key.
    pub fn key_units(&self) -> usize {
        (self.head_dim * self.elements.bytes()).div_ceil(UNIT_BYTES)
    }

    /// Units of a row of a value.
    pub fn value_units(&self) -> usize {
        (self.value_dim * self.elements.bytes()).div_ceil(UNIT_BYTES)
    }

    /// Results, eight columns wide, side by side in a row of a query or key.
    pub fn key_columns(&self) -> usize {
        self.head_dim.div_ceil(COLS)
    }

    /// Results side by side in a row of a value.
    pub fn value_columns(&self) -> usize {
        self.value_dim.div_ceil(COLS)
    }

    /// Blocks of sixteen queries.
    pub fn query_blocks(&self) -> usize {
        self.queries.div_ceil(ROWS)
    }

    /// Blocks of sixteen keys.
    pub fn key_blocks(&self) -> usize {
        self.keys.div_ceil(ROWS)
    }

    /// Tiles of eight keys.
    pub fn key_tiles(&self) -> usize {
        self.keys.div_ceil(COLS)
    }

    /// Tiles of eight queries.
    pub fn query_tiles(&self) -> usize {
        self.queries.div_ceil(COLS)
    }

    /// Whether scores are multiplied by the scale before anything else happens to them, rather
    /// than as part of the exponential.
    pub fn scales_first(&self) -> bool {
        self.score || !self.positive_scale
    }

    /// Whether norms may show that a row needs no maximum. They say nothing of what a variant adds
    /// to scores, and f16 has no range to spare.
    pub fn may_be_bounded(&self) -> bool {
        let plain = !self.scales_first() && self.normaliser == Normaliser::Softmax;
        self.elements != Elements::Half(Half::F16) && plain
    }

    /// Rows of so many results on chip.
    pub(super) fn chip_shape(&self, rows: usize, columns: usize) -> ChipShape {
        ChipShape {
            rows,
            units: columns * COLS * self.elements.bytes() / UNIT_BYTES,
            heads: self.heads,
            elements: self.elements,
            arrangement: self.arrangement,
        }
    }

    /// Queries on chip, and in their place the output.
    pub fn query_chip(&self) -> ChipShape {
        self.chip_shape(self.queries, self.key_columns().max(self.value_columns()))
    }

    /// Keys on chip.
    pub fn key_chip(&self) -> ChipShape {
        self.chip_shape(self.keys, self.key_columns())
    }

    /// Values on chip.
    pub fn value_chip(&self) -> ChipShape {
        self.chip_shape(self.keys, self.value_columns())
    }

    /// Output gradients, or the output, on chip.
    pub fn out_chip(&self) -> ChipShape {
        self.chip_shape(self.queries, self.value_columns())
    }

    /// Numbers on chip for each head that the backward pass takes a log-sum-exp or a `Δ` from: one
    /// for each query of each tile.
    pub fn row_len(&self) -> usize {
        self.query_tiles() * COLS
    }

    /// Whether `Δ` is computed ahead and kept on chip, rather than from the output by tensor cores
    /// as part of the product that gives `dP`.
    pub fn keeps_delta(&self) -> bool {
        let in_product = self.normaliser != Normaliser::Sigmoid && !self.weighs;
        self.elements.is_single() || !in_product
    }

    /// Whether sums of weights are products with ones, taken over what was rounded to 16 bits.
    /// What was not keeps its precision only in `f32`, and what is weighed was summed before.
    pub fn sums_rounded(&self) -> bool {
        !self.elements.is_single() && !self.weighs
    }

    /// Shared memory of the forward pass.
    pub fn forward_bytes(&self) -> usize {
        let chips = [self.query_chip(), self.key_chip(), self.value_chip()];
        chips.iter().map(ChipShape::bytes).sum::<usize>() + UNIT_BYTES
    }

    /// Shared memory of the backward pass.
    pub fn backward_bytes(&self) -> usize {
        let queries = self.chip_shape(self.queries, self.key_columns());
        let chips = [queries, self.key_chip(), self.value_chip(), self.out_chip()];
        let rows = self.heads * self.row_len() * 4;
        let rest = if self.keeps_delta() { rows } else { self.out_chip().bytes() };
        chips.iter().map(ChipShape::bytes).sum::<usize>() + rest + rows + UNIT_BYTES
    }

    pub(super) fn transfer(&self, dim: usize) -> Transfer {
        Transfer { workers: 32 * self.planes, elements: self.elements, dim, width: self.width }
    }
}

/// The heads of this cube.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Heads {
    pub batch: usize,
    pub first: usize,
}

#[cube]
impl Heads {
    /// A cube takes neighbouring heads of one sequence.
    pub fn of_this_cube(shape: Shape, #[comptime] config: PlaneConfig) -> Heads {
        let cubes = shape.heads / comptime!(config.heads);
        Heads { batch: CUBE_POS / cubes, first: CUBE_POS % cubes * comptime!(config.heads) }
    }

    /// The address of the first head's first row in a tensor.
    pub fn start<F: Float, W: Size>(
        &self,
        tensor: &[Vector<F, W>],
        layout: Layout,
        #[comptime] config: PlaneConfig,
    ) -> u64 {
        global_address::<Vector<F, W>>(tensor.as_ptr()) + self.offset(layout, config)
    }

    /// The same in a tensor of results.
    pub fn start_mut<F: Float, W: Size>(
        &self,
        tensor: &mut [Vector<F, W>],
        layout: Layout,
        #[comptime] config: PlaneConfig,
    ) -> u64 {
        global_address_mut::<Vector<F, W>>(tensor.as_mut_ptr()) + self.offset(layout, config)
    }

    fn offset(&self, layout: Layout, #[comptime] config: PlaneConfig) -> u64 {
        let elements = self.batch * layout.batch + self.first * layout.head;
        u64::cast_from(elements) * comptime!(config.elements.bytes() as u64)
    }

    /// The `nth` of them.
    pub fn head(&self, nth: u32, shape: Shape, scale: f32) -> Head {
        let head = self.first + nth as usize;
        let first_row = (self.batch * shape.heads + head) * shape.queries;
        let group = Group { batch: self.batch, head, kv_head: head, first_row };
        Head { nth, group, shape, scale }
    }
}

/// The head that a plane computes.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Head {
    /// Its place among the heads of the cube.
    pub nth: u32,
    pub group: Group,
    pub shape: Shape,
    /// What its products are multiplied by.
    pub scale: f32,
}

#[cube]
impl Head {
    /// One of its scores.
    pub fn cell(&self, query: u32, key: u32) -> Cell {
        Cell { group: self.group, shape: self.shape, query, key }
    }
}

/// Sixteen rows of a head.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct RowBlock {
    /// Its place.
    pub at: u32,
    /// Its place, where it is known when the kernel is compiled.
    #[cube(comptime)]
    pub nth: Option<usize>,
    /// Whether all of its rows exist.
    #[cube(comptime)]
    pub whole: bool,
}

#[cube]
impl RowBlock {
    /// A block whose place is known when the kernel is compiled.
    pub fn known(#[comptime] nth: usize, #[comptime] whole: bool) -> RowBlock {
        let at = comptime!(nth as u32).runtime();
        RowBlock { at, nth: comptime!(Some(nth)), whole }
    }

    /// A whole one of many.
    pub fn whole(at: u32) -> RowBlock {
        RowBlock { at, nth: comptime!(None), whole: true }
    }
}

/// A head's rows as an operand: in registers for good, or read where they are used.
#[derive(CubeType)]
pub struct Operand {
    chip: Chip,
    head: u32,
    held: Sequence<Sequence<Sequence<u32>>>,
    #[cube(comptime)]
    n: usize,
    #[cube(comptime)]
    transposed: bool,
    #[cube(comptime)]
    hold: bool,
}

#[cube]
impl Operand {
    /// The rows of `head`: as they lie, `n` units; transposed, `n` times eight columns.
    pub fn new(
        chip: Chip,
        head: u32,
        #[comptime] n: usize,
        #[comptime] transposed: bool,
        #[comptime] hold: bool,
    ) -> Operand {
        let mut held = Sequence::<Sequence<Sequence<u32>>>::new();
        if comptime!(hold) {
            let blocks = comptime!(chip.shape.rows.div_ceil(ROWS));
            #[unroll]
            for block in 0..blocks {
                let whole = comptime!((block + 1) * ROWS <= chip.shape.rows);
                let at = comptime!(block as u32).runtime();
                held.push(rows16(chip, head, at, n, transposed, whole));
            }
        }
        Operand { chip, head, held, n, transposed, hold }
    }

    /// Sixteen of them.
    pub fn block(&self, #[comptime] block: usize) -> Sequence<Sequence<u32>> {
        if comptime!(self.hold) {
            self.held[block].clone()
        } else {
            let whole = comptime!((block + 1) * ROWS <= self.chip.shape.rows);
            let at = comptime!(block as u32).runtime();
            rows16(self.chip, self.head, at, self.n, self.transposed, whole)
        }
    }
}
