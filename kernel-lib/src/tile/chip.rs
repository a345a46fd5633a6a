//! Rows of several heads on chip, laid out for `ldmatrix`.
//!
//! A cube brings the rows of its heads side by side, as a `[batch, seq, heads, dim]` tensor has
//! them; whatever the layout in memory, on chip it is this one. Rows lie an odd number of 16-byte
//! units apart, so the eight row addresses of each `ldmatrix` phase fall into eight different
//! groups of banks. Heads are padded to whole units with zeros. Rows past the last are not stored:
//! lanes that would read one point at a unit of zeros.

use cubecl::prelude::*;

use super::ptx::{copy_half, copy_out, cp_async, zero_shared};
use super::rows::Layout;

/// The bytes of a unit: eight 16-bit numbers, a row of an 8x8 matrix.
pub const UNIT_BYTES: usize = 16;
/// The numbers of a unit.
pub const UNIT_LEN: usize = 8;

/// How much of a matrix a cube has on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChipShape {
    /// Rows of each head.
    pub rows: usize,
    /// Units of a row of one head.
    pub units: usize,
    /// Heads side by side.
    pub heads: usize,
}

impl ChipShape {
    /// Bytes from one row to the next: an odd number of units.
    pub fn pitch(&self) -> usize {
        (self.heads * self.units | 1) * UNIT_BYTES
    }

    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        self.rows * self.pitch()
    }
}

/// A matrix on chip, for each head of a cube.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Chip {
    /// Shared address of the first row of the first head.
    pub start: u32,
    /// Shared address of a unit of zeros.
    pub zeros: u32,
    #[cube(comptime)]
    pub shape: ChipShape,
}

/// Who copies what: units of the machine against vectors of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transfer {
    /// Units that share the work.
    pub workers: usize,
    /// Numbers of a row of one head in memory.
    pub dim: usize,
    /// Numbers moved at a time: 1, 2, 4 or 8.
    pub width: usize,
    /// Whether neighbouring heads, rather than neighbouring rows, are neighbours in memory.
    pub heads_inner: bool,
}

/// Where one vector of a transfer is.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Piece {
    head: u32,
    row: u32,
    part: u32,
}

impl Transfer {
    /// Vectors of a row of one head, padding included.
    fn parts(&self, shape: &ChipShape) -> usize {
        shape.units * UNIT_LEN / self.width
    }

    /// Vectors of a row that exist in memory.
    fn real_parts(&self) -> usize {
        self.dim / self.width
    }

    /// Whether every worker has a vector to move in this step.
    fn is_full(&self, step: usize, shape: &ChipShape, parts: usize) -> bool {
        (step + 1) * self.workers <= shape.rows * shape.heads * parts
    }

    /// Vectors that a worker moves.
    fn steps(&self, shape: &ChipShape, parts: usize) -> usize {
        (shape.rows * shape.heads * parts).div_ceil(self.workers)
    }
}

/// Steps that are unrolled, at most: their offsets are constants.
const UNROLLED_STEPS: usize = 16;

/// The piece of this worker's `step`; neighbouring workers have neighbours in memory.
#[cube]
fn piece(
    step: u32,
    #[comptime] shape: ChipShape,
    #[comptime] parts: usize,
    #[comptime] transfer: Transfer,
) -> Piece {
    let across = comptime!((shape.heads * parts) as u32);
    let workers = comptime!(transfer.workers as u32);
    let parts = comptime!(parts as u32);
    if comptime!(transfer.heads_inner && workers % across == 0) {
        // Every step is the same column, a fixed number of rows further down.
        let column = UNIT_POS % across;
        let row = UNIT_POS / across + step * comptime!(workers / across);
        Piece { head: column / parts, row, part: column % parts }
    } else if comptime!(transfer.heads_inner) {
        let index = UNIT_POS + step * workers;
        let column = index % across;
        Piece { head: column / parts, row: index / across, part: column % parts }
    } else {
        let down = comptime!(shape.rows as u32 * parts);
        let index = UNIT_POS + step * workers;
        let place = index % down;
        Piece { head: index / down, row: place / parts, part: place % parts }
    }
}

/// Whether a piece is one; `certain` says that it is.
#[cube]
fn exists(
    piece: Piece,
    #[comptime] certain: bool,
    #[comptime] shape: ChipShape,
    #[comptime] transfer: Transfer,
) -> bool {
    if comptime!(certain) {
        true.runtime()
    } else if comptime!(transfer.heads_inner) {
        piece.row < comptime!(shape.rows as u32)
    } else {
        piece.head < comptime!(shape.heads as u32)
    }
}

#[cube]
impl Chip {
    /// The shared address of a row of a head.
    pub fn row(&self, head: u32, row: u32) -> u32 {
        self.start
            + row * comptime!(self.shape.pitch() as u32)
            + head * comptime!((self.shape.units * UNIT_BYTES) as u32)
    }

    /// Starts to bring the rows of this cube's heads; the first head's first row is at `from`.
    pub fn bring(&self, from: u64, layout: Layout, #[comptime] transfer: Transfer) {
        let shape = comptime!(self.shape);
        let parts = comptime!(transfer.parts(&shape));
        let steps = comptime!(transfer.steps(&shape, parts));
        if comptime!(steps <= UNROLLED_STEPS) {
            #[unroll]
            for step in 0..steps {
                let certain = comptime!(transfer.is_full(step, &shape, parts));
                self.bring_step(comptime!(step as u32).runtime(), certain, from, layout, transfer);
            }
        } else {
            for step in 0..comptime!(steps as u32).runtime() {
                self.bring_step(step, false, from, layout, transfer);
            }
        }
    }

    fn bring_step(
        &self,
        step: u32,
        #[comptime] certain: bool,
        from: u64,
        layout: Layout,
        #[comptime] transfer: Transfer,
    ) {
        let shape = comptime!(self.shape);
        let bytes = comptime!(2 * transfer.width);
        let parts = comptime!(transfer.parts(&shape));
        let real = comptime!(transfer.real_parts());
        let piece = piece(step, shape, parts, transfer);
        if exists(piece, certain, shape, transfer) {
            let to = self.row(piece.head, piece.row) + piece.part * comptime!(bytes as u32);
            if comptime!(real == parts) {
                bring_piece(to, from, piece, layout, transfer);
            } else if piece.part < comptime!(real as u32) {
                bring_piece(to, from, piece, layout, transfer);
            } else {
                zero_shared(to, bytes);
            }
        }
    }

    /// Writes the rows to memory; the first head's first row is at `to`.
    pub fn take_out(&self, to: u64, layout: Layout, #[comptime] transfer: Transfer) {
        let shape = comptime!(self.shape);
        let parts = comptime!(transfer.real_parts());
        let steps = comptime!(transfer.steps(&shape, parts));
        if comptime!(steps <= UNROLLED_STEPS) {
            #[unroll]
            for step in 0..steps {
                let certain = comptime!(transfer.is_full(step, &shape, parts));
                self.take_step(comptime!(step as u32).runtime(), certain, to, layout, transfer);
            }
        } else {
            for step in 0..comptime!(steps as u32).runtime() {
                self.take_step(step, false, to, layout, transfer);
            }
        }
    }

    fn take_step(
        &self,
        step: u32,
        #[comptime] certain: bool,
        to: u64,
        layout: Layout,
        #[comptime] transfer: Transfer,
    ) {
        let shape = comptime!(self.shape);
        let bytes = comptime!(2 * transfer.width);
        let parts = comptime!(transfer.real_parts());
        let piece = piece(step, shape, parts, transfer);
        if exists(piece, certain, shape, transfer) {
            let from = self.row(piece.head, piece.row) + piece.part * comptime!(bytes as u32);
            copy_out(to + byte_offset(piece, layout, transfer), from, bytes);
        }
    }
}

#[cube]
fn bring_piece(
    to: u32,
    from: u64,
    piece: Piece,
    layout: Layout,
    #[comptime] transfer: Transfer,
) {
    let address = from + byte_offset(piece, layout, transfer);
    if comptime!(transfer.width == 1) {
        copy_half(to, address);
    } else {
        cp_async(to, address, comptime!(2 * transfer.width));
    }
}

/// From the first head's first row to a piece.
#[cube]
fn byte_offset(piece: Piece, layout: Layout, #[comptime] transfer: Transfer) -> u64 {
    let part = piece.part as usize * comptime!(transfer.width);
    // Vectors are cut from rows without gaps.
    let along = if comptime!(transfer.width == 1) { part * layout.dim } else { part };
    let offset = piece.head as usize * layout.head + piece.row as usize * layout.seq + along;
    u64::cast_from(offset) * 2u64
}
