//! Rows of several heads on chip, laid out for `ldmatrix`.
//!
//! A cube brings the rows of its heads on chip in the order in which they lie in memory. The eight
//! row addresses of each `ldmatrix` phase must fall into eight different groups of banks. Rows lie
//! an odd number of 16-byte units apart for that; or, where rows follow one another without a gap
//! and copies can be as flat as memory is, units change places within their row: of eight units in
//! bank order, row `r` of `n` units has its own at `u xor (r / (8 / n))`. Heads are padded to whole
//! units with zeros. Rows past the last are not stored: lanes that would read one point at a unit
//! of zeros.

mod shape;

use cubecl::prelude::*;

use super::elements::Elements;
use super::ptx::{copy_half, copy_out, cp_async, zero_shared};
use super::rows::Layout;

pub use shape::{Arrangement, ChipShape, UNIT_BYTES};

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
    /// What is moved.
    pub elements: Elements,
    /// Elements of a row of one head in memory.
    pub dim: usize,
    /// Elements moved at a time, 16 bytes at most: 1, 2, 4 or, of 16 bits, 8.
    pub width: usize,
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
    /// Bytes of a vector in memory.
    fn bytes(&self) -> usize {
        self.width * self.elements.bytes()
    }

    /// Vectors of a row of one head, padding included.
    fn parts(&self, shape: &ChipShape) -> usize {
        shape.units * UNIT_BYTES / self.bytes()
    }

    /// Vectors of a row that exist in memory.
    fn real_parts(&self) -> usize {
        self.dim / self.width
    }

    /// Whether memory and chip hold the same numbers in the same order.
    fn is_flat(&self, shape: &ChipShape) -> bool {
        let gapless = shape.arrangement == Arrangement::Gapless;
        let row_bytes = self.dim * self.elements.bytes();
        gapless && row_bytes == shape.units * UNIT_BYTES && row_bytes == shape.pitch()
    }

    /// Whether every worker has a vector to move in this step.
    fn is_full(&self, step: usize, shape: &ChipShape, parts: usize) -> bool {
        if shape.arrangement == Arrangement::SideBySide || self.is_flat(shape) {
            return (step + 1) * self.workers <= shape.rows * shape.heads * parts;
        }
        let (each, planes) = ((shape.rows * parts).div_ceil(32), self.workers / 32);
        (step % each + 1) * 32 <= shape.rows * parts && (step / each + 1) * planes <= shape.heads
    }

    /// Vectors that a worker moves, at most.
    fn steps(&self, shape: &ChipShape, parts: usize) -> usize {
        if shape.arrangement == Arrangement::SideBySide || self.is_flat(shape) {
            return (shape.rows * shape.heads * parts).div_ceil(self.workers);
        }
        let planes = self.workers / 32;
        (shape.rows * parts).div_ceil(32) * shape.heads.div_ceil(planes)
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
    let side_by_side = comptime!(shape.arrangement == Arrangement::SideBySide);
    if comptime!(transfer.is_flat(&shape)) {
        // Heads and rows follow one another on both sides.
        let part = UNIT_POS + step * workers;
        Piece { head: 0u32.runtime(), row: 0u32.runtime(), part }
    } else if comptime!(side_by_side && workers % across == 0) {
        // Every step is the same column, a fixed number of rows further down.
        let column = UNIT_POS % across;
        let row = UNIT_POS / across + step * comptime!(workers / across);
        Piece { head: column / parts, row, part: column % parts }
    } else if comptime!(side_by_side) {
        let index = UNIT_POS + step * workers;
        let column = index % across;
        Piece { head: column / parts, row: index / across, part: column % parts }
    } else {
        // A plane takes a head, and as many steps as its rows need.
        let each = comptime!((shape.rows as u32 * parts).div_ceil(32));
        let place = UNIT_POS % 32 + step % each * 32;
        let head = UNIT_POS / 32 + step / each * comptime!(workers / 32);
        Piece { head, row: place / parts, part: place % parts }
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
    } else if comptime!(transfer.is_flat(&shape)) {
        let parts = shape.heads * shape.rows * transfer.real_parts();
        piece.part < comptime!(parts as u32)
    } else if comptime!(shape.arrangement == Arrangement::SideBySide) {
        piece.row < comptime!(shape.rows as u32)
    } else {
        piece.row < comptime!(shape.rows as u32) && piece.head < comptime!(shape.heads as u32)
    }
}

/// What a row's units change their places by. Heads follow one another.
#[cube]
fn swizzle(head: u32, row: u32, #[comptime] shape: ChipShape) -> u32 {
    let row = head * comptime!(shape.rows as u32) + row;
    (row >> comptime!(shape.swizzle_shift())) & comptime!(shape.swizzle_mask())
}

#[cube]
impl Chip {
    /// The shared address of a row of a head.
    pub fn row(&self, head: u32, row: u32) -> u32 {
        self.start
            + row * comptime!(self.shape.pitch() as u32)
            + head * comptime!(self.shape.head_bytes() as u32)
    }

    /// The shared address of unit `first + further` of a row of a head.
    pub fn unit(&self, head: u32, row: u32, #[comptime] first: usize, further: u32) -> u32 {
        let shape = comptime!(self.shape);
        let start = self.row(head, row);
        if comptime!(shape.swizzles()) {
            let place = (further + comptime!(first as u32)) ^ swizzle(head, row, shape);
            start + place * comptime!(UNIT_BYTES as u32)
        } else {
            start + further * comptime!(UNIT_BYTES as u32) + comptime!((first * UNIT_BYTES) as u32)
        }
    }

    /// The shared address of a piece.
    fn place(&self, piece: Piece, #[comptime] transfer: Transfer) -> u32 {
        let shape = comptime!(self.shape);
        let bytes = comptime!(transfer.bytes() as u32);
        let row = self.row(piece.head, piece.row);
        if comptime!(shape.swizzles()) {
            let unit_bytes = comptime!(UNIT_BYTES as u32);
            let offset = piece.part * bytes;
            let unit = offset / unit_bytes;
            // In a flat copy all rows are one: a unit's own row is found from its place.
            let own_row = piece.row + unit / comptime!(shape.units as u32);
            row + (unit ^ swizzle(piece.head, own_row, shape)) * unit_bytes + offset % unit_bytes
        } else {
            row + piece.part * bytes
        }
    }

    /// Starts to bring the rows of this cube's heads; the first head's first row is at `from`.
    pub fn bring(&self, from: u64, layout: Layout, #[comptime] transfer: Transfer) {
        let all = comptime!(self.shape.rows as u32).runtime();
        self.bring_up_to(from, layout, all, false, transfer);
    }

    /// The same where memory may have fewer rows, `existing`: the others become zeros.
    pub fn bring_some(
        &self,
        from: u64,
        layout: Layout,
        existing: usize,
        #[comptime] transfer: Transfer,
    ) {
        self.bring_up_to(from, layout, existing as u32, true, transfer);
    }

    fn bring_up_to(
        &self,
        from: u64,
        layout: Layout,
        existing: u32,
        #[comptime] limited: bool,
        #[comptime] transfer: Transfer,
    ) {
        let shape = comptime!(self.shape);
        let parts = comptime!(transfer.parts(&shape));
        let steps = comptime!(transfer.steps(&shape, parts));
        if comptime!(steps <= UNROLLED_STEPS) {
            #[unroll]
            for step in 0..steps {
                let certain = comptime!(transfer.is_full(step, &shape, parts));
                let step = comptime!(step as u32).runtime();
                self.bring_step(step, certain, from, layout, existing, limited, transfer);
            }
        } else {
            for step in 0..comptime!(steps as u32).runtime() {
                self.bring_step(step, false, from, layout, existing, limited, transfer);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn bring_step(
        &self,
        step: u32,
        #[comptime] certain: bool,
        from: u64,
        layout: Layout,
        existing: u32,
        #[comptime] limited: bool,
        #[comptime] transfer: Transfer,
    ) {
        let shape = comptime!(self.shape);
        let parts = comptime!(transfer.parts(&shape));
        let real = comptime!(transfer.real_parts());
        let piece = piece(step, shape, parts, transfer);
        if exists(piece, certain, shape, transfer) {
            let to = self.place(piece, transfer);
            let in_row = if comptime!(real == parts) {
                true.runtime()
            } else {
                piece.part < comptime!(real as u32)
            };
            let is_real = if comptime!(limited) { in_row && piece.row < existing } else { in_row };
            if is_real {
                self.bring_piece(to, from, piece, layout, transfer);
            } else {
                zero_shared(to, comptime!(transfer.bytes()));
            }
        }
    }

    fn bring_piece(
        &self,
        to: u32,
        from: u64,
        piece: Piece,
        layout: Layout,
        #[comptime] transfer: Transfer,
    ) {
        let address = from + byte_offset(piece, layout, transfer);
        if comptime!(transfer.bytes() == 2) {
            copy_half(to, address);
        } else {
            cp_async(to, address, comptime!(transfer.bytes()));
        }
    }

    /// Writes the rows to memory; the first head's first row is at `to`.
    pub fn take_out(&self, to: u64, layout: Layout, #[comptime] transfer: Transfer) {
        let all = comptime!(self.shape.rows as u32).runtime();
        self.take_up_to(to, layout, all, false, transfer);
    }

    /// The same where memory may have fewer rows, `existing`.
    pub fn take_some(
        &self,
        to: u64,
        layout: Layout,
        existing: usize,
        #[comptime] transfer: Transfer,
    ) {
        self.take_up_to(to, layout, existing as u32, true, transfer);
    }

    fn take_up_to(
        &self,
        to: u64,
        layout: Layout,
        existing: u32,
        #[comptime] limited: bool,
        #[comptime] transfer: Transfer,
    ) {
        let shape = comptime!(self.shape);
        let parts = comptime!(transfer.real_parts());
        let steps = comptime!(transfer.steps(&shape, parts));
        if comptime!(steps <= UNROLLED_STEPS) {
            #[unroll]
            for step in 0..steps {
                let certain = comptime!(transfer.is_full(step, &shape, parts));
                let step = comptime!(step as u32).runtime();
                self.take_step(step, certain, to, layout, existing, limited, transfer);
            }
        } else {
            for step in 0..comptime!(steps as u32).runtime() {
                self.take_step(step, false, to, layout, existing, limited, transfer);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn take_step(
        &self,
        step: u32,
        #[comptime] certain: bool,
        to: u64,
        layout: Layout,
        existing: u32,
        #[comptime] limited: bool,
        #[comptime] transfer: Transfer,
    ) {
        let shape = comptime!(self.shape);
        let parts = comptime!(transfer.real_parts());
        let piece = piece(step, shape, parts, transfer);
        let on_chip = exists(piece, certain, shape, transfer);
        let is_real = if comptime!(limited) { on_chip && piece.row < existing } else { on_chip };
        if is_real {
            let from = self.place(piece, transfer);
            copy_out(to + byte_offset(piece, layout, transfer), from, comptime!(transfer.bytes()));
        }
    }
}

/// From the first head's first row to a piece.
#[cube]
fn byte_offset(piece: Piece, layout: Layout, #[comptime] transfer: Transfer) -> u64 {
    let part = piece.part as usize * comptime!(transfer.width);
    // Vectors are cut from rows without gaps.
    let along = if comptime!(transfer.width == 1) { part * layout.dim } else { part };
    let offset = piece.head as usize * layout.head + piece.row as usize * layout.seq + along;
    u64::cast_from(offset) * comptime!(transfer.elements.bytes() as u64)
}
