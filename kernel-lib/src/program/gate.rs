//! Does a kernel compute what its reference says?

use cubecl::client::Client;

use super::call::Target;
use super::error::KernelError;
use super::kernel::Kernel;
use super::sizes::Sizes;
use super::tuning::Tuning;
use crate::conformance::tensors::{bshd_strides, download, normal, transposed_strides, upload};
use crate::conformance::tolerance::distance;
use crate::random::Random;
use crate::reference::HostTensor;
use crate::tensor::contiguous_strides;
use crate::{DType, Device, Strided};

/// How the tensors of a trial lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// `[batch, heads, rows, dim]`.
    #[default]
    Bhsd,
    /// `[batch, rows, heads, dim]`.
    Bshd,
    /// `[batch, heads, dim, rows]`: the elements of a row are apart.
    Bhds,
}

impl Order {
    /// Every order.
    pub const ALL: [Order; 3] = [Order::Bhsd, Order::Bshd, Order::Bhds];

    fn strides(self, shape: [usize; 4]) -> [usize; 4] {
        match self {
            Order::Bhsd => contiguous_strides(shape),
            Order::Bshd => bshd_strides(shape),
            Order::Bhds => transposed_strides(shape),
        }
    }
}

/// Arguments to try a kernel with; inputs are normally distributed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Every size.
    pub sizes: Sizes,
    /// The scalars, in the order of the function.
    pub scalars: Vec<f64>,
    /// The element type of the tensors whose type the kernel leaves open.
    pub dtype: DType,
    /// How tensors lie.
    pub order: Order,
    /// Decides the inputs.
    pub seed: u64,
}

/// A kernel with the arguments of a trial and what its reference makes of them.
pub struct Gate<'a> {
    client: &'a Client,
    kernel: &'static Kernel,
    /// What the launch is told of the device.
    device: Device,
    trial: Trial,
    /// Inputs; what is written has new memory in every run.
    tensors: Vec<Strided>,
    /// Outputs in order; none without a reference.
    expected: Option<Vec<HostTensor>>,
}

/// How far a kernel's results are from its reference's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The largest difference anywhere in an output, as a part of the largest magnitude of the
    /// reference's; infinite where one is no number and the other is. `None` without a reference.
    pub error: Option<f64>,
    /// What is allowed: 1e-5, and for 16-bit outputs a unit in the last place more.
    pub allowed: f64,
    /// Whether a second run gave the same bits.
    pub repeats: bool,
}

impl Verdict {
    /// Whether nothing speaks against the results.
    pub fn is_right(&self) -> bool {
        self.repeats && self.error.is_none_or(|error| error <= self.allowed)
    }
}

impl<'a> Gate<'a> {
    /// Makes inputs and computes what is expected.
    ///
    /// # Errors
    ///
    /// A size is missing.
    pub fn new(
        client: &'a Client,
        kernel: &'static Kernel,
        trial: Trial,
    ) -> Result<Self, KernelError> {
        let mut random = Random::new(trial.seed);
        let mut inputs = Vec::new();
        let mut tensors = Vec::new();
        for (param, shape) in kernel.tensors.iter().zip(kernel.shapes(&trial.sizes)?) {
            let dtype = param.dtype.unwrap_or(trial.dtype);
            let strides = trial.order.strides(shape);
            let host = match param.written {
                // What is never written must not look like a result.
                true => HostTensor::zeros(shape).map(|_| f64::NAN),
                false => normal(shape, dtype, &mut random),
            };
            tensors.push(upload(client, &host, strides, 0, dtype));
            if !param.written {
                inputs.push(host);
            }
        }
        let expected = kernel.reference.map(|reference| reference(&inputs, &trial.scalars));
        let device = Device::of(client);
        Ok(Self { client, kernel, device, trial, tensors, expected })
    }

    /// Launches as if the device were another.
    #[cfg(test)]
    pub(crate) fn pretending(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// Runs the kernel twice and compares. Without a tuning, the default is run.
    ///
    /// # Errors
    ///
    /// The tuning cannot run, or the device fails.
    pub fn judge(&self, tuning: Option<&Tuning>) -> Result<Verdict, KernelError> {
        let (results, bits) = self.run(tuning)?;
        let (_, again) = self.run(tuning)?;
        let written = self.kernel.tensors.iter().filter(|param| param.written);
        let coarsest = written.map(|p| p.dtype.unwrap_or(self.trial.dtype).epsilon());
        let rounding = coarsest.fold(0.0_f64, f64::max);
        let single = DType::F32.epsilon();
        let error = self.expected.as_ref().map(|expected| {
            let errors = results.iter().zip(expected).map(|(result, expected)| {
                let distance = distance(result, expected);
                if distance == 0.0 { 0.0 } else { distance / expected.max_abs() }
            });
            errors.fold(0.0_f64, f64::max)
        });
        Ok(Verdict {
            error,
            allowed: 1e-5 + if rounding > single { rounding } else { 0.0 },
            repeats: bits == again,
        })
    }

    fn run(&self, tuning: Option<&Tuning>) -> Result<(Vec<HostTensor>, Vec<Vec<u8>>), KernelError> {
        let mut tensors = self.tensors.clone();
        for (param, tensor) in self.kernel.tensors.iter().zip(&mut tensors) {
            if param.written {
                let nothing = HostTensor::zeros(tensor.shape).map(|_| f64::NAN);
                *tensor = upload(self.client, &nothing, tensor.strides, 0, tensor.dtype);
            }
        }
        let arguments: Vec<&Strided> = tensors.iter().collect();
        let (target, scalars) = (Target::Device(self.client), &self.trial.scalars);
        self.kernel.send(target, self.device, &arguments, scalars, tuning)?;
        let failed = |error: crate::AttentionError| KernelError::Failed {
            kernel: self.kernel.name,
            reason: error.to_string(),
        };
        let mut results = Vec::new();
        let mut bits = Vec::new();
        for (param, tensor) in self.kernel.tensors.iter().zip(&tensors) {
            if param.written {
                let (host, raw) = download(self.client, tensor, param.name).map_err(failed)?;
                results.push(host);
                bits.push(raw);
            }
        }
        Ok((results, bits))
    }
}
