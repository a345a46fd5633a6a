//! What `#[kernel]` leaves for the host: a description, and a way to launch.

use std::fmt;

use cubecl::client::Client;

use super::call::{Call, Target};
use super::error::KernelError;
use super::sizes::{ONE, Sizes};
use super::tuning::{TuneParam, Tuning, TuningRefusal};
use crate::reference::HostTensor;
use crate::{DType, Device, Strided};

/// A tensor parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorParam {
    /// Its name in the function.
    pub name: &'static str,
    /// Names of its four sizes; `1` is a size of one.
    pub shape: [&'static str; 4],
    /// Whether the kernel writes it: `&mut`.
    pub written: bool,
    /// Its element type, if the kernel fixes it: `Tensor<f32>`. Else that of the call.
    pub dtype: Option<DType>,
    /// Whether whole rows of it become tiles.
    pub loaded: bool,
    /// Whether it is read transposed, so that vectors must not be wider than a unit's rows.
    pub transposed: bool,
}

/// The type of a scalar parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScalarKind {
    /// `f32`.
    F32,
    /// `u32`.
    U32,
}

/// A scalar parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalarParam {
    /// Its name in the function.
    pub name: &'static str,
    /// Its type.
    pub kind: ScalarKind,
}

/// Sizes and scalars to run a kernel with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example {
    /// Every size by name.
    pub sizes: &'static [(&'static str, usize)],
    /// The scalars, in the order of the function.
    pub scalars: &'static [f64],
}

/// What a program of a kernel works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// A block of rows of this tensor.
    Rows(usize),
    /// A head of this tensor.
    Heads(usize),
}

impl Program {
    /// The tensor's number.
    pub fn tensor(self) -> usize {
        match self {
            Program::Rows(tensor) | Program::Heads(tensor) => tensor,
        }
    }
}

/// The kernel's reference: outputs from inputs and scalars, in `f64` on the host.
pub type Reference = fn(&[HostTensor], &[f64]) -> Vec<HostTensor>;
/// Whether a tuning is worth trying.
pub type Condition = fn(&Tuning, &Sizes, &Device) -> bool;

/// A function under `#[kernel]`, as the registry knows it.
pub struct Kernel {
    /// The function's name.
    pub name: &'static str,
    /// The module that it stands in.
    pub module: &'static str,
    /// The doc comment.
    pub doc: &'static str,
    /// A hash of the function's tokens.
    pub source_hash: u64,
    /// Its tensors, in order.
    pub tensors: &'static [TensorParam],
    /// Its scalars, in order.
    pub scalars: &'static [ScalarParam],
    /// Its tune parameters, in order.
    pub tune: &'static [TuneParam],
    /// What a program works on.
    pub program: Program,
    /// What it is run with when nobody says; at least one.
    pub examples: &'static [Example],
    /// What it computes, if the author says.
    pub reference: Option<Reference>,
    /// A further condition of tunings, with its name.
    pub valid: Option<(&'static str, Condition)>,
    /// Queues a checked call.
    #[doc(hidden)]
    pub queue: fn(&Call<'_>),
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Kernel {
    /// Queues the kernel. `tensors` and `scalars` come in the order of the function; without a
    /// tuning the [default](Kernel::default_tuning) is used. The call returns at once; a failure of
    /// the device shows when an output is read.
    ///
    /// # Errors
    ///
    /// Arguments that do not fit one another or the kernel, or a tuning that cannot run.
    pub fn launch(
        &self,
        client: &Client,
        tensors: &[&Strided],
        scalars: &[f64],
        tuning: Option<&Tuning>,
    ) -> Result<(), KernelError> {
        self.send(Target::Device(client), Device::of(client), tensors, scalars, tuning)
    }

    pub(crate) fn send(
        &self,
        target: Target<'_>,
        device: Device,
        tensors: &[&Strided],
        scalars: &[f64],
        tuning: Option<&Tuning>,
    ) -> Result<(), KernelError> {
        let sizes = self.sizes_of(tensors)?;
        self.check_scalars(scalars)?;
        let tuning = match tuning {
            Some(tuning) => tuning.clone(),
            None => self.preferred(&sizes, &device)?,
        };
        self.check(&tuning, &sizes, &device).map_err(|reason| KernelError::Tuning {
            kernel: self.name,
            tuning: Box::new(tuning.clone()),
            reason,
        })?;
        let outputs = self.tensors.iter().zip(tensors).filter(|(param, _)| param.written);
        if outputs.clone().all(|(_, tensor)| tensor.is_empty()) {
            return Ok(());
        }
        if let Some((param, _)) =
            self.tensors.iter().zip(tensors).find(|(_, tensor)| tensor.is_empty())
        {
            return Err(KernelError::Empty { kernel: self.name, tensor: param.name });
        }
        (self.queue)(&Call { kernel: self, target, device, tensors, scalars, tuning });
        Ok(())
    }

    fn preferred(&self, sizes: &Sizes, device: &Device) -> Result<Tuning, KernelError> {
        self.default_tuning(sizes, device).ok_or_else(|| {
            let refusal = |tuning: &Tuning| self.check(tuning, sizes, device).err();
            // The last says most: the first may only be for another kind of device.
            let reason = self.space().iter().rev().find_map(refusal);
            KernelError::NoTuning {
                kernel: self.name,
                sizes: sizes.to_string(),
                reason: reason.unwrap_or(TuningRefusal::Device("it has none".to_owned())),
            }
        })
    }

    /// The names of the sizes, in the order in which the shapes name them.
    pub fn size_names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for name in self.tensors.iter().flat_map(|tensor| tensor.shape) {
            if name != ONE && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The shape of each tensor for these sizes.
    ///
    /// # Errors
    ///
    /// A size is missing.
    pub fn shapes(&self, sizes: &Sizes) -> Result<Vec<[usize; 4]>, KernelError> {
        let known = self.size_names();
        if let Some(size) = known.iter().find(|name| sizes.get(name).is_none()) {
            return Err(KernelError::Size { kernel: self.name, size, known: known.join(", ") });
        }
        let size = |name: &str| sizes.get(name).unwrap_or(1);
        Ok(self.tensors.iter().map(|tensor| tensor.shape.map(size)).collect())
    }

    /// Name, tensors with their shapes, scalars and tune parameters, as in
    /// `scale_rows(x[b, h, n, d], out[b, h, n, d], factor: f32; rows in 1, 2)`.
    pub fn signature(&self) -> String {
        let mut params: Vec<String> = Vec::new();
        for TensorParam { name, shape, written, .. } in self.tensors {
            let shape: Vec<&str> = match shape {
                [ONE, ONE, rows, dim] => vec![*rows, *dim],
                all => all.to_vec(),
            };
            let written = if *written { "mut " } else { "" };
            params.push(format!("{written}{name}[{}]", shape.join(", ")));
        }
        for ScalarParam { name, kind } in self.scalars {
            params
                .push(format!("{name}: {}", if *kind == ScalarKind::F32 { "f32" } else { "u32" }));
        }
        let tune: Vec<String> = self
            .tune
            .iter()
            .map(|TuneParam { name, values, .. }| {
                let values: Vec<String> = values.iter().map(usize::to_string).collect();
                format!("{name} in {}", values.join(" "))
            })
            .collect();
        format!("{}({}; {})", self.name, params.join(", "), tune.join(", "))
    }

    /// Bytes that must move through device memory at least: inputs read once, outputs written once.
    ///
    /// # Errors
    ///
    /// A size is missing.
    pub fn floor_bytes(&self, sizes: &Sizes, dtype: DType) -> Result<usize, KernelError> {
        let shapes = self.shapes(sizes)?;
        let bytes = self.tensors.iter().zip(shapes).map(|(tensor, shape)| {
            shape.iter().product::<usize>() * tensor.dtype.unwrap_or(dtype).bytes()
        });
        Ok(bytes.sum())
    }
}
