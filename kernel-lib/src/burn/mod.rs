//! Attention as a differentiable operator for Burn.
//!
//! ```no_run
//! # use burn::tensor::Tensor;
//! use tilewright::burn::{Attention, attention};
//! use tilewright::variants::softcap;
//!
//! # fn forward(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
//! attention(q, k, v, &Attention::new(softcap(30.0)))
//! # }
//! ```
//!
//! What a variant learns are a module's parameters; their gradients come out of the backward pass
//! with those of q, k and v:
//!
//! ```
//! use burn::module::{Module, Param};
//! use burn::tensor::{Device, Distribution, Tensor};
//! use tilewright::burn::{Attention, attention};
//! use tilewright::variants::{causal, relative_bias};
//! use tilewright::language::Variant as _;
//!
//! #[derive(Module, Debug)]
//! struct Biased {
//!     /// `[heads, queries + keys - 1]`
//!     bias: Param<Tensor<2>>,
//! }
//!
//! impl Biased {
//!     fn forward(&self, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
//!         let operator = Attention::learned([(&self.bias).into()], |[bias]| relative_bias(bias).and(causal()));
//!         attention(q, k, v, &operator)
//!     }
//! }
//!
//! let device = Device::flex().autodiff();
//! let block = Biased { bias: Param::from_tensor(Tensor::zeros([2, 9], &device)) };
//! let x = Tensor::random([1, 2, 5, 4], Distribution::Normal(0.0, 1.0), &device);
//! let loss = block.forward(x.clone(), x.clone(), x).sum();
//! let gradient = block.bias.val().grad(&loss.backward()).expect("a gradient");
//! assert_eq!(gradient.dims(), [2, 9]);
//! ```
//!
//! On a CubeCL device (CUDA) the kernels run where the tensors are. On Burn's Flex backend, which
//! is how a model runs on a CPU, the same kernels run on CubeCL's CPU runtime; tensors are handed
//! over through memory. Tensors on an autodiff device get gradients for q, k, v and parameters; the
//! log-sum-exp is kept from the forward pass for the backward one.

mod autodiff;
mod check;
mod cube;
mod extension;
mod flex;
mod parameters;

use core::fmt;
use std::sync::Arc;

use ::burn::backend::Dispatch;
use ::burn::tensor::Tensor;

use crate::AttentionOptions;
use crate::language::{AnyVariant, Table};

pub use check::check;
pub use extension::AttentionBackend;
pub use parameters::{Operation, Parameter};

/// What an attention operator computes: a variant, the tensors that it learns, and its options.
#[derive(Clone, Debug)]
pub struct Attention {
    operation: Operation,
    parameters: Vec<Parameter>,
}

impl Attention {
    /// Attention of this variant, scaled by `1 / sqrt(head_dim)`.
    pub fn new(variant: impl Into<AnyVariant>) -> Self {
        let variant = variant.into();
        Self::learned([], move |[]| variant.clone())
    }

    /// Attention of a variant that reads these tensors; `variant` makes it from their tables, in
    /// the order of the tensors. Make the operator anew for each forward pass: it holds the tensors
    /// that it was made with.
    ///
    /// Nothing passes through the host: kernels read a tensor where it lies, or where several are
    /// put side by side.
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use tilewright::burn::Attention;
    /// use tilewright::prelude::*;
    ///
    /// # let device = Device::flex();
    /// let bias = Tensor::<2>::zeros([4, 31], &device);
    /// let temperatures = Tensor::<1>::ones([1], &device);
    /// let operator = Attention::learned([bias.into(), temperatures.into()], |parameters| {
    ///     let [bias, t] = parameters;
    ///     relative_bias(bias).and(temperature(t))
    /// });
    /// ```
    pub fn learned<const N: usize, V: Into<AnyVariant>>(
        parameters: [Parameter; N],
        variant: impl Fn([Table; N]) -> V + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(move |tables: Vec<Table>| match <[Table; N]>::try_from(tables) {
            Ok(tables) => variant(tables).into(),
            Err(tables) => unreachable!("{} tables for {N} parameters", tables.len()),
        });
        let operation = Operation::new(make, &parameters, AttentionOptions::default());
        Self { operation, parameters: parameters.into() }
    }

    /// Scales products of queries and keys by `scale`.
    pub fn with_scale(mut self, scale: f32) -> Self {
        self.operation.options.scale = Some(scale);
        self
    }

    /// Kernels take sequence lengths and batch as arguments, so that new ones compile nothing: see
    /// [`AttentionOptions`](AttentionOptions::dynamic_lengths).
    pub fn with_dynamic_lengths(mut self, dynamic: bool) -> Self {
        self.operation.options.dynamic_lengths = dynamic;
        self
    }

    /// Saves the scores in the forward pass for the backward pass, instead of computing them twice.
    pub fn with_saved_scores(mut self, save: bool) -> Self {
        self.operation.options.save_scores = save;
        self
    }
}

/// Attention: `q` `[batch, heads, queries, head_dim]`, `k` `[batch, kv_heads, keys, head_dim]`,
/// `v` `[batch, kv_heads, keys, value_dim]`, with any strides; returns
/// `[batch, heads, queries, value_dim]`.
///
/// # Panics
///
/// Where [`crate::attention`] returns an error, with that error's text, and where a parameter that
/// autodiff tracks is not one that the variant learns: Burn's operators have no other way to refuse.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, attention: &Attention) -> Tensor<4> {
    let parameters = match parameters::packed(&attention.parameters) {
        Some(parameters) => parameters.into_dispatch(),
        // An operator's arguments are fixed. Nobody reads this one.
        None => q.clone().without_autodiff().into_dispatch(),
    };
    let (out, _lse, _scores) = <Dispatch as AttentionBackend>::attention_forward(
        q.into_dispatch(),
        k.into_dispatch(),
        v.into_dispatch(),
        parameters,
        attention.operation.clone(),
    );
    Tensor::from_dispatch(out)
}

/// Burn's operators return tensors, not results.
fn refused(error: impl fmt::Display) -> ! {
    panic!("attention: {error}")
}
