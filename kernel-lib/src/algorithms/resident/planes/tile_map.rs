//! What a mask leaves of a head's tiles, known when a kernel is compiled.
//!
//! Where a mask is the same for every head, short sequences have few enough tiles to name each in
//! the kernel: tiles without a cell are not computed, tiles with every cell are not masked.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::language::{Position, Variant};
use crate::tile::fragment::{COLS, ROWS};
use crate::{Pass, Problem};

/// Blocks of rows and tiles of columns that a map has room for.
const BLOCKS: usize = 4;
const TILES: usize = 8;
/// Maps that a thread remembers.
const REMEMBERED: usize = 256;

/// A mask's source and description, the pass, queries and keys.
type Key = (u64, String, Pass, usize, usize);

/// For each tile of sixteen rows and eight columns, what is known of its cells. Forward rows are
/// queries and columns keys, backward the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileMap {
    empty: u32,
    open: u32,
}

impl TileMap {
    /// Nothing is known.
    pub const UNKNOWN: TileMap = TileMap { empty: 0, open: 0 };

    /// Of a matrix in which `keep(row, column)` says what is seen; cells beyond its edges count for
    /// neither.
    fn of(rows: usize, cols: usize, keep: impl Fn(usize, usize) -> bool) -> TileMap {
        if rows > BLOCKS * ROWS || cols > TILES * COLS {
            return TileMap::UNKNOWN;
        }
        let mut map = TileMap::UNKNOWN;
        for block in 0..rows.div_ceil(ROWS) {
            for tile in 0..cols.div_ceil(COLS) {
                let mut cells = (block * ROWS..rows.min((block + 1) * ROWS)).flat_map(|row| {
                    (tile * COLS..cols.min((tile + 1) * COLS)).map(move |col| (row, col))
                });
                if cells.clone().all(|(row, col)| keep(row, col)) {
                    map.open |= bit(block, tile);
                } else if !cells.any(|(row, col)| keep(row, col)) {
                    map.empty |= bit(block, tile);
                }
            }
        }
        map
    }

    /// Of a variant's mask in a problem.
    pub fn of_mask<V: Variant>(variant: &V, problem: &Problem) -> TileMap {
        if !problem.class.masks() || !variant.mask_known_on_host() {
            return TileMap::UNKNOWN;
        }
        thread_local! {
            static KNOWN: RefCell<HashMap<Key, TileMap>> = RefCell::default();
        }
        let (queries, keys) = (problem.seq_q, problem.seq_k);
        let key = (variant.source_hash(), variant.describe(), problem.pass, queries, keys);
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= REMEMBERED && !known.contains_key(&key) {
                known.clear();
            }
            *known.entry(key).or_insert_with(|| {
                let keep = |query: usize, key: usize| {
                    let [query, key, queries, keys] = [query, key, queries, keys].map(|n| n as u32);
                    variant.keep(&Position { batch: 0, head: 0, query, key, queries, keys })
                };
                match problem.pass {
                    Pass::Forward => TileMap::of(queries, keys, keep),
                    Pass::Backward => TileMap::of(keys, queries, |key, query| keep(query, key)),
                }
            })
        })
    }

    /// Whether no cell of a tile is seen, for certain. Of a block that is not known when the kernel
    /// is compiled, nothing is.
    pub fn is_empty(&self, block: Option<usize>, tile: usize) -> bool {
        block.is_some_and(|block| has(self.empty, block, tile))
    }

    /// Whether every cell of a tile that exists is seen, for certain.
    pub fn is_open(&self, block: Option<usize>, tile: usize) -> bool {
        block.is_some_and(|block| has(self.open, block, tile))
    }
}

fn bit(block: usize, tile: usize) -> u32 {
    1 << (block * TILES + tile)
}

fn has(tiles: u32, block: usize, tile: usize) -> bool {
    block < BLOCKS && tile < TILES && tiles & bit(block, tile) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_causal_mask_half_the_tiles_are_empty() {
        let map = TileMap::of(42, 42, |query, key| key <= query);
        let tiles = |is: fn(&TileMap, Option<usize>, usize) -> bool| -> Vec<usize> {
            (0..3).map(|block| (0..6).filter(|&tile| is(&map, Some(block), tile)).count()).collect()
        };
        assert_eq!(tiles(TileMap::is_empty), [4, 2, 0]);
        assert_eq!(tiles(TileMap::is_open), [0, 2, 4]);
        assert!(!map.is_empty(None, 5) && !map.is_open(None, 0));
    }

    #[test]
    fn cells_beyond_the_edges_do_not_count() {
        let everything = TileMap::of(17, 9, |query, key| query < 17 && key < 9);
        assert!((0..2).all(|block| (0..2).all(|tile| everything.is_open(Some(block), tile))));
        assert_eq!(TileMap::of(65, 8, |_, _| true), TileMap::UNKNOWN);
        assert_eq!(TileMap::of(8, 65, |_, _| true), TileMap::UNKNOWN);
    }
}
