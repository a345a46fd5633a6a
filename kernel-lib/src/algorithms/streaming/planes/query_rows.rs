//! A tile of the gradient of scores, recomputed: sixteen queries to a plane, which meet eight keys.
//!
//! `S = Q Kᵀ`, `P = exp(S' - lse)`, `dP = dO Vᵀ`, `dS = P ∘ (dP - Δ) ∘ ∂S'/∂S` (arXiv 2307.08691,
//! algorithm 2), for `dQ` and, with another last factor, for what a variant learns.

use core::f32::consts::LOG2_E;

use cubecl::prelude::*;

use super::StreamConfig;
use super::stream::{delta_in_product, staged, staged_slope};
use crate::algorithms::resident::planes::softmax::weight_of;
use crate::algorithms::scores::{Cell, learned_slope};
use crate::algorithms::{Group, Shape};
use crate::language::{DeviceVariant, LearnedStage, Normaliser};
use crate::tile::fragment::{cells, dot, lane_col};
use crate::tile::ptx::F4;

/// What the last factor is the derivative with respect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Differentiated {
    /// The raw score.
    Score,
    /// The element that a learned parameter has at a site, and the site's stage: score or weight.
    Learned(usize, LearnedStage),
}

impl Differentiated {
    /// Whether it is learned in what weighs normalised weights: no softmax lies between.
    fn is_of_weight(self) -> bool {
        matches!(self, Differentiated::Learned(_, LearnedStage::Weight))
    }
}

/// Sixteen queries on their way along the keys.
#[derive(CubeType)]
pub struct QueryRows {
    group: Group,
    shape: Shape,
    /// This lane's first query; the second is eight further.
    first: u32,
    scale: f32,
    upper_lse: f32,
    lower_lse: f32,
    upper_delta: f32,
    lower_delta: f32,
}

#[cube]
impl QueryRows {
    /// The queries of a group of which `first` is this lane's first.
    pub fn new(
        lse: &[f32],
        delta: &[f32],
        group: Group,
        shape: Shape,
        first: u32,
        scale: f32,
    ) -> QueryRows {
        let last = shape.queries - 1;
        QueryRows {
            group,
            shape,
            first,
            scale,
            upper_lse: usable(lse, group, shape, first),
            lower_lse: usable(lse, group, shape, first + 8),
            upper_delta: delta[group.first_row + min(first as usize, last)],
            lower_delta: delta[group.first_row + min(first as usize + 8, last)],
        }
    }

    /// The gradient of a tile, eight of `k`'s and `v`'s sixteen keys: those of `part`, of which the
    /// first is `col`. `kept` has bits for the cells of all sixteen.
    #[allow(clippy::too_many_arguments)]
    pub fn gradient<V: DeviceVariant>(
        &self,
        q: &Sequence<Sequence<u32>>,
        d_out: &Sequence<Sequence<u32>>,
        k: &Sequence<Sequence<u32>>,
        v: &Sequence<Sequence<u32>>,
        #[comptime] part: usize,
        col: u32,
        kept: u32,
        params: &V::Params,
        #[comptime] by: Differentiated,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) -> F4 {
        let elements = comptime!(config.elements);
        let raw = dot(q, k, part, F4::new(0.0f32), elements);
        let (a, b) = (-self.upper_delta, -self.lower_delta);
        let in_product = delta_in_product::<V>();
        let start = if comptime!(in_product) { cells(a, a, b, b) } else { F4::new(0.0f32) };
        let d_weight = dot(d_out, v, part, start, elements);
        let mut gradients = F4::empty();
        #[unroll]
        for cell in 0..4usize {
            let (raw, d_weight) = (raw.extract(cell), d_weight.extract(cell));
            let nth = comptime!(4 * part + cell);
            let gradient =
                self.of_cell::<V>(raw, d_weight, cell, nth, col, kept, params, by, open, config);
            gradients.insert(cell, gradient);
        }
        gradients
    }

    /// The same of this lane's `cell` of the tile, the `nth` of all sixteen keys.
    #[allow(clippy::too_many_arguments)]
    fn of_cell<V: DeviceVariant>(
        &self,
        raw: f32,
        d_weight: f32,
        #[comptime] cell: usize,
        #[comptime] nth: usize,
        col: u32,
        kept: u32,
        params: &V::Params,
        #[comptime] by: Differentiated,
        #[comptime] open: bool,
        #[comptime] config: StreamConfig,
    ) -> f32 {
        let factor =
            if comptime!(config.scales_first()) { LOG2_E.runtime() } else { self.scale * LOG2_E };
        let normaliser = comptime!(V::NORMALISER);
        // Between what is normalised and the last factor.
        let normalises = comptime!(!by.is_of_weight());
        let upper = comptime!(cell < 2);
        let query = self.first + comptime!(cell as u32 / 2 * 8);
        let key = col + lane_col() + comptime!(cell as u32 % 2);
        let at = Cell { group: self.group, shape: self.shape, query, key };
        let scores = staged::<V>(raw, at, kept, nth, self.scale, params, open, config);
        let lse = if comptime!(upper) { self.upper_lse } else { self.lower_lse };
        let weight = weight_of(scores.modified, factor, -lse, normaliser);
        let mut d_normalised = d_weight;
        if comptime!(V::WEIGHS && normalises) {
            d_normalised *= V::weight(at.position(), params);
        }
        if comptime!(V::WEIGHS && normalises && normaliser != Normaliser::Sigmoid) {
            d_normalised -= if comptime!(upper) { self.upper_delta } else { self.lower_delta };
        }
        let mut gradient = weight * d_normalised;
        if comptime!(normalises && normaliser == Normaliser::Sigmoid) {
            gradient *= 1.0f32 - weight;
        }
        match comptime!(by) {
            Differentiated::Score => {
                if comptime!(config.score) {
                    gradient *=
                        staged_slope::<V>(scores.score, at, kept, nth, params, open, config);
                }
            }
            Differentiated::Learned(site, stage) => {
                gradient *= learned_slope::<V>(scores.score, at, params, site, stage, false);
                if comptime!(!open) {
                    // What is hidden or does not exist has no gradient, whatever its slope.
                    let seen = scores.modified != f32::NEG_INFINITY;
                    gradient = select(seen, gradient, 0.0f32);
                }
            }
        }
        gradient
    }
}

/// The log-sum-exp of a query as the exponential takes it: finite where every key was masked.
#[cube]
fn usable(lse: &[f32], group: Group, shape: Shape, row: u32) -> f32 {
    let x = lse[group.first_row + min(row as usize, shape.queries - 1)];
    select(x == f32::NEG_INFINITY, 0.0f32, x * LOG2_E)
}
