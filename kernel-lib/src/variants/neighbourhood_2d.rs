use tilewright_macros::mask_mod;

use crate::language::Position;

/// Neighbourhood attention on a grid: positions are the cells of `height` rows of `width`, row by
/// row, and a query sees the `window` by `window` keys around it, shifted inwards near a border
/// ([arXiv 2204.07143](https://arxiv.org/abs/2204.07143)).
///
/// Every query sees the same number of keys: `window²`, or fewer where the grid is smaller than
/// that. All three are in cells, 1 or more; of an even `window`, the greater part lies above and to
/// the left of the query. Queries and keys are the same `height · width` positions.
///
#[doc = include_str!("../../docs/variants/neighbourhood_2d.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::neighbourhood_2d;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 20, keys: 20 };
/// let near = neighbourhood_2d(4, 5, 3);
/// let seen: Vec<u32> = (0..20).filter(|&key| near.keep(&at(0, key))).collect();
/// assert_eq!(seen, [0, 1, 2, 5, 6, 7, 10, 11, 12]);
/// ```
#[mask_mod(example(6, 7, 3))]
pub fn neighbourhood_2d(
    at: Position,
    #[range(1..)] height: u32,
    #[range(1..)] width: u32,
    #[range(1..)] window: u32,
) -> bool {
    let top = (at.query / width).saturating_sub(window / 2).min(height.saturating_sub(window));
    let left = (at.query % width).saturating_sub(window / 2).min(width.saturating_sub(window));
    let row = at.key / width;
    let column = at.key % width;
    row >= top && row - top < window && column >= left && column - left < window
}
