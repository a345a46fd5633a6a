use tilewright_macros::mask_mod;

use crate::language::Position;

/// Neighbourhood attention along a sequence: a query sees the `window` keys around it, and near a
/// border the window is shifted inwards instead of cut
/// ([arXiv 2204.07143](https://arxiv.org/abs/2204.07143)).
///
/// Unlike with [`sliding_window`](crate::variants::sliding_window), every query sees the same
/// number of keys: `window` of them, or all if there are fewer. `window` is in positions, both
/// sides together, 1 or more; of an even one, the greater part lies before the query. Queries and
/// keys count from the same start.
///
#[doc = include_str!("../../docs/variants/neighbourhood_1d.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::neighbourhood_1d;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 8, keys: 8 };
/// let near = neighbourhood_1d(3);
/// let seen = |query| (0..8).filter(|&key| near.keep(&at(query, key))).collect::<Vec<_>>();
/// assert_eq!((seen(0), seen(4), seen(7)), (vec![0, 1, 2], vec![3, 4, 5], vec![5, 6, 7]));
/// ```
#[mask_mod(example(7))]
pub fn neighbourhood_1d(at: Position, #[range(1..)] window: u32) -> bool {
    let first = at.query.saturating_sub(window / 2).min(at.keys.saturating_sub(window));
    at.key >= first && at.key - first < window
}
