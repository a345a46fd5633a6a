//! The oracle: attention and its gradients in `f64`, on the host, written to be obviously right.
//!
//! Every other implementation in this repository is measured against this one, and this one's
//! gradients against central differences of its forward pass. It is slow; give it small tensors.

pub(crate) mod rows;

use rows::RowStages;

use crate::language::{AnyVariant, LearnedParam, LearnedStage, Normaliser, Position};

/// A `[batch, heads, seq, dim]` tensor in host memory, contiguous, in `f64`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Sizes of `[batch, heads, seq, dim]`.
    pub shape: [usize; 4],
    /// The elements, the last dimension fastest.
    pub data: Vec<f64>,
}

impl HostTensor {
    /// All elements zero.
    pub fn zeros(shape: [usize; 4]) -> Self {
        Self { shape, data: vec![0.0; shape.iter().product()] }
    }

    /// Each element made from its index, in memory order.
    pub fn from_fn(shape: [usize; 4], mut make: impl FnMut([usize; 4]) -> f64) -> Self {
        let mut tensor = Self::zeros(shape);
        for i in 0..tensor.data.len() {
            tensor.data[i] = make(unravel(i, shape));
        }
        tensor
    }

    /// One element.
    ///
    /// # Panics
    ///
    /// Where the index lies outside the shape.
    pub fn at(&self, index: [usize; 4]) -> f64 {
        self.data[self.offset(index)]
    }

    /// One element, to change.
    ///
    /// # Panics
    ///
    /// Where the index lies outside the shape.
    pub fn at_mut(&mut self, index: [usize; 4]) -> &mut f64 {
        let offset = self.offset(index);
        &mut self.data[offset]
    }

    /// Every element changed.
    pub fn map(&self, change: impl FnMut(f64) -> f64) -> Self {
        Self { shape: self.shape, data: self.data.iter().copied().map(change).collect() }
    }

    /// The largest magnitude among finite elements; 0 if there is none.
    pub fn max_abs(&self) -> f64 {
        self.data.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| x.abs().max(most))
    }

    fn offset(&self, [b, h, s, d]: [usize; 4]) -> usize {
        let [batch, heads, seq, dim] = self.shape;
        assert!(b < batch && h < heads && s < seq && d < dim, "index outside {:?}", self.shape);
        ((b * heads + h) * seq + s) * dim + d
    }
}

/// The index of the element with this place in memory order.
fn unravel(mut i: usize, shape: [usize; 4]) -> [usize; 4] {
    let mut index = [0; 4];
    for d in (0..4).rev() {
        index[d] = i % shape[d];
        i /= shape[d];
    }
    index
}

/// What the forward pass computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Forward {
    /// `[batch, heads, queries, value_dim]`.
    pub out: HostTensor,
    /// `[batch, heads, queries, 1]`; minus infinity where every key is masked.
    pub lse: HostTensor,
    /// The raw scaled scores, `[batch, heads, queries, keys]`, before the variant changes them.
    pub scores: HostTensor,
}

/// The gradients of `Σ d_out ∘ out`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// With respect to q.
    pub q: HostTensor,
    /// With respect to k, summed over the query heads that share a key head.
    pub k: HostTensor,
    /// With respect to v, summed likewise.
    pub v: HostTensor,
    /// With respect to the learned parameters of the variant, in its order.
    pub learned: Vec<LearnedGradient>,
}

/// The gradient of one learned parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedGradient {
    /// The parameter.
    pub param: LearnedParam,
    /// One number for each of its elements, in row-major order.
    pub data: Vec<f64>,
}

impl LearnedGradient {
    /// A zero for each element of each learned parameter.
    pub fn zeros(variant: &AnyVariant) -> Vec<Self> {
        let learned = variant.learned().into_iter();
        learned.map(|param| Self { data: vec![0.0; param.len()], param }).collect()
    }
}

/// Adds to the gradients what each site of a stage says: a term, and the element that it is for.
pub(crate) fn add_learned(
    gradients: &mut [LearnedGradient],
    stage: LearnedStage,
    term: impl Fn(usize) -> (usize, f64),
) {
    for LearnedGradient { param, data } in gradients {
        for site in param.sites.iter().filter(|site| site.stage == stage) {
            let (place, term) = term(site.site);
            data[place] += term;
        }
    }
}

/// One row of the attention matrix: the keys that one query sees.
pub(crate) struct Row<'a> {
    pub variant: &'a AnyVariant,
    pub batch: usize,
    pub head: usize,
    pub query: usize,
    /// Raw scaled scores.
    pub scores: Vec<f64>,
    pub queries: usize,
}

impl Row<'_> {
    pub fn position(&self, key: usize) -> Position {
        Position {
            batch: self.batch as u32,
            head: self.head as u32,
            query: self.query as u32,
            key: key as u32,
            queries: self.queries as u32,
            keys: self.scores.len() as u32,
        }
    }

    /// The score that the softmax sees: modified, and minus infinity where the mask hides the key.
    fn modified(&self, key: usize) -> f64 {
        let at = self.position(key);
        if self.variant.keep(&at) {
            self.variant.score(self.scores[key], &at)
        } else {
            f64::NEG_INFINITY
        }
    }

    /// Normalised weights and the log-sum-exp of their scores; all zero and minus infinity where no
    /// key is left.
    pub fn weights(&self) -> (Vec<f64>, f64) {
        let modified: Vec<f64> = (0..self.scores.len()).map(|key| self.modified(key)).collect();
        normalised(&modified, self.variant, &self.position(0))
    }

    /// What a site adds to which element, given the gradient of its stage.
    pub fn learned_term(
        &self,
        key: usize,
        site: usize,
        stage: LearnedStage,
        d_stage: f64,
    ) -> (usize, f64) {
        let at = self.position(key);
        let slope = self.variant.learned_grad(self.scores[key], &at, site, stage);
        (self.variant.learned_index(&at, site), d_stage * slope)
    }

    /// The gradient of the row's sink, a score whose weight meets no value; 0 without one.
    pub fn sink_gradient(&self, weights: &[f64], d_weights: &[f64], lse: f64) -> f64 {
        if self.variant.normaliser() != Normaliser::Sink {
            return 0.0;
        }
        let mean: f64 = weights.iter().zip(d_weights).map(|(w, d)| w * d).sum();
        -(self.variant.sink(&self.position(0)) - lse).exp() * mean
    }

    /// What a key's weight is multiplied by once it was normalised.
    pub fn factor(&self, key: usize) -> f64 {
        self.variant.weight(&self.position(key))
    }
}

/// Normalised weights of modified scores, and their log-sum-exp. `at` is somewhere in their row.
pub(crate) fn normalised(modified: &[f64], variant: &AnyVariant, at: &Position) -> (Vec<f64>, f64) {
    if modified.iter().any(|score| score.is_nan()) {
        return (vec![f64::NAN; modified.len()], f64::NAN);
    }
    let sink = match variant.normaliser() {
        Normaliser::Softmax => f64::NEG_INFINITY,
        Normaliser::Sink => variant.sink(at),
        Normaliser::Sigmoid => {
            let sigmoids = modified.iter().map(|score| 1.0 / (1.0 + (-score).exp()));
            return (sigmoids.collect(), 0.0);
        }
    };
    let largest = modified.iter().copied().fold(sink, f64::max);
    if largest == f64::NEG_INFINITY {
        return (vec![0.0; modified.len()], largest);
    }
    let exps: Vec<f64> = modified.iter().map(|score| (score - largest).exp()).collect();
    let sum = exps.iter().sum::<f64>() + (sink - largest).exp();
    (exps.iter().map(|exp| exp / sum).collect(), largest + sum.ln())
}

/// The gradients of modified scores, given normalised weights and their gradients.
pub(crate) fn score_gradients(
    weights: &[f64],
    d_weights: &[f64],
    normaliser: Normaliser,
) -> Vec<f64> {
    let pairs = || weights.iter().zip(d_weights);
    match normaliser {
        Normaliser::Softmax | Normaliser::Sink => {
            let mean: f64 = pairs().map(|(w, d)| w * d).sum();
            pairs().map(|(w, d)| w * (d - mean)).collect()
        }
        Normaliser::Sigmoid => pairs().map(|(w, d)| w * (1.0 - w) * d).collect(),
    }
}

/// Visits every row of the attention matrix.
pub(crate) fn for_each_row(
    q: &HostTensor,
    k: &HostTensor,
    variant: &AnyVariant,
    scale: f64,
    mut visit: impl FnMut(&Row<'_>, usize),
) {
    let [batches, heads, queries, dim] = q.shape;
    let [_, kv_heads, keys, _] = k.shape;
    for batch in 0..batches {
        for head in 0..heads {
            let kv_head = head / (heads / kv_heads);
            for query in 0..queries {
                let product = |key| {
                    (0..dim)
                        .map(|d| q.at([batch, head, query, d]) * k.at([batch, kv_head, key, d]))
                        .sum::<f64>()
                };
                let scores = (0..keys).map(|key| scale * product(key)).collect();
                visit(&Row { variant, batch, head, query, scores, queries }, kv_head);
            }
        }
    }
}

/// `softmax(score_mod(Q Kᵀ · scale)) V` over the keys that the mask keeps, between the variant's
/// stages of rows.
///
/// # Panics
///
/// Where the shapes of the tensors do not fit one another.
pub fn forward(
    q: &HostTensor,
    k: &HostTensor,
    v: &HostTensor,
    variant: &AnyVariant,
    scale: f64,
) -> Forward {
    let mut rows = RowStages::before(variant, q, k, EXACT);
    let forward = attend(rows.q(), rows.k(), v, variant, scale);
    rows.after(forward.out);
    Forward { out: rows.out().clone(), ..forward }
}

/// Nothing is rounded.
pub(crate) const EXACT: [&dyn Fn(f64) -> f64; 2] = [&|x| x; 2];

/// The forward pass between the stages of rows.
pub(crate) fn attend(
    q: &HostTensor,
    k: &HostTensor,
    v: &HostTensor,
    variant: &AnyVariant,
    scale: f64,
) -> Forward {
    let [batches, heads, queries, _] = q.shape;
    let [_, _, keys, value_dim] = v.shape;
    let mut out = HostTensor::zeros([batches, heads, queries, value_dim]);
    let mut lse = HostTensor::zeros([batches, heads, queries, 1]);
    let mut scores = HostTensor::zeros([batches, heads, queries, keys]);
    for_each_row(q, k, variant, scale, |row, kv_head| {
        let (weights, row_lse) = row.weights();
        let (b, h, i) = (row.batch, row.head, row.query);
        *lse.at_mut([b, h, i, 0]) = row_lse;
        for (key, weight) in weights.into_iter().enumerate() {
            *scores.at_mut([b, h, i, key]) = row.scores[key];
            let weighed = weight * row.factor(key);
            for d in 0..value_dim {
                *out.at_mut([b, h, i, d]) += weighed * v.at([b, kv_head, key, d]);
            }
        }
    });
    Forward { out, lse, scores }
}

/// The gradients of `Σ d_out ∘ out` with respect to q, k and v, and to the learned parameters of
/// the variant.
///
/// # Panics
///
/// Where the shapes of the tensors do not fit one another.
pub fn backward(
    q: &HostTensor,
    k: &HostTensor,
    v: &HostTensor,
    d_out: &HostTensor,
    variant: &AnyVariant,
    scale: f64,
) -> Gradients {
    let mut rows = RowStages::before(variant, q, k, EXACT);
    let mut learned = LearnedGradient::zeros(variant);
    let d_raw =
        rows.through_output(d_out, &mut learned, |q, k| attend(q, k, v, variant, scale).out);
    let mut gradients = attend_backward(rows.q(), rows.k(), v, &d_raw, variant, scale, learned);
    rows.reverse_inputs(&mut gradients);
    gradients
}

/// The backward pass between the stages of rows; it adds to what is `learned`.
pub(crate) fn attend_backward(
    q: &HostTensor,
    k: &HostTensor,
    v: &HostTensor,
    d_out: &HostTensor,
    variant: &AnyVariant,
    scale: f64,
    learned: Vec<LearnedGradient>,
) -> Gradients {
    let [_, _, keys, value_dim] = v.shape;
    let dim = q.shape[3];
    let mut gradients = Gradients {
        q: HostTensor::zeros(q.shape),
        k: HostTensor::zeros(k.shape),
        v: HostTensor::zeros(v.shape),
        learned,
    };
    for_each_row(q, k, variant, scale, |row, kv_head| {
        let (weights, lse) = row.weights();
        let (b, h, i) = (row.batch, row.head, row.query);
        let d_weighed = |key| {
            let product = |d| d_out.at([b, h, i, d]) * v.at([b, kv_head, key, d]);
            (0..value_dim).map(product).sum::<f64>()
        };
        let d_weights: Vec<f64> = (0..keys).map(|key| d_weighed(key) * row.factor(key)).collect();
        let d_sink = row.sink_gradient(&weights, &d_weights, lse);
        add_learned(&mut gradients.learned, LearnedStage::Sink, |site| {
            row.learned_term(0, site, LearnedStage::Sink, d_sink)
        });
        let d_scores = score_gradients(&weights, &d_weights, row.variant.normaliser());
        for key in 0..keys {
            let weighed = weights[key] * row.factor(key);
            for d in 0..value_dim {
                *gradients.v.at_mut([b, kv_head, key, d]) += weighed * d_out.at([b, h, i, d]);
            }
            let at = row.position(key);
            if !row.variant.keep(&at) {
                continue;
            }
            let d_modified = d_scores[key];
            for (stage, d_stage) in [
                (LearnedStage::Score, d_modified),
                (LearnedStage::Weight, weights[key] * d_weighed(key)),
            ] {
                add_learned(&mut gradients.learned, stage, |site| {
                    row.learned_term(key, site, stage, d_stage)
                });
            }
            let slope = row.variant.score_grad(row.scores[key], &at);
            let d_score = d_modified * slope * scale;
            for d in 0..dim {
                *gradients.q.at_mut([b, h, i, d]) += d_score * k.at([b, kv_head, key, d]);
                *gradients.k.at_mut([b, kv_head, key, d]) += d_score * q.at([b, h, i, d]);
            }
        }
    });
    gradients
}
