//! Which products of scores, weights and values a block of rows needs.
//!
//! Products take sixteen columns at a time, two tiles. A tile may be left out (the mask leaves
//! nothing of it), or its cells may stand in a folded tile.

use super::PlaneConfig;
use super::fold::Fold;

/// A tile as one half of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Zeros, in front of a tile that counts.
    Zeros,
    /// A tile of the block's own.
    Tile(usize),
    /// The block's columns of a folded tile.
    Folded,
}

impl Part {
    /// Its tile; 0 if it has none of its own.
    pub fn tile(&self) -> usize {
        match self {
            Part::Tile(own) => *own,
            Part::Zeros | Part::Folded => 0,
        }
    }

    /// The place of a tile among the block's own.
    pub fn place_in(&self, tiles: &[usize]) -> usize {
        let place = |own: &usize| tiles.iter().position(|tile| tile == own);
        match self {
            Part::Tile(own) => place(own).unwrap_or(0),
            Part::Zeros | Part::Folded => 0,
        }
    }
}

impl PlaneConfig {
    /// Tiles of a block that hold scores of its own, in the forward pass.
    pub fn forward_tiles(&self, block: Option<usize>, fold: Fold) -> Vec<usize> {
        let tiles = if fold.folds() { self.key_tiles() - 1 } else { self.key_tiles() };
        self.computed(block, tiles)
    }

    /// The same in the backward pass, whose columns are queries.
    pub fn backward_tiles(&self, block: Option<usize>) -> Vec<usize> {
        self.computed(block, self.query_tiles())
    }

    fn computed(&self, block: Option<usize>, tiles: usize) -> Vec<usize> {
        (0..tiles).filter(|&tile| !self.tiles.is_empty(block, tile)).collect()
    }
}

/// The halves of product `nth` of a block with these tiles of its own; none, one or two.
pub fn parts(nth: usize, tiles: &[usize], folded: Option<usize>) -> Vec<Part> {
    let part = |tile: usize| {
        if tiles.contains(&tile) {
            Some(Part::Tile(tile))
        } else {
            (folded == Some(tile)).then_some(Part::Folded)
        }
    };
    match (part(2 * nth), part(2 * nth + 1)) {
        (None, None) => vec![],
        (Some(first), None) => vec![first],
        (first, Some(second)) => vec![first.unwrap_or(Part::Zeros), second],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_the_tiles_that_count() {
        let tiles = [0, 3, 4];
        assert_eq!(parts(0, &tiles, Some(5)), [Part::Tile(0)]);
        assert_eq!(parts(1, &tiles, Some(5)), [Part::Zeros, Part::Tile(3)]);
        assert_eq!(parts(2, &tiles, Some(5)), [Part::Tile(4), Part::Folded]);
        assert_eq!(parts(3, &tiles, Some(6)), [Part::Folded]);
        assert_eq!(parts(3, &tiles, None), []);
    }
}
