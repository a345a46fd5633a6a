use tilewright_macros::mask_mod;

use crate::language::Position;

/// A window, global tokens and random keys, all in blocks of `block` positions, as in BigBird
/// ([arXiv 2007.14062](https://arxiv.org/abs/2007.14062), section 2 and appendix D).
///
/// A block of queries sees the blocks of keys at most `window - 1` blocks away, the first `global`
/// blocks, and of all blocks about `random`, chosen by a hash of the two blocks' numbers and
/// `seed`; the first `global` blocks of queries see every key. The paper has a `window` of 2 here
/// (three blocks), `global` 2 and `random` 3. It draws the same number of random blocks for every
/// block of queries, and here that is the number on average. `block` is 1 or more; with a `window`
/// of at least 1 every query sees its own position. Queries and keys count from the same start.
///
#[doc = include_str!("../../docs/variants/random_blocks.svg")]
///
/// ```
/// use tilewright::language::{Position, Variant};
/// use tilewright::variants::random_blocks;
///
/// let at = |query, key| Position { batch: 0, head: 0, query, key, queries: 64, keys: 64 };
/// let mask = random_blocks(4, 2, 1, 3, 7);
/// assert!(mask.keep(&at(40, 47)) && mask.keep(&at(40, 3)) && mask.keep(&at(3, 40)));
/// let seen = |seed| (0..64).map(move |key| random_blocks(4, 2, 1, 3, seed).keep(&at(40, key)));
/// assert!(seen(7).eq(seen(7)) && !seen(7).eq(seen(8)));
/// ```
#[mask_mod(example(4, 2, 1, 2, 7))]
#[allow(clippy::manual_div_ceil, reason = "the language has no `div_ceil`")]
pub fn random_blocks(
    at: Position,
    #[range(1..)] block: u32,
    window: u32,
    global: u32,
    random: u32,
    seed: u32,
) -> bool {
    let from = at.query / block;
    let to = at.key / block;
    let chosen = from.abs_diff(to) < window || from < global || to < global;
    // A multiplicative hash: the high bits of each product reach the low bits of the next.
    let mixed = (from * 0x9e37_79b1 + seed) * 0x85eb_ca6b + to * 0xc2b2_ae35;
    let hash = (mixed / 0x1_0000 + mixed) * 0x27d4_eb2f;
    let again = (hash / 0x8000 + hash) * 0x1656_67b1;
    let blocks = (at.keys - 1) / block + 1;
    chosen || again / 0x1_0000 % blocks < random
}
