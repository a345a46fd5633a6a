//! Attention for the encoder: what the model asks for, and who computes it.
//!
//! With residual attention (RealFormer, the official default) layer `l` adds the raw scores of the
//! layers below to its own. Scores accumulate linearly, so with `Q_i`, `K_i` the queries and keys
//! of layer `i`
//!
//! ```text
//! S_l = scale * sum_{i <= l} Q_i K_i^T = scale * [Q_1 .. Q_l] [K_1 .. K_l]^T
//! ```
//!
//! and layer `l` is plain attention over queries and keys concatenated along the head dimension:
//! query dimension `l*d`, value dimension `d`, the scale still `1/sqrt(d)`. No score matrix leaves
//! the kernel, and gradients reach the lower layers' queries and keys through the concatenation.
//! [`AttentionKind::Vanilla`] adds scores as the official code does, and so checks the identity.

use burn::tensor::{FloatDType, Tensor, activation::softmax};
use tilewright::burn::Attention;
use tilewright::prelude::*;

use crate::config::AttentionKind;
use crate::pass::{TrainingPass, dropout};

/// What layers pass upward when scores accumulate: nothing before the first layer.
#[derive(Default)]
pub struct Residual {
    /// `[batch, heads, tokens, layers so far * d]`
    queries: Option<Tensor<4>>,
    keys: Option<Tensor<4>>,
    /// `[batch, heads, tokens, tokens]`, scaled, before softmax, in f32; vanilla only.
    scores: Option<Tensor<4>>,
}

/// One layer's attention.
#[derive(Clone, Copy, Debug)]
pub struct Attend<'a> {
    pub kind: AttentionKind,
    pub variant: &'a AnyVariant,
    /// On the weights.
    pub dropout: f64,
    /// Which of the heads with queries and keys have values: all, where `None`. The others' scores
    /// are only there for the layers above.
    pub kept: Option<&'a [usize]>,
}

impl Attend<'_> {
    /// `q`, `k`: `[batch, heads, tokens, d]`, `v`: `[batch, kept heads, tokens, d_v]`, any strides;
    /// so the result. `residual` carries the layers below, if their scores are added.
    pub fn forward(
        self,
        q: Tensor<4>,
        k: Tensor<4>,
        v: Tensor<4>,
        residual: Option<&mut Residual>,
        pass: Option<&TrainingPass>,
    ) -> Tensor<4> {
        let [_, _, _, d] = q.dims();
        let scale = 1.0 / (d as f32).sqrt();
        if self.kind == AttentionKind::Vanilla {
            // Burn's product is written in the type of its factors: bf16 scores are rounded once
            // here, where Tilewright's kernels keep them in f32.
            let dtype = q.dtype();
            let mut scores = q.matmul(k.swap_dims(2, 3)).cast(FloatDType::F32) * scale;
            if let Some(residual) = residual {
                if let Some(below) = residual.scores.take() {
                    scores = scores + below;
                }
                residual.scores = Some(scores.clone());
            }
            let weights = dropout(softmax(self.kept(scores), 3), self.dropout, pass);
            return weights.cast(dtype).matmul(v);
        }
        let (q, k) = match residual {
            Some(residual) => (append(&mut residual.queries, q), append(&mut residual.keys, k)),
            None => (q, k),
        };
        let operator = self.operator(pass).with_scale(scale);
        tilewright::burn::attention(self.kept(q), self.kept(k), v, &operator)
    }

    /// Tilewright's operator: one kernel forward, and no score matrix in memory unless asked for.
    fn operator(self, pass: Option<&TrainingPass>) -> Attention {
        match pass {
            Some(pass) if self.dropout > 0.0 => {
                let (p, site) = (self.dropout as f32, pass.next_site());
                Attention::learned([pass.control().into()], move |[control]| {
                    step_dropout(p, site, control)
                })
            }
            _ => Attention::new(self.variant.clone())
                .with_saved_scores(self.kind == AttentionKind::Saved),
        }
    }

    /// The heads that have values. Neighbours are taken together, and no list of places travels to
    /// the device: a recorded step allows no copies from the host.
    fn kept(self, x: Tensor<4>) -> Tensor<4> {
        let Some(kept) = self.kept else { return x };
        let runs = kept.chunk_by(|head, next| head + 1 == *next);
        let parts: Vec<_> = runs.map(|run| x.clone().narrow(1, run[0], run.len())).collect();
        Tensor::cat(parts, 1)
    }
}

/// [`tilewright::variants::dropout`] with the seed of the step, which lies on the device among the
/// step's [control values](crate::ops::control): a recorded step draws other masks each time.
#[weight_mod(example(0.25, 3, table(8)))]
fn step_dropout(weight: f32, at: Position, p: f32, site: u32, control: Table) -> f32 {
    let low = control[3] as u32;
    let high = control[4] as u32;
    let seed = (high.wrapping_add(site.wrapping_mul(0x9e37_79b9))) ^ low.wrapping_mul(0x85eb_ca6b);
    let bits: u32 = random_bits(seed, at);
    if bits < (p * 4_294_967_296.0) as u32 { 0.0 } else { weight / (1.0 - p) }
}

fn append(below: &mut Option<Tensor<4>>, this: Tensor<4>) -> Tensor<4> {
    let all = match below.take() {
        Some(below) => Tensor::cat(vec![below, this], 3),
        None => this,
    };
    *below = Some(all.clone());
    all
}
