//! The variant's stages on one score, as it comes from a product.

use cubecl::prelude::*;

use super::PlaneConfig;
use crate::algorithms::scores::{Cell, modified};
use crate::language::DeviceVariant;

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
