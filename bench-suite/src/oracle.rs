//! Do results agree with the `f64` reference, on a sample of a problem's groups?

mod part;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use cubecl::client::Client;
use half::{bf16, f16};
use tilewright::language::AnyVariant;
use tilewright::reference::{self, HostTensor};
use tilewright::{DType, Pass, Problem, Strided};
use tilewright_autotune::workload::{Input, MemoryOrder};

use part::{Part, Place};

/// Scores that the reference computes for one problem, at most, unless one group has more.
const CELLS: usize = 1 << 24;
/// Queries of one piece of work: enough threads for one long sequence.
const ROWS: usize = 64;
/// Where the reference is smaller than this, errors are not divided by less.
const LEAST: f64 = 1e-3;

/// What is expected of some groups of a problem.
pub struct Oracle {
    groups: Vec<(usize, usize)>,
    /// Of each tensor, the elements of one group after another.
    expected: Vec<Vec<f64>>,
}

/// The (batch, head) pairs of the sample: the first, the last, and two between, as far as the
/// reference's time allows.
fn sample(p: &Problem) -> Vec<(usize, usize)> {
    let mut groups = vec![(0, 0)];
    for group in
        [(p.batch - 1, p.heads - 1), (p.batch / 2, p.heads / 3), (p.batch / 3, p.heads / 2)]
    {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups.truncate((CELLS / (p.seq_q * p.seq_k)).max(1));
    groups
}

impl Oracle {
    /// Computes what is expected of a workload's first set.
    pub fn new(p: &Problem, variant: &AnyVariant, order: MemoryOrder, seed: u64) -> Self {
        let groups = sample(p);
        let mut pieces = Vec::new();
        for (nth, &(batch, head)) in groups.iter().enumerate() {
            for first in (0..p.seq_q).step_by(ROWS) {
                let rows = first..(first + ROWS).min(p.seq_q);
                pieces.push((nth, Piece { p, variant, order, seed, batch, head, rows }));
            }
        }
        let lengths: Vec<usize> =
            results_of(p).iter().map(|input| input.shape(p)[2..].iter().product()).collect();
        let zeros = lengths.iter().map(|len| vec![0.0; len * groups.len()]).collect();
        let expected: Mutex<Vec<Vec<f64>>> = Mutex::new(zeros);
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((nth, piece)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                let parts = piece.compute();
                let mut expected = expected.lock().unwrap_or_else(PoisonError::into_inner);
                for ((sum, len), (first, part)) in expected.iter_mut().zip(&lengths).zip(parts) {
                    // Every row of queries adds its part to the gradients of all keys.
                    let start = nth * len + first;
                    for (sum, x) in sum[start..].iter_mut().zip(part) {
                        *sum += x;
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        let expected = expected.into_inner().unwrap_or_else(PoisonError::into_inner);
        Self { groups, expected }
    }

    /// The (batch, head) pairs whose results are compared.
    pub fn groups(&self) -> &[(usize, usize)] {
        &self.groups
    }

    /// The largest error relative to the largest element, over the output or the worst of the
    /// gradients; infinite where an element is missing or no number.
    pub fn error(&self, results: &[f32]) -> f64 {
        let mut rest = results;
        let mut worst = 0.0_f64;
        for expected in &self.expected {
            let Some((given, after)) = rest.split_at_checked(expected.len()) else {
                return f64::INFINITY;
            };
            rest = after;
            let largest = expected.iter().fold(LEAST, |most, x| most.max(x.abs()));
            for (x, given) in expected.iter().zip(given) {
                let error = (f64::from(*given) - x).abs() / largest;
                if error.is_nan() {
                    return f64::INFINITY;
                }
                worst = worst.max(error);
            }
        }
        worst
    }

    /// The largest error that rounding explains, for an implementation that rounds scores and
    /// weights to the element type.
    pub fn limit(dtype: DType) -> f64 {
        (16.0 * dtype.epsilon()).max(1e-2)
    }

    /// Reads the sampled groups of this library's results.
    ///
    /// # Errors
    ///
    /// The device fails.
    pub fn read(&self, client: &Client, results: &[Strided]) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        for tensor in results {
            for &group in &self.groups {
                read_group(client, tensor, group, &mut values)?;
            }
        }
        Ok(values)
    }
}

/// The inputs that results have the sizes of.
fn results_of(p: &Problem) -> &'static [Input] {
    match p.pass {
        Pass::Forward => &[Input::DOut],
        Pass::Backward => &[Input::Q, Input::K, Input::V],
    }
}

/// Some queries of one group.
struct Piece<'a> {
    p: &'a Problem,
    variant: &'a AnyVariant,
    order: MemoryOrder,
    seed: u64,
    batch: usize,
    head: usize,
    rows: Range<usize>,
}

impl Piece<'_> {
    /// What it adds to each result, and from which element of the group on.
    fn compute(&self) -> Vec<(usize, Vec<f64>)> {
        let Self { p, rows, .. } = self;
        let place = Place {
            batch: self.batch as u32,
            head: self.head as u32,
            key_head: (self.head * p.kv_heads / p.heads) as u32,
            first: rows.start as u32,
            queries: p.seq_q as u32,
        };
        let variant = AnyVariant::new(Part { variant: self.variant.clone(), place });
        let q = self.tensor(Input::Q, rows.clone());
        let k = self.tensor(Input::K, 0..p.seq_k);
        let v = self.tensor(Input::V, 0..p.seq_k);
        let scale = 1.0 / (p.head_dim as f64).sqrt();
        match p.pass {
            Pass::Forward => {
                let out = reference::forward(&q, &k, &v, &variant, scale).out;
                vec![(rows.start * p.value_dim, out.data)]
            }
            Pass::Backward => {
                let d_out = self.tensor(Input::DOut, rows.clone());
                let sums = reference::backward(&q, &k, &v, &d_out, &variant, scale);
                vec![(rows.start * p.head_dim, sums.q.data), (0, sums.k.data), (0, sums.v.data)]
            }
        }
    }

    fn tensor(&self, input: Input, rows: Range<usize>) -> HostTensor {
        let [_, heads, _, dim] = input.shape(self.p);
        let head = self.head * heads / self.p.heads;
        HostTensor::from_fn([1, 1, rows.len(), dim], |[_, _, row, d]| {
            let index = [self.batch, head, rows.start + row, d];
            f64::from(self.order.element(input, self.p, self.seed, index))
        })
    }
}

/// Appends one group of a tensor, of which the part that belongs to its sequence is read.
fn read_group(
    client: &Client,
    tensor: &Strided,
    (batch, head): (usize, usize),
    values: &mut Vec<f32>,
) -> Result<()> {
    let Strided { handle, shape, strides, dtype } = tensor;
    let [_, _, rows, cols] = *shape;
    let first = batch * strides[0] + head * strides[1];
    let extent = 1 + (rows - 1) * strides[2] + (cols - 1) * strides[3];
    let size = dtype.bytes();
    let after = handle.size_in_used() - ((first + extent) * size) as u64;
    let part = handle.clone().offset_start((first * size) as u64).offset_end(after);
    let bytes = client.read_one(part).context("reading a result")?;
    for row in 0..rows {
        for col in 0..cols {
            let place = (row * strides[2] + col * strides[3]) * size;
            let element = bytes.get(place..place + size).context("a result is too short")?;
            values.push(match (dtype, element) {
                (DType::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
                (DType::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
                (DType::Bf16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32(),
                _ => f32::NAN,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tilewright::VariantClass;
    use tilewright::language::find;
    use tilewright::variants::softmax;

    use super::*;

    fn problem(pass: Pass, class: VariantClass) -> Problem {
        Problem {
            pass,
            dtype: DType::F32,
            head_dim: 4,
            value_dim: 3,
            seq_q: ROWS + 5,
            seq_k: ROWS + 5,
            batch: 3,
            heads: 4,
            kv_heads: 4,
            class,
            save_scores: false,
        }
    }

    /// What a stage of rows does must show.
    #[test]
    fn stages_of_rows_are_part_of_what_is_expected() {
        let plain = AnyVariant::new(softmax());
        for name in ["rope", "qk_norm", "output_gate"] {
            let registered = find(name).expect(name);
            for pass in [Pass::Forward, Pass::Backward] {
                let p = problem(pass, VariantClass::Plain);
                let staged = registered.example_variants(&(&p).into()).next().expect(name);
                let expected =
                    |variant: &AnyVariant| Oracle::new(&p, variant, MemoryOrder::Bshd, 9);
                let without: Vec<f32> =
                    expected(&plain).expected.concat().iter().map(|&x| x as f32).collect();
                assert!(expected(&plain).error(&without) < 1e-6);
                let error = expected(&staged).error(&without);
                assert!(error > 0.01, "{name} {pass}: {error}");
            }
        }
    }

    /// The whole problem at once must give what pieces give.
    #[test]
    fn pieces_add_up_to_the_reference() {
        for name in ["alibi", "causal", "rope", "qk_norm", "output_gate"] {
            let registered = find(name).expect(name);
            let sizes = (&problem(Pass::Forward, registered.stages.into())).into();
            let variant = registered.example_variants(&sizes).next().expect(name);
            for pass in [Pass::Forward, Pass::Backward] {
                let p = problem(pass, variant.stages().into());
                let order = MemoryOrder::Bshd;
                let whole = |input: Input| {
                    HostTensor::from_fn(input.shape(&p), |index| {
                        f64::from(order.element(input, &p, 9, index))
                    })
                };
                let [q, k, v, d_out] = [Input::Q, Input::K, Input::V, Input::DOut].map(whole);
                let results = match pass {
                    Pass::Forward => {
                        vec![reference::forward(&q, &k, &v, &variant, 0.5).out]
                    }
                    Pass::Backward => {
                        let g = reference::backward(&q, &k, &v, &d_out, &variant, 0.5);
                        vec![g.q, g.k, g.v]
                    }
                };
                let oracle = Oracle::new(&p, &variant, order, 9);
                assert!(oracle.groups().len() >= 3);
                let mut given = Vec::new();
                for result in &results {
                    let [_, _, rows, cols] = result.shape;
                    for &(b, h) in oracle.groups() {
                        for at in 0..rows * cols {
                            given.push(result.at([b, h, at / cols, at % cols]) as f32);
                        }
                    }
                }
                let error = oracle.error(&given);
                assert!(error < 1e-6, "{name} {pass}: {error}");
                given[7] += 1.0;
                assert!(oracle.error(&given) > 0.01, "a wrong element shows");
                given[7] = f32::NAN;
                assert_eq!(oracle.error(&given), f64::INFINITY);
                assert_eq!(oracle.error(&given[1..]), f64::INFINITY);
            }
        }
    }
}
