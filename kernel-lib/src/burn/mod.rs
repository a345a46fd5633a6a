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
//! On a CubeCL device (CUDA) the kernels run where the tensors are. On Burn's Flex backend, which
//! is how a model runs on a CPU, the same kernels run on CubeCL's CPU runtime; tensors are handed
//! over through memory. Tensors on an autodiff device get gradients for q, k and v; the log-sum-exp
//! is kept from the forward pass for the backward one.

mod autodiff;
mod check;
mod cube;
mod extension;
mod flex;

use ::burn::backend::Dispatch;
use ::burn::tensor::Tensor;

use crate::language::AnyVariant;
use crate::{AttentionError, AttentionOptions};

pub use check::check;
pub use extension::AttentionBackend;

/// What an attention operator computes: a variant and its options.
#[derive(Clone, Debug)]
pub struct Attention {
    pub(crate) variant: AnyVariant,
    pub(crate) options: AttentionOptions,
}

impl Attention {
    /// Attention of this variant, scaled by `1 / sqrt(head_dim)`.
    pub fn new(variant: impl Into<AnyVariant>) -> Self {
        Self { variant: variant.into(), options: AttentionOptions::default() }
    }

    /// Scales products of queries and keys by `scale`.
    pub fn with_scale(mut self, scale: f32) -> Self {
        self.options.scale = Some(scale);
        self
    }

    /// Saves the scores in the forward pass for the backward pass, instead of computing them twice.
    pub fn with_saved_scores(mut self, save: bool) -> Self {
        self.options.save_scores = save;
        self
    }
}

/// Attention: `q` `[batch, heads, queries, head_dim]`, `k` `[batch, kv_heads, keys, head_dim]`,
/// `v` `[batch, kv_heads, keys, value_dim]`, with any strides; returns
/// `[batch, heads, queries, value_dim]`.
///
/// # Panics
///
/// Where [`crate::attention`] returns an error, with that error's text: Burn's operators have no
/// other way to refuse.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, attention: &Attention) -> Tensor<4> {
    let (out, _lse, _scores) = <Dispatch as AttentionBackend>::attention_forward(
        q.into_dispatch(),
        k.into_dispatch(),
        v.into_dispatch(),
        attention.clone(),
    );
    Tensor::from_dispatch(out)
}

/// Burn's operators return tensors, not results.
fn refused(error: AttentionError) -> ! {
    panic!("attention: {error}")
}
