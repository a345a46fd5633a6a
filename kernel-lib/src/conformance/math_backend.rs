//! Attention as PyTorch's math back end computes it, with its roundings: what 16-bit results are
//! measured against.
//!
//! Every operation reads and writes tensors of the element type: the two matrix products (summed
//! in wider precision), the modified scores, the softmax, and in the backward pass each of their
//! gradients. The reference rounds nothing, so the difference is the error that a user already
//! lives with.

use super::tensors::{Inputs, round};
use crate::DType;
use crate::language::{AnyVariant, LearnedStage, Normaliser, Position};
use crate::reference::rows::RowStages;
use crate::reference::{
    Gradients, HostTensor, LearnedGradient, add_learned, normalised, score_gradients,
};

/// The output and the gradients.
pub(super) fn math_backend(
    inputs: &Inputs,
    variant: &AnyVariant,
    scale: f64,
    dtype: DType,
) -> (HostTensor, Gradients) {
    let r = |x: f64| round(x, dtype);
    let mut rows = RowStages::before(variant, &inputs.q, &inputs.k, [&r, &r]);
    // Parameters are `f32`, whatever the tensors are.
    let mut learned = LearnedGradient::zeros(variant);
    let (q, k, v) = (rows.q().clone(), rows.k().clone(), inputs.v.clone());
    let mut between = Inputs { q, k, v, d_out: inputs.d_out.clone() };
    let zeros = learned.clone();
    between.d_out = rows.through_output(&inputs.d_out, &mut learned, |_, _| {
        attend(&between, variant, scale, dtype, zeros).0
    });
    let (out, mut gradients) = attend(&between, variant, scale, dtype, learned);
    rows.after(out);
    rows.reverse_inputs(&mut gradients);
    (rows.out().clone(), gradients)
}

/// The same between the stages of rows; it adds to what is `learned`.
fn attend(
    inputs: &Inputs,
    variant: &AnyVariant,
    scale: f64,
    dtype: DType,
    mut learned: Vec<LearnedGradient>,
) -> (HostTensor, Gradients) {
    let Inputs { q, k, v, d_out } = inputs;
    let [batches, heads, queries, dim] = q.shape;
    let [_, kv_heads, keys, value_dim] = v.shape;
    let r = |x: f64| round(x, dtype);
    // Both sides of the first product carry half of the scale, as `_scaled_dot_product_attention_math`.
    let half_scale = scale.abs().sqrt();
    let sign = scale.signum();
    let (q_scaled, k_scaled) = (q.map(|x| r(x * half_scale * sign)), k.map(|x| r(x * half_scale)));
    let mut out = HostTensor::zeros(d_out.shape);
    let mut d_q = HostTensor::zeros(q.shape);
    // Gradients of shared heads are rounded for each query head before they are added.
    let mut d_k = HostTensor::zeros(k.shape);
    let mut d_v = HostTensor::zeros(v.shape);
    for batch in 0..batches {
        for head in 0..heads {
            let kv = head / (heads / kv_heads);
            let mut d_k_head = vec![0.0; keys * dim];
            let mut d_v_head = vec![0.0; keys * value_dim];
            for query in 0..queries {
                let at = |key: usize| Position {
                    batch: batch as u32,
                    head: head as u32,
                    query: query as u32,
                    key: key as u32,
                    queries: queries as u32,
                    keys: keys as u32,
                };
                let raw: Vec<f64> = (0..keys)
                    .map(|key| {
                        let product = |d| {
                            q_scaled.at([batch, head, query, d]) * k_scaled.at([batch, kv, key, d])
                        };
                        r((0..dim).map(product).sum())
                    })
                    .collect();
                let modified: Vec<f64> = (0..keys)
                    .map(|key| match variant.keep(&at(key)) {
                        true => r(variant.score(raw[key], &at(key))),
                        false => f64::NEG_INFINITY,
                    })
                    .collect();
                let factor = |key: usize| variant.weight(&at(key));
                let (exact, lse) = normalised(&modified, variant, &at(0));
                let weights: Vec<f64> = exact.iter().map(|&weight| r(weight)).collect();
                let weighed: Vec<f64> =
                    (0..keys).map(|key| r(weights[key] * factor(key))).collect();
                for d in 0..value_dim {
                    let product = |key: usize| weighed[key] * v.at([batch, kv, key, d]);
                    *out.at_mut([batch, head, query, d]) = r((0..keys).map(product).sum());
                }
                let d_weighed: Vec<f64> = (0..keys)
                    .map(|key| {
                        let product =
                            |d| d_out.at([batch, head, query, d]) * v.at([batch, kv, key, d]);
                        r((0..value_dim).map(product).sum())
                    })
                    .collect();
                let d_weights: Vec<f64> =
                    (0..keys).map(|key| r(d_weighed[key] * factor(key))).collect();
                let term = |key: usize, site: usize, stage, d_stage: f64| {
                    let slope = r(variant.learned_grad(raw[key], &at(key), site, stage));
                    (variant.learned_index(&at(key), site), r(d_stage * slope))
                };
                if variant.normaliser() == Normaliser::Sink {
                    let weight = r((variant.sink(&at(0)) - lse).exp());
                    let mean: f64 = weights.iter().zip(&d_weights).map(|(w, d)| w * d).sum();
                    add_learned(&mut learned, LearnedStage::Sink, |site| {
                        term(0, site, LearnedStage::Sink, r(-weight * mean))
                    });
                }
                let d_scores = score_gradients(&weights, &d_weights, variant.normaliser());
                for key in 0..keys {
                    for d in 0..value_dim {
                        d_v_head[key * value_dim + d] +=
                            weighed[key] * d_out.at([batch, head, query, d]);
                    }
                    if !variant.keep(&at(key)) {
                        continue;
                    }
                    let d_modified = r(d_scores[key]);
                    for (stage, d_stage) in [
                        (LearnedStage::Score, d_modified),
                        (LearnedStage::Weight, r(weights[key] * d_weighed[key])),
                    ] {
                        add_learned(&mut learned, stage, |site| term(key, site, stage, d_stage));
                    }
                    let slope = r(variant.score_grad(raw[key], &at(key)));
                    let d_score = r(d_modified * slope);
                    for d in 0..dim {
                        *d_q.at_mut([batch, head, query, d]) +=
                            d_score * k_scaled.at([batch, kv, key, d]);
                        d_k_head[key * dim + d] += d_score * q_scaled.at([batch, head, query, d]);
                    }
                }
            }
            for key in 0..keys {
                for d in 0..dim {
                    *d_k.at_mut([batch, kv, key, d]) += r(r(d_k_head[key * dim + d]) * half_scale);
                }
                for d in 0..value_dim {
                    *d_v.at_mut([batch, kv, key, d]) += r(d_v_head[key * value_dim + d]);
                }
            }
        }
    }
    let d_q = d_q.map(|x| r(r(x) * half_scale * sign));
    (out, Gradients { q: d_q, k: d_k.map(r), v: d_v.map(r), learned })
}
