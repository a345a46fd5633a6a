//! Attention for series with a season: three variants and a kernel, as any crate can write them.
//!
//! Nothing else is needed: the derivative, the kernels for GPU and CPU, the `f64` reference and the
//! entry in the registry, by which the conformance suite and `autotune` find them, come of the
//! annotation.

pub mod forecaster;

use tilewright::prelude::*;
use tilewright::reference::HostTensor;

/// What is learned: a number for each head and each step of the season, added to the scores of keys
/// so many steps after the query.
#[score_mod(example(bias = table(heads, 6), period = 6))]
pub fn seasonal_bias(
    score: f32,
    at: Position,
    #[learned] bias: Table,
    #[range(1..)] period: u32,
) -> f32 {
    let phase = (at.key + period - at.query % period) % period;
    score + bias[(at.head, phase)]
}

/// What is masked: of the past, a query sees the last `recent` positions and, of earlier seasons, the
/// step that comes next, which is the one to be forecast.
#[mask_mod(example(3, 6), example(1, 4))]
pub fn same_season(at: Position, #[range(1..)] recent: u32, #[range(1..)] period: u32) -> bool {
    let past = at.key <= at.query;
    let distance = at.query.abs_diff(at.key);
    past && (distance < recent || (distance + 1) % period == 0)
}

/// Scores fall with the logarithm of the distance.
#[score_mod(example(0.5))]
pub fn fading(score: f32, at: Position, #[range(0.0..)] rate: f32) -> f32 {
    score - rate * (1.0 + at.query.abs_diff(at.key) as f32).ln()
}

/// What is dropped: fading attention of which a share `p` of the weights is left out in training,
/// other ones with every `seed`. One kernel; no mask lies in memory.
pub fn fading_with_dropout(rate: f32, p: f32, seed: u32) -> impl Variant {
    fading(rate).and(dropout(p, seed))
}

/// A whole kernel: every row with its mean taken off, divided by its deviation (the normalisation
/// of RevIN, [openreview cGDAkQo1C0p](https://openreview.net/forum?id=cGDAkQo1C0p)).
#[kernel(
    program = rows(x),
    reference = instance_norm_in_f64,
    example(batch = 2, heads = 3, rows = 37, dim = 24),
)]
pub fn instance_norm(
    x: &Tensor,
    out: &mut Tensor,
    #[tune(1, 4)] rows: Rows,
    #[tune(64, 1)] units: Units,
    #[tune(8, 1)] split: Split,
) {
    let tile = x.load(rows);
    let centred = tile.clone() - tile.row_mean();
    let squares = centred.clone() * centred.clone();
    out.store(rows, centred / (squares.row_mean() + 1e-5).sqrt());
}

fn instance_norm_in_f64(x: &HostTensor) -> HostTensor {
    let dim = x.shape[3];
    let mut out = x.clone();
    for row in out.data.chunks_mut(dim) {
        let mean = row.iter().sum::<f64>() / dim as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / dim as f64;
        row.iter_mut().for_each(|x| *x = (*x - mean) / (variance + 1e-5).sqrt());
    }
    out
}
