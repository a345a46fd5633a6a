//! Stages of rows: queries, keys and the output on their way through them, and gradients back.

use super::{Gradients, HostTensor, LearnedGradient};
use crate::language::{AnyRowStage, AnyVariant, Pairing, Position, RowInput, RowTarget};

/// Tensors as a variant's stages of rows found them, each followed by what the stage made of it.
pub(crate) struct RowStages<'r> {
    stages: Vec<AnyRowStage>,
    q: Vec<HostTensor>,
    k: Vec<HostTensor>,
    out: Vec<HostTensor>,
    /// What is done to every number that is stored.
    stored: &'r dyn Fn(f64) -> f64,
    /// What is done to every term of a learned parameter's gradient.
    term: &'r dyn Fn(f64) -> f64,
}

impl<'r> RowStages<'r> {
    /// Queries and keys through the stages before attention.
    pub fn before(
        variant: &AnyVariant,
        q: &HostTensor,
        k: &HostTensor,
        [stored, term]: [&'r dyn Fn(f64) -> f64; 2],
    ) -> Self {
        let (q, k) = (vec![q.clone()], vec![k.clone()]);
        let stages = variant.row_stages();
        let mut rows = Self { stages, q, k, out: Vec::new(), stored, term };
        for nth in 0..rows.stages.len() {
            if rows.changes_queries(nth) {
                rows.q.push(rows.staged(nth, rows.q()));
            }
            if rows.changes_keys(nth) {
                rows.k.push(rows.staged(nth, rows.k()));
            }
        }
        rows
    }

    /// The output through the stages after it.
    pub fn after(&mut self, raw: HostTensor) {
        self.out = vec![raw];
        for nth in 0..self.stages.len() {
            if self.stages[nth].is_of_output() {
                self.out.push(self.staged(nth, self.out()));
            }
        }
    }

    /// The queries that meet keys.
    pub fn q(&self) -> &HostTensor {
        &self.q[self.q.len() - 1]
    }

    /// The keys that they meet.
    pub fn k(&self) -> &HostTensor {
        &self.k[self.k.len() - 1]
    }

    /// The output.
    pub fn out(&self) -> &HostTensor {
        &self.out[self.out.len() - 1]
    }

    /// The gradient of the output before its stages, and those of what they learn. Only where there
    /// are such stages is the output needed.
    pub fn through_output(
        &mut self,
        d_out: &HostTensor,
        learned: &mut [LearnedGradient],
        attend: impl FnOnce(&HostTensor, &HostTensor) -> HostTensor,
    ) -> HostTensor {
        if !self.stages.iter().any(AnyRowStage::is_of_output) {
            return d_out.clone();
        }
        self.after(attend(self.q(), self.k()));
        self.reverse_output(d_out, learned)
    }

    fn reverse_output(&self, d_out: &HostTensor, learned: &mut [LearnedGradient]) -> HostTensor {
        let stages: Vec<usize> =
            (0..self.stages.len()).filter(|&nth| self.stages[nth].is_of_output()).collect();
        let mut d = d_out.clone();
        for (nth, old) in stages.into_iter().zip(&self.out).rev() {
            d = self.old(nth, old, &d, learned);
        }
        d
    }

    /// From gradients of the queries and keys that met to those of the ones that were given.
    pub fn reverse_inputs(&self, gradients: &mut Gradients) {
        let (mut left_q, mut left_k) = (self.q.len() - 1, self.k.len() - 1);
        for nth in (0..self.stages.len()).rev() {
            if self.changes_queries(nth) {
                left_q -= 1;
                gradients.q = self.old(nth, &self.q[left_q], &gradients.q, &mut gradients.learned);
            }
            if self.changes_keys(nth) {
                left_k -= 1;
                gradients.k = self.old(nth, &self.k[left_k], &gradients.k, &mut gradients.learned);
            }
        }
    }

    /// By how much the stages may enlarge the error of an element of the queries, the keys and the
    /// output, in either direction.
    pub fn amplification(&self) -> [f64; 3] {
        let mut most = [1.0; 3];
        let (mut q, mut k, mut out) = (self.q.iter(), self.k.iter(), self.out.iter());
        for (nth, stage) in self.stages.iter().enumerate() {
            let olds = [
                self.changes_queries(nth).then(|| q.next()),
                self.changes_keys(nth).then(|| k.next()),
                stage.is_of_output().then(|| out.next()),
            ];
            for (most, old) in most.iter_mut().zip(olds) {
                if let Some(x) = old.flatten() {
                    *most *= enlargement(stage, x);
                }
            }
        }
        most
    }

    fn changes_queries(&self, nth: usize) -> bool {
        matches!(self.stages[nth].target(), RowTarget::Queries | RowTarget::QueriesAndKeys)
    }

    fn changes_keys(&self, nth: usize) -> bool {
        matches!(self.stages[nth].target(), RowTarget::Keys | RowTarget::QueriesAndKeys)
    }

    /// What a stage makes of a tensor.
    fn staged(&self, nth: usize, x: &HostTensor) -> HostTensor {
        let stage = &self.stages[nth];
        HostTensor::from_fn(x.shape, |[b, h, t, d]| {
            let row = Row::of(stage, x, [b, h, t]);
            (self.stored)(stage.value(row.at(d), &row.position(d)))
        })
    }

    /// The gradient of the old tensor, given that of the new one.
    fn old(
        &self,
        nth: usize,
        x: &HostTensor,
        d_new: &HostTensor,
        learned: &mut [LearnedGradient],
    ) -> HostTensor {
        let stage = &self.stages[nth];
        let [batches, heads, tokens, dims] = x.shape;
        let mut d_old = HostTensor::zeros(x.shape);
        let before: usize = self.stages[..nth].iter().map(|stage| stage.learned().len()).sum();
        let mut own: Vec<&mut LearnedGradient> =
            learned.iter_mut().filter(|gradient| gradient.param.of_rows).skip(before).collect();
        for [b, h, t] in rows(batches, heads, tokens) {
            let row = Row::of(stage, x, [b, h, t]);
            let d = |dim| d_new.at([b, h, t, dim]);
            let along = |of| -> f64 { (0..dims).map(|dim| d(dim) * row.slope(dim, of)).sum() };
            let (of_mean, of_square) = (along(RowInput::Mean), along(RowInput::MeanSquare));
            for dim in 0..dims {
                let partner = row.partner(dim);
                let mut sum = d(dim) * row.slope(dim, RowInput::Element);
                if stage.pairing() != Pairing::None {
                    sum += d(partner) * row.slope(partner, RowInput::Pair);
                }
                sum += (of_mean + 2.0 * row.x[dim] * of_square) / dims as f64;
                *d_old.at_mut([b, h, t, dim]) = (self.stored)(sum);
                for (param, gradient) in stage.learned().iter().zip(&mut own) {
                    for site in &param.sites {
                        let at = row.position(dim);
                        let slope = stage.learned_grad(row.at(dim), &at, site.site);
                        let place = stage.learned_index(&at, site.site);
                        gradient.data[place] += (self.term)(d(dim) * slope);
                    }
                }
            }
        }
        d_old
    }
}

/// The largest sum of slopes that meet in an element.
fn enlargement(stage: &AnyRowStage, x: &HostTensor) -> f64 {
    let [batches, heads, tokens, dims] = x.shape;
    let mut most = 0.0_f64;
    for place in rows(batches, heads, tokens) {
        let row = Row::of(stage, x, place);
        let along = |of| -> f64 { (0..dims).map(|dim| row.slope(dim, of).abs()).sum() };
        let (of_mean, of_square) = (along(RowInput::Mean), along(RowInput::MeanSquare));
        for dim in 0..dims {
            let own = row.slope(dim, RowInput::Element).abs();
            let pair = row.slope(row.partner(dim), RowInput::Pair).abs();
            let means = (of_mean + 2.0 * row.x[dim].abs() * of_square) / dims as f64;
            most = most.max(own + pair + means);
        }
    }
    most
}

/// Batch, head and token of every row.
fn rows(batches: usize, heads: usize, tokens: usize) -> impl Iterator<Item = [usize; 3]> {
    let groups = (0..batches).flat_map(move |b| (0..heads).map(move |h| [b, h]));
    groups.flat_map(move |[b, h]| (0..tokens).map(move |t| [b, h, t]))
}

/// One row, as a stage sees it.
struct Row<'a> {
    stage: &'a AnyRowStage,
    place: [usize; 3],
    tokens: usize,
    x: Vec<f64>,
    mean: f64,
    mean_square: f64,
}

impl<'a> Row<'a> {
    fn of(stage: &'a AnyRowStage, tensor: &HostTensor, [b, h, t]: [usize; 3]) -> Self {
        let [_, _, tokens, dims] = tensor.shape;
        let x: Vec<f64> = (0..dims).map(|d| tensor.at([b, h, t, d])).collect();
        let mean = x.iter().sum::<f64>() / dims as f64;
        let mean_square = x.iter().map(|x| x * x).sum::<f64>() / dims as f64;
        Self { stage, place: [b, h, t], tokens, x, mean, mean_square }
    }

    fn partner(&self, dim: usize) -> usize {
        self.stage.pairing().partner(dim, self.x.len())
    }

    /// What a function of an element is given.
    fn at(&self, dim: usize) -> [f64; 4] {
        [self.x[dim], self.x[self.partner(dim)], self.mean, self.mean_square]
    }

    fn slope(&self, dim: usize, of: RowInput) -> f64 {
        self.stage.slope(self.at(dim), &self.position(dim), of)
    }

    /// The token is the query, the dimension the key.
    fn position(&self, dim: usize) -> Position {
        let [batch, head, query] = self.place.map(|n| n as u32);
        let [key, queries, keys] = [dim, self.tokens, self.x.len()].map(|n| n as u32);
        Position { batch, head, query, key, queries, keys }
    }
}
