//! Score tiles: the variant's stages, and scores that pass through memory.

use cubecl::prelude::*;

use super::{Config, Group, Shape};
use crate::language::{DeviceVariant, LearnedStage, Position};
use crate::tile::simt::Tile;

/// One score.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Cell {
    pub group: Group,
    pub shape: Shape,
    pub query: u32,
    pub key: u32,
}

#[cube]
impl Cell {
    /// Where it stands.
    pub fn position(&self) -> Position {
        Position {
            batch: self.group.batch as u32,
            head: self.group.head as u32,
            query: self.query,
            key: self.key,
            queries: self.shape.queries as u32,
            keys: self.shape.keys as u32,
        }
    }
}

/// `score_mod`, then `mask_mod`: a score that is not kept becomes minus infinity.
#[cube]
pub fn modified<V: DeviceVariant>(
    score: f32,
    cell: Cell,
    params: &V::Params,
    #[comptime] changes: bool,
    #[comptime] masks: bool,
) -> f32 {
    let at = cell.position();
    let mut result = score;
    if comptime!(changes) {
        result = V::score(result, at, params);
    }
    if comptime!(masks) {
        result = select(V::keep(at, params), result, f32::NEG_INFINITY);
    }
    result
}

/// The derivative of the [`modified`] with respect to the raw score.
#[cube]
pub fn slope<V: DeviceVariant>(
    score: f32,
    cell: Cell,
    params: &V::Params,
    #[comptime] masks: bool,
) -> f32 {
    let at = cell.position();
    let slope = V::score_grad(score, at, params);
    // A masked cell has no gradient, whatever its slope.
    if comptime!(masks) { select(V::keep(at, params), slope, 0.0f32) } else { slope }
}

/// The derivative of a stage, score or weight, with respect to the element that a learned parameter
/// has at a site.
#[cube]
pub fn learned_slope<V: DeviceVariant>(
    score: f32,
    cell: Cell,
    params: &V::Params,
    #[comptime] site: usize,
    #[comptime] stage: LearnedStage,
    #[comptime] masks: bool,
) -> f32 {
    let at = cell.position();
    let slope = V::learned_grad(score, at, params, site, stage);
    // A masked cell has no gradient, whatever its slope.
    if comptime!(masks) { select(V::keep(at, params), slope, 0.0f32) } else { slope }
}

/// The part of a head's score matrix that a tile covers.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Block {
    pub group: Group,
    pub shape: Shape,
    /// What the tile's first row stands for.
    pub row: usize,
    /// What the tile's first column stands for.
    pub col: usize,
    /// Rows are keys and columns queries.
    #[cube(comptime)]
    pub transposed: bool,
}

#[cube]
impl Block {
    fn query(&self, lane: usize, col: usize) -> usize {
        if comptime!(self.transposed) { self.col + col } else { self.row + lane }
    }

    fn key(&self, lane: usize, col: usize) -> usize {
        if comptime!(self.transposed) { self.row + lane } else { self.col + col }
    }

    /// One cell.
    pub fn cell(&self, lane: usize, col: usize) -> Cell {
        Cell {
            group: self.group,
            shape: self.shape,
            query: self.query(lane, col) as u32,
            key: self.key(lane, col) as u32,
        }
    }

    /// Whether a column exists; rows that do not are never written.
    pub fn has_col(&self, col: usize) -> bool {
        let end = if comptime!(self.transposed) { self.shape.queries } else { self.shape.keys };
        self.col + col < end
    }

    /// Index of a cell in the saved scores, `[batch, heads, queries, keys]`; cells beyond an edge
    /// have the index of the nearest that exists.
    fn saved(&self, lane: usize, col: usize) -> usize {
        let query = min(self.query(lane, col), self.shape.queries - 1);
        let key = min(self.key(lane, col), self.shape.keys - 1);
        (self.group.first_row + query) * self.shape.keys + key
    }
}

/// `score_mod`, then `mask_mod` and the ragged edge: what is not kept becomes minus infinity.
#[cube]
pub fn modify<V: DeviceVariant, R: Size>(
    scores: &mut Tile<R>,
    block: Block,
    params: &V::Params,
    #[comptime] exact: bool,
    #[comptime] config: Config,
) {
    let lanes = R::value();
    if comptime!(config.score || config.mask || !exact) {
        #[unroll(config.unroll)]
        for j in 0..config.cols {
            let mut column = scores.column(j);
            if comptime!(config.score || config.mask) {
                #[unroll]
                for lane in 0..lanes {
                    let score = modified::<V>(
                        column.extract(lane),
                        block.cell(lane, j),
                        params,
                        config.score,
                        config.mask,
                    );
                    column.insert(lane, score);
                }
            }
            if comptime!(!exact) {
                column = select(block.has_col(j), column, Vector::new(f32::NEG_INFINITY));
            }
            scores.set_column(j, column);
        }
    }
}

/// Normalised weights, or their gradients, times what the variant weighs them with.
#[cube]
pub fn weigh<V: DeviceVariant, R: Size>(
    weights: &mut Tile<R>,
    block: Block,
    params: &V::Params,
    #[comptime] config: Config,
) {
    if comptime!(V::WEIGHS) {
        let lanes = R::value();
        #[unroll(config.unroll)]
        for j in 0..config.cols {
            let mut column = weights.column(j);
            #[unroll]
            for lane in 0..lanes {
                let factor = V::weight(block.cell(lane, j).position(), params);
                column.insert(lane, column.extract(lane) * factor);
            }
            weights.set_column(j, column);
        }
    }
}

/// The derivative of the modified with respect to the raw scores; call it before [`modify`].
#[cube]
pub fn score_gradient<V: DeviceVariant, R: Size>(
    gradient: &mut Tile<R>,
    scores: &Tile<R>,
    block: Block,
    params: &V::Params,
    #[comptime] config: Config,
) {
    let lanes = R::value();
    #[unroll(config.unroll)]
    for j in 0..config.cols {
        let raw = scores.column(j);
        let mut column = Vector::<f32, R>::empty();
        #[unroll]
        for lane in 0..lanes {
            column.insert(
                lane,
                slope::<V>(raw.extract(lane), block.cell(lane, j), params, config.mask),
            );
        }
        gradient.set_column(j, column);
    }
}

/// Saves raw scores for the backward pass.
#[cube]
pub fn save<R: Size>(
    scores: &Tile<R>,
    block: Block,
    saved: &mut [f32],
    #[comptime] config: Config,
) {
    let lanes = R::value();
    #[unroll]
    for lane in 0..lanes {
        if block.row + lane < block.shape.queries {
            #[unroll(config.unroll)]
            for j in 0..config.cols {
                if block.has_col(j) {
                    saved[block.saved(lane, j)] = scores.column(j).extract(lane);
                }
            }
        }
    }
}

/// Reads raw scores that the forward pass saved.
#[cube]
pub fn restore<R: Size>(
    scores: &mut Tile<R>,
    block: Block,
    saved: &[f32],
    #[comptime] config: Config,
) {
    let lanes = R::value();
    #[unroll(config.unroll)]
    for j in 0..config.cols {
        let mut column = Vector::<f32, R>::empty();
        #[unroll]
        for lane in 0..lanes {
            column.insert(lane, saved[block.saved(lane, j)]);
        }
        scores.set_column(j, column);
    }
}
