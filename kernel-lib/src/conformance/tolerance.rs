//! How far a result may be from the reference.
//!
//! All distances are norm-relative: the largest difference anywhere in a tensor, against the
//! largest magnitude in the reference's.
//!
//! - **f32**: `max|x - ref| <= 1e-5 · max|ref|`. Where the terms of the sums cancel, so that
//!   `max|ref|` says nothing about rounding (the gradient of q with a single key is exactly 0),
//!   `1e-6 · m` is allowed instead if that is more, `m` the largest sum of the terms' magnitudes.
//! - **f16 and bf16**: `max|x - ref| <= 2 · max|math - ref| + ulp(max|ref|)`, `math` the same
//!   computation in PyTorch's math back end at that element type; or again `1e-6 · m`.
//! - **gradients of learned parameters**: the same rules. At 16 bits also what rounding the output
//!   does to them, by way of `Δ`: a parameter may have a single element, and then one error of the
//!   math back end, which does not round there, says nothing of what to expect. Rows round
//!   independently, so six standard deviations of the sum over rows are allowed.
//! - **saved scores** are `f32` whatever the element type and follow its rule.
//! - **log-sum-exp**: likewise in f32, measured against at least 1, since it may well be 0. At 16 bits
//!   the weights that are summed may be rounded to the element type, as they are for the output.
//!
//! NaN, and an infinity where the reference has another value, are infinitely far away.

use std::collections::HashMap;

use super::tensors::Inputs;
use crate::DType;
use crate::language::{AnyVariant, LearnedStage};
use crate::reference::rows::RowStages;
use crate::reference::{EXACT, HostTensor, LearnedGradient, attend, attend_backward, for_each_row};

/// Of the largest magnitude in the reference.
const RELATIVE_F32: f64 = 1e-5;
/// Of the largest sum of magnitudes.
const CANCELLATION: f64 = 1e-6;

/// Of the standard deviation that rounding the output causes.
const DEVIATIONS: f64 = 6.0;

/// The largest difference between two tensors of one shape.
pub(crate) fn distance(x: &HostTensor, reference: &HostTensor) -> f64 {
    let mut most = 0.0_f64;
    for (x, r) in x.data.iter().zip(&reference.data) {
        let difference = match (x == r) || (x.is_nan() && r.is_nan()) {
            true => 0.0,
            false if x.is_nan() || r.is_nan() => f64::INFINITY,
            false => (x - r).abs(),
        };
        most = most.max(difference);
    }
    most
}

/// For each tensor, the largest sum of the magnitudes of the terms that make an element.
#[derive(Clone, Debug, Default)]
pub(super) struct Magnitudes {
    pub scores: f64,
    pub out: f64,
    pub q: f64,
    pub k: f64,
    pub v: f64,
    /// Of each learned parameter.
    pub learned: Vec<LearnedMagnitude>,
}

/// What the gradient of a learned parameter is made of, for its largest element.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LearnedMagnitude {
    /// Sum of the terms' magnitudes.
    pub terms: f64,
    /// Standard deviation that rounding the output causes, in units of the relative rounding step.
    pub rounding: f64,
}

impl Magnitudes {
    pub(super) fn of(inputs: &Inputs, variant: &AnyVariant, scale: f64) -> Self {
        let (mut most, [of_q, of_k, of_out]) = {
            let mut rows = RowStages::before(variant, &inputs.q, &inputs.k, EXACT);
            let between = between(&mut rows, inputs, variant, scale).0;
            (Self::between(&between, variant, scale), rows.amplification())
        };
        most.q *= of_q;
        most.k *= of_k;
        most.out *= of_out;
        if variant.row_stages().is_empty() {
            return most;
        }
        let learned = |term: &dyn Fn(f64) -> f64| {
            let mut rows = RowStages::before(variant, &inputs.q, &inputs.k, [&|x| x, term]);
            let (between, learned) = between(&mut rows, inputs, variant, scale);
            let Inputs { q, k, v, d_out } = &between;
            let mut gradients = attend_backward(q, k, v, d_out, variant, scale, learned);
            rows.reverse_inputs(&mut gradients);
            gradients.learned
        };
        let largest =
            |gradient: &LearnedGradient| gradient.data.iter().copied().fold(0.0, f64::max);
        let (terms, squares) = (learned(&f64::abs), learned(&|x| x * x));
        for ((most, terms), squares) in most.learned.iter_mut().zip(&terms).zip(&squares) {
            if terms.param.of_rows {
                // Each gradient of a new element is rounded by itself.
                let rounding = (largest(squares) / 12.0).sqrt();
                *most = LearnedMagnitude { terms: largest(terms), rounding };
            }
        }
        most
    }

    /// The same between the stages of rows.
    fn between(inputs: &Inputs, variant: &AnyVariant, scale: f64) -> Self {
        let Inputs { q, k, v, d_out } = inputs;
        let [_, _, keys, value_dim] = v.shape;
        let dim = q.shape[3];
        let mut most = Self::default();
        let mut d_q = HostTensor::zeros(q.shape);
        let mut d_k = HostTensor::zeros(k.shape);
        let mut d_v = HostTensor::zeros(v.shape);
        let mut learned = LearnedGradient::zeros(variant);
        let mut variances = LearnedGradient::zeros(variant);
        for_each_row(q, k, variant, scale, |row, kv| {
            let (weights, lse) = row.weights();
            let (b, h, i) = (row.batch, row.head, row.query);
            let d_weighed = |key: usize| -> f64 {
                let product = |d| (d_out.at([b, h, i, d]) * v.at([b, kv, key, d])).abs();
                (0..value_dim).map(product).sum()
            };
            let factors: Vec<f64> = (0..keys).map(|key| row.factor(key).abs()).collect();
            let d_weights: Vec<f64> = (0..keys).map(|key| d_weighed(key) * factors[key]).collect();
            let mean: f64 = weights.iter().zip(&d_weights).map(|(w, d)| w * d).sum();
            // Of `Σ dO ∘ O`, each element of `O` off by a uniform part of its rounding step.
            let mut variance = 0.0;
            for d in 0..value_dim {
                let product =
                    |key: usize| weights[key] * factors[key] * v.at([b, kv, key, d]).abs();
                most.out = most.out.max((0..keys).map(product).sum());
                let value = |key: usize| weights[key] * row.factor(key) * v.at([b, kv, key, d]);
                let out: f64 = (0..keys).map(value).sum();
                variance += (out * d_out.at([b, h, i, d])).powi(2) / 12.0;
            }
            // What a site adds for a stage with this gradient and this part of `Δ`.
            let mut of_row: HashMap<(usize, usize), f64> = HashMap::new();
            let mut add = |key: usize, stage, d_stage: f64, of_delta: f64| {
                for (nth, LearnedGradient { param, data }) in learned.iter_mut().enumerate() {
                    for site in param.sites.iter().filter(|site| site.stage == stage) {
                        let (place, term) = row.learned_term(key, site.site, stage, d_stage);
                        let (_, part) = row.learned_term(key, site.site, stage, of_delta);
                        data[place] += term.abs();
                        *of_row.entry((nth, place)).or_default() += part.abs();
                    }
                }
            };
            let sink = row.sink_gradient(&weights, &d_weights, lse);
            let sink_weight = if mean > 0.0 { sink / mean } else { 0.0 };
            add(0, LearnedStage::Sink, sink, sink_weight);
            for key in 0..keys {
                let product = |d| (q.at([b, h, i, d]) * k.at([b, kv, key, d]) * scale).abs();
                most.scores = most.scores.max((0..dim).map(product).sum());
                for d in 0..value_dim {
                    *d_v.at_mut([b, kv, key, d]) +=
                        weights[key] * factors[key] * d_out.at([b, h, i, d]).abs();
                }
                let at = row.position(key);
                if !variant.keep(&at) {
                    continue;
                }
                let d_modified = weights[key] * (d_weights[key] + mean);
                add(key, LearnedStage::Score, d_modified, weights[key]);
                add(key, LearnedStage::Weight, weights[key] * d_weighed(key), 0.0);
                let slope = variant.score_grad(row.scores[key], &at);
                let d_score = (d_modified * slope * scale).abs();
                for d in 0..dim {
                    *d_q.at_mut([b, h, i, d]) += d_score * k.at([b, kv, key, d]).abs();
                    *d_k.at_mut([b, kv, key, d]) += d_score * q.at([b, h, i, d]).abs();
                }
            }
            for ((nth, place), weight) in of_row {
                variances[nth].data[place] += variance * weight * weight;
            }
        });
        let largest = |gradient: LearnedGradient| gradient.data.into_iter().fold(0.0, f64::max);
        let learned = learned.into_iter().zip(variances).map(|(terms, variances)| {
            let (terms, rounding) = (largest(terms), largest(variances).sqrt());
            LearnedMagnitude { terms, rounding }
        });
        let learned = learned.collect();
        Self { q: d_q.max_abs(), k: d_k.max_abs(), v: d_v.max_abs(), learned, ..most }
    }
}

/// What meets between the stages of rows, and what stages of the output learn.
fn between(
    rows: &mut RowStages<'_>,
    inputs: &Inputs,
    variant: &AnyVariant,
    scale: f64,
) -> (Inputs, Vec<LearnedGradient>) {
    let mut learned = LearnedGradient::zeros(variant);
    let d_out = rows.through_output(&inputs.d_out, &mut learned, |q, k| {
        attend(q, k, &inputs.v, variant, scale).out
    });
    (Inputs { q: rows.q().clone(), k: rows.k().clone(), v: inputs.v.clone(), d_out }, learned)
}

/// What an `f32` result may differ by.
pub(super) fn allowed_f32(reference: &HostTensor, magnitude: f64) -> f64 {
    (RELATIVE_F32 * reference.max_abs()).max(CANCELLATION * magnitude)
}

/// What a log-sum-exp may differ by: at 16 bits, what rounding the weights may change of their sum.
pub(super) fn allowed_lse(reference: &HostTensor, dtype: DType) -> f64 {
    let rounding = match dtype {
        DType::F32 => RELATIVE_F32,
        DType::F16 | DType::Bf16 => dtype.epsilon() / 2.0,
    };
    rounding * reference.max_abs().max(1.0)
}

/// What a result may differ by, given that of the math back end.
pub(super) fn allowed(
    reference: &HostTensor,
    math: &HostTensor,
    magnitude: f64,
    dtype: DType,
) -> f64 {
    if dtype == DType::F32 {
        return allowed_f32(reference, magnitude);
    }
    let largest = reference.max_abs();
    let ulp = if largest == 0.0 { 0.0 } else { largest.log2().floor().exp2() * dtype.epsilon() };
    (2.0 * distance(math, reference) + ulp).max(CANCELLATION * magnitude)
}

/// What the gradient of a learned parameter may differ by, given that of the math back end.
pub(super) fn allowed_learned(
    reference: &HostTensor,
    math: &HostTensor,
    magnitude: LearnedMagnitude,
    dtype: DType,
) -> f64 {
    let rounding = match dtype {
        DType::F32 => 0.0,
        DType::F16 | DType::Bf16 => DEVIATIONS * dtype.epsilon() * magnitude.rounding,
    };
    allowed(reference, math, magnitude.terms, dtype).max(rounding)
}
