//! The variant's stages on scores as they come from a product, and on weights.

use cubecl::prelude::*;

use super::{Head, PlaneConfig};
use crate::algorithms::scores::{Cell, modified};
use crate::language::DeviceVariant;
use crate::tile::fragment::{COLS, cells, lane_col};
use crate::tile::ptx::F4;

/// What the stages make of a cell.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Staged {
    /// What `score_mod` is given.
    pub score: f32,
    /// What the exponential is taken of; minus infinity where the key is not seen or does not exist.
    pub modified: f32,
}

/// Scale, `score_mod`, `mask_mod`. `masks` says whether the mask can hide the cell, `ragged`
/// whether its key may not exist; where nothing changes the score, keys that do not exist are minus
/// infinity already.
#[cube]
pub fn staged<V: DeviceVariant>(
    product: f32,
    cell: Cell,
    scale: f32,
    params: &V::Params,
    #[comptime] masks: bool,
    #[comptime] ragged: bool,
    #[comptime] config: PlaneConfig,
) -> Staged {
    let scales = comptime!(config.scales_first());
    let score = if comptime!(scales) { product * scale } else { product };
    let mut result = modified::<V>(score, cell, params, comptime!(config.score), masks);
    if comptime!(ragged && scales) {
        result = select(cell.key < comptime!(config.keys as u32), result, f32::NEG_INFINITY);
    }
    Staged { score, modified: result }
}

/// The variant's stages on one tile of scores, and the ragged edge where it was not there before.
#[cube]
pub fn modify_tile<V: DeviceVariant>(
    product: F4,
    row: u32,
    #[comptime] tile: usize,
    head: Head,
    params: &V::Params,
    #[comptime] masks: bool,
    #[comptime] config: PlaneConfig,
) -> F4 {
    if comptime!(config.scales_first() || masks) {
        let ragged = comptime!((tile + 1) * COLS > config.keys);
        let mut modified_tile = F4::empty();
        #[unroll]
        for cell in 0..4usize {
            let query = row + comptime!(cell as u32 / 2 * 8);
            let key = lane_col() + comptime!((tile * COLS + cell % 2) as u32);
            let (at, x) = (head.cell(query, key), product.extract(cell));
            let cell_scores = staged::<V>(x, at, head.scale, params, masks, ragged, config);
            modified_tile.insert(cell, cell_scores.modified);
        }
        modified_tile
    } else {
        product
    }
}

/// Normalised weights times what the variant weighs them with.
#[cube]
pub fn weighed<V: DeviceVariant>(
    weights: F4,
    row: u32,
    #[comptime] tile: usize,
    head: Head,
    params: &V::Params,
) -> F4 {
    if comptime!(V::WEIGHS) {
        let mut result = F4::empty();
        #[unroll]
        for cell in 0..4usize {
            let query = row + comptime!(cell as u32 / 2 * 8);
            let key = lane_col() + comptime!((tile * COLS + cell % 2) as u32);
            let factor = V::weight(head.cell(query, key).position(), params);
            result.insert(cell, weights.extract(cell) * factor);
        }
        result
    } else {
        weights
    }
}

/// What a tile with missing keys starts from.
#[cube]
pub fn no_key(#[comptime] tile: usize, #[comptime] config: PlaneConfig) -> F4 {
    let key = lane_col() + comptime!((tile * COLS) as u32);
    let keys = comptime!(config.keys as u32);
    let a = select(key < keys, 0.0f32, f32::NEG_INFINITY);
    let b = select(key + 1 < keys, 0.0f32, f32::NEG_INFINITY);
    cells(a, b, a, b)
}
