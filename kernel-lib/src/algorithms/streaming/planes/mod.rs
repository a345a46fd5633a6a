//! Long sequences on tensor cores: a plane owns sixteen rows, blocks of the other side flow past.
//!
//! FlashAttention-2 (arXiv 2307.08691) forward; backward in two kernels, so that every gradient has
//! one owner. Lengths are arguments: one kernel serves all of them. What a mask hides whole is
//! never brought on chip ([`block_list`]).

pub mod backward_keys;
pub mod backward_queries;
pub mod block_list;
pub mod delta;
pub mod forward;
pub mod launch;
mod learned_cells;
pub(in crate::algorithms) mod learned_launch;
mod query_rows;
mod stream;

use cubecl::prelude::*;

use crate::algorithms::Group;
use crate::tile::chip::{Arrangement, ChipShape, Transfer, UNIT_BYTES};
use crate::tile::elements::Elements;
use crate::tile::fragment::{COLS, ROWS};
use crate::tile::ptx::{global_address, global_address_mut};
use crate::tile::rows::Layout;

/// What is fixed when a kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamConfig {
    /// The element type.
    pub elements: Elements,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
    /// Planes of a cube, each with sixteen rows.
    pub planes: usize,
    /// Rows of the other side that are brought on chip together: a multiple of sixteen.
    pub block: usize,
    /// Numbers moved at a time between memory and chip.
    pub width: usize,
    /// Whether the variant changes the score.
    pub score: bool,
    /// Whether the variant masks.
    pub mask: bool,
    /// Whether what it keeps of every cell was found before, rather than that the mask is evaluated.
    pub bits: bool,
    /// Whether the scale is positive, so that a maximum may be taken before scaling.
    pub positive_scale: bool,
}

/// Blocks that are on chip at a time: while one is used, the next is on its way.
pub(super) const STAGES: usize = 2;
/// Registers that sums and a plane's own rows may take together for the rows to stay in them.
const HELD_REGISTERS: usize = 128;
/// The same where operands have two terms.
const HELD_REGISTERS_SINGLE: usize = 96;

impl StreamConfig {
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

    /// Rows that a cube owns.
    pub fn rows(&self) -> usize {
        ROWS * self.planes
    }

    /// Whether scores are multiplied by the scale before anything else happens to them, rather
    /// than as part of the exponential.
    pub fn scales_first(&self) -> bool {
        self.score || !self.positive_scale
    }

    /// Words that a mask has for a block: see [`block_list`].
    pub(super) fn words(&self) -> usize {
        self.planes * block_list::words_each(self.bits)
    }

    /// Whether the backward pass's loop over the sixteens of a block is unrolled. The text of three
    /// products would be too long.
    pub(super) fn unrolls(&self) -> bool {
        !self.elements.is_single()
    }

    /// Whether a plane's own rows, `own` units of them, stay in registers beside so many `sums`.
    pub(super) fn holds(&self, sums: usize, own: usize) -> bool {
        let available = match self.elements {
            Elements::Half(_) => HELD_REGISTERS,
            Elements::Single(_) => HELD_REGISTERS_SINGLE,
        };
        4 * sums + 2 * own * self.elements.terms() <= available
    }

    /// Rows of so many results on chip.
    pub fn chip(&self, rows: usize, columns: usize) -> ChipShape {
        let (elements, arrangement) = (self.elements, Arrangement::SideBySide);
        let units = columns * COLS * elements.bytes() / UNIT_BYTES;
        ChipShape { rows, units, heads: 1, elements, arrangement }
    }

    /// Rows of a query or key and of a value, of which one may take the other's place.
    pub fn wider(&self) -> usize {
        self.key_columns().max(self.value_columns())
    }

    /// The two matrices that flow past, at one stage.
    fn stage_bytes(&self) -> usize {
        let chips = [self.key_columns(), self.value_columns()]
            .map(|columns| self.chip(self.block, columns));
        chips.iter().map(ChipShape::bytes).sum()
    }

    /// Shared memory of the forward pass.
    pub fn forward_bytes(&self) -> usize {
        self.chip(self.rows(), self.wider()).bytes() + STAGES * self.stage_bytes()
    }

    /// Numbers on chip that go with a block of queries: a log-sum-exp and a `Δ` for each.
    pub(super) fn query_numbers(&self) -> usize {
        2 * 4 * self.block
    }

    /// Shared memory of the backward pass, the larger of its two kernels.
    pub fn backward_bytes(&self) -> usize {
        let own = [self.key_columns(), self.value_columns()].map(|n| self.chip(self.rows(), n));
        let own: usize = own.iter().map(ChipShape::bytes).sum();
        own + STAGES * (self.stage_bytes() + self.query_numbers())
    }

    pub(super) fn transfer(&self, dim: usize) -> Transfer {
        Transfer { workers: 32 * self.planes, elements: self.elements, dim, width: self.width }
    }
}

/// The address of a row of a head in a tensor.
#[cube]
pub(super) fn row_address<F: Float, W: Size>(
    tensor: &[Vector<F, W>],
    layout: Layout,
    group: Group,
    head: usize,
    row: usize,
    #[comptime] config: StreamConfig,
) -> u64 {
    global_address::<Vector<F, W>>(tensor.as_ptr()) + row_offset(layout, group, head, row, config)
}

/// The same in a tensor of results.
#[cube]
pub(super) fn row_address_mut<F: Float, W: Size>(
    tensor: &mut [Vector<F, W>],
    layout: Layout,
    group: Group,
    head: usize,
    row: usize,
    #[comptime] config: StreamConfig,
) -> u64 {
    global_address_mut::<Vector<F, W>>(tensor.as_mut_ptr())
        + row_offset(layout, group, head, row, config)
}

#[cube]
fn row_offset(
    layout: Layout,
    group: Group,
    head: usize,
    row: usize,
    #[comptime] config: StreamConfig,
) -> u64 {
    let elements = group.batch * layout.batch + head * layout.head + row * layout.seq;
    u64::cast_from(elements) * comptime!(config.elements.bytes() as u64)
}
