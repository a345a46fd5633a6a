// `CubeType` and `CubeLaunch` write types without docs.
#![allow(missing_docs)]

use cubecl::prelude::*;

use super::{MAX_TABLE_RANK, Table, TableElement};
use crate::language::LaunchTarget;

/// One number for each dimension of a table; those beyond its rank are not read.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Dimensions {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
}

/// A table as kernels read it. An index outside it means the nearest element that exists, so no
/// index can reach beyond its memory, and a dimension of size 1 is the same for every index.
#[derive(CubeType, CubeLaunch)]
pub struct DeviceTable<E: CubePrimitive> {
    values: Box<[E]>,
    sizes: Dimensions,
    strides: Dimensions,
}

#[cube]
impl<E: CubePrimitive> DeviceTable<E> {
    /// The element at these indices, of which the first `rank` count.
    pub fn read(&self, a: u32, b: u32, c: u32, d: u32, #[comptime] rank: usize) -> E {
        let mut place = 0u32;
        if comptime!(rank > 0) {
            place = min(a, self.sizes.a - 1) * self.strides.a;
        }
        if comptime!(rank > 1) {
            place += min(b, self.sizes.b - 1) * self.strides.b;
        }
        if comptime!(rank > 2) {
            place += min(c, self.sizes.c - 1) * self.strides.c;
        }
        if comptime!(rank > 3) {
            place += min(d, self.sizes.d - 1) * self.strides.d;
        }
        self.values[place as usize]
    }

    /// The number, in row-major order, of the element at these indices.
    pub fn place(&self, a: u32, b: u32, c: u32, d: u32, #[comptime] rank: usize) -> u32 {
        let mut place = 0u32;
        if comptime!(rank > 0) {
            place = min(a, self.sizes.a - 1);
        }
        if comptime!(rank > 1) {
            place = place * self.sizes.b + min(b, self.sizes.b - 1);
        }
        if comptime!(rank > 2) {
            place = place * self.sizes.c + min(c, self.sizes.c - 1);
        }
        if comptime!(rank > 3) {
            place = place * self.sizes.d + min(d, self.sizes.d - 1);
        }
        place
    }
}

/// An `i32` index as a `u32`: one below 0 means the first element.
#[cube]
pub fn from_zero(index: i32) -> u32 {
    u32::cast_from(max(index, 0i32))
}

impl<T: TableElement> Table<T> {
    /// The table as a kernel's argument. A table made from values is copied to the device at the
    /// first call for it.
    pub fn launch(&self, target: LaunchTarget<'_>) -> DeviceTableLaunch<T> {
        let dimensions = |numbers: [usize; MAX_TABLE_RANK]| {
            // All of them fit: a table has fewer than 2^32 elements of memory.
            let [a, b, c, d] = numbers.map(|n| n as u32);
            DimensionsLaunch::new(a, b, c, d)
        };
        let mut sizes = [1; MAX_TABLE_RANK];
        sizes[..self.rank()].copy_from_slice(self.shape());
        let mut strides = [0; MAX_TABLE_RANK];
        strides[..self.rank()].copy_from_slice(self.strides());
        DeviceTableLaunch::new(self.buffer(target), dimensions(sizes), dimensions(strides))
    }

    fn buffer(&self, target: LaunchTarget<'_>) -> BufferArg {
        let handle = target.handle(self);
        // SAFETY: the memory was found to reach over the extent when the table was made.
        unsafe { BufferArg::from_raw_parts(handle, self.extent()) }
    }
}
