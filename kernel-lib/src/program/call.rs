//! From a checked call to a launch. Used by what `#[kernel]` expands to.

use cubecl::client::Client;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

use super::grid::GridLaunch;
use super::kernel::{Kernel, Program};
use super::place::Geometry;
use super::source::SourceRecorder;
use super::tensor::TensorLaunch;
use super::tuning::{Shares, Tuning};
use crate::tile::rows::LayoutLaunch;
use crate::{DType, Device, Strided};

/// Where a kernel goes.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// Into a device's queue.
    Device(&'a Client),
    /// Nowhere: its source is recorded.
    Source(&'a SourceRecorder),
}

/// A call whose arguments were found to fit.
pub struct Call<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) target: Target<'a>,
    pub(crate) device: Device,
    pub(crate) tensors: &'a [&'a Strided],
    pub(crate) scalars: &'a [f64],
    pub(crate) tuning: Tuning,
}

impl<'a> Call<'a> {
    /// Where the kernel goes.
    pub fn target(&self) -> Target<'a> {
        self.target
    }

    fn shares(&self) -> Shares {
        Shares::of(self.kernel, &self.tuning)
    }

    /// Rows of a unit.
    pub fn rows(&self) -> usize {
        self.shares().rows
    }

    /// The value of a tune parameter.
    pub fn tune(&self, place: usize) -> usize {
        self.tuning.values()[place]
    }

    /// A scalar as `f32`.
    pub fn f32(&self, place: usize) -> f32 {
        self.scalars[place] as f32
    }

    /// A scalar as `u32`.
    pub fn u32(&self, place: usize) -> u32 {
        self.scalars[place] as u32
    }

    /// How the units of a program share its tiles.
    pub fn geometry(&self) -> Geometry {
        let Shares { units, split, .. } = self.shares();
        // A CPU's cores take programs in turn, since cubes there run one after another.
        let programs = if self.device.is_cpu() { self.device.units } else { 1 };
        Geometry {
            units: units as u32,
            split: split as u32,
            programs: programs as u32,
            unroll: !self.device.is_cpu(),
        }
    }

    fn blocks(&self) -> usize {
        let Shares { rows, units, split } = self.shares();
        match self.kernel.program {
            Program::Rows(tensor) => self.tensors[tensor].shape[2].div_ceil(units / split * rows),
            Program::Heads(_) => 1,
        }
    }

    fn programs(&self) -> usize {
        let [batch, heads, ..] = self.tensors[self.kernel.program.tensor()].shape;
        batch * heads * self.blocks()
    }

    /// The launch's programs.
    pub fn grid(&self) -> GridLaunch {
        let [_, heads, ..] = self.tensors[self.kernel.program.tensor()].shape;
        GridLaunch::new(self.programs(), heads, self.blocks())
    }

    /// A cube for each program; on a CPU one, whose units take them all.
    pub fn cubes(&self) -> CubeCount {
        let cubes = if self.device.is_cpu() { 1 } else { self.programs() };
        CubeCount::new_1d(cubes as u32)
    }

    /// Units of a cube.
    pub fn cube_dim(&self) -> CubeDim {
        let geometry = self.geometry();
        CubeDim::new_1d(geometry.units * geometry.programs)
    }

    /// The width of an index.
    pub fn address_type(&self) -> AddressType {
        let longest = self.tensors.iter().map(|tensor| tensor.extent()).max().unwrap_or(0);
        // Sums of indices stay below twice the longest extent.
        AddressType::from_len_signed(2 * longest)
    }

    /// Elements of a tensor that are read together.
    pub fn width(&self, place: usize) -> usize {
        match self.shares().split {
            1 => self.own_width(place),
            // Which columns a unit holds must not differ from tensor to tensor.
            _ => (0..self.tensors.len()).map(|place| self.own_width(place)).min().unwrap_or(1),
        }
    }

    fn own_width(&self, place: usize) -> usize {
        let (param, tensor) = (&self.kernel.tensors[place], self.tensors[place]);
        let widest = if self.device.is_cpu() { 4 } else { 16 / tensor.dtype.bytes() };
        tensor.vector_width(if param.transposed { widest.min(self.rows()) } else { widest })
    }

    /// A tensor as a kernel takes it.
    pub fn tensor<E: Float, W: Size>(&self, place: usize) -> TensorLaunch<E, W> {
        let tensor = self.tensors[place];
        let owner = self.tensors[self.kernel.program.tensor()];
        let [batch, head, row, dim] = tensor.strides;
        // One that all share.
        let along = |dimension: usize, stride| {
            if tensor.shape[dimension] == owner.shape[dimension] { stride } else { 0 }
        };
        let layout = LayoutLaunch::new(along(0, batch), along(1, head), row, dim);
        // SAFETY: the memory was found large enough for the extent.
        let data = unsafe { BufferArg::from_raw_parts(tensor.handle.clone(), tensor.extent()) };
        TensorLaunch::new(data, layout, tensor.shape[2], tensor.shape[3])
    }

    /// The element type of the tensors whose type the kernel leaves open.
    pub fn elem(&self) -> ElemType {
        let open = self.kernel.tensors.iter().zip(self.tensors).find(|(p, _)| p.dtype.is_none());
        open.map_or(DType::F32, |(_, tensor)| tensor.dtype).elem(&self.device)
    }
}
