//! One training pass: its dropout masks, a pure function of (seed, step), and what it changes on
//! the side.

use std::cell::{Cell, RefCell};

use burn::backend::DispatchDevice;
use burn::tensor::{Device, Tensor};

use crate::ops;
use crate::ops::in_place::Token;

/// Given to the model's forward pass in training, and not in inference.
pub struct TrainingPass {
    /// See [`ops::control`].
    control: Tensor<1>,
    /// Masks drawn so far: each place in the model draws its own.
    site: Cell<u32>,
    tokens: RefCell<Vec<Token>>,
}

impl TrainingPass {
    /// A pass under these control values, a plain tensor on the model's device.
    pub fn new(control: Tensor<1>) -> Self {
        Self { control, site: Cell::new(0), tokens: RefCell::new(Vec::new()) }
    }

    /// The step's [control values](crate::ops::control).
    pub fn control(&self) -> Tensor<1> {
        self.control.clone()
    }

    /// The number of the next place in the model that draws a mask.
    pub fn next_site(&self) -> u32 {
        self.site.replace(self.site.get() + 1)
    }

    /// Holds what an operator in place returned.
    pub fn hold(&self, token: Token) {
        self.tokens.borrow_mut().push(token);
    }

    /// All that was held, to be dropped once the device is flushed.
    pub fn into_tokens(self) -> Vec<Token> {
        self.tokens.into_inner()
    }
}

/// Drops from `x` with probability `rate` in training, nothing otherwise; any shape.
pub fn dropout<const D: usize>(x: Tensor<D>, rate: f64, pass: Option<&TrainingPass>) -> Tensor<D> {
    match pass {
        Some(pass) if rate > 0.0 => ops::masked(x, pass.control(), pass.next_site(), 1.0 - rate),
        _ => x,
    }
}

/// Whether tensors of this device live in host memory.
pub fn on_host(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}
