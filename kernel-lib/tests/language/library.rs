//! The library's masks against definitions in plain loops, what their docs promise, and how many
//! blocks they leave out.

#![allow(clippy::needless_range_loop, reason = "definitions are written in places")]

use tilewright::picture::MaskBlocks;
use tilewright::prelude::*;
use tilewright::variants::PackedError;

/// A mask as rows of queries and columns of keys.
type Matrix = Vec<Vec<bool>>;

fn matrix(variant: impl Into<AnyVariant>, queries: usize, keys: usize) -> Matrix {
    let variant = variant.into();
    let cell = |query: usize, key: usize| {
        let [query, key, queries, keys] = [query, key, queries, keys].map(|n| n as u32);
        variant.keep(&Position { batch: 0, head: 0, query, key, queries, keys })
    };
    (0..queries).map(|query| (0..keys).map(|key| cell(query, key)).collect()).collect()
}

fn nothing(queries: usize, keys: usize) -> Matrix {
    vec![vec![false; keys]; queries]
}

/// Sets a cell, if it exists.
fn set(matrix: &mut Matrix, query: usize, key: i64) {
    let cell = usize::try_from(key).ok().and_then(|key| matrix[query].get_mut(key));
    if let Some(cell) = cell {
        *cell = true;
    }
}

const SIZES: [(usize, usize); 8] =
    [(1, 1), (2, 2), (7, 7), (12, 12), (30, 30), (5, 13), (13, 5), (1, 9)];

#[test]
fn strided_is_a_window_and_steps_to_both_sides() {
    for (queries, keys) in SIZES {
        for stride in 1..9 {
            let mut expected = nothing(queries, keys);
            for query in 0..queries {
                for near in 0..stride {
                    set(&mut expected, query, query as i64 - near);
                    set(&mut expected, query, query as i64 + near);
                }
                let mut step = 0;
                while step <= (queries + keys) as i64 {
                    set(&mut expected, query, query as i64 - step);
                    set(&mut expected, query, query as i64 + step);
                    step += stride;
                }
            }
            assert_eq!(matrix(strided(stride as u32), queries, keys), expected, "{stride}");
            let joined = sliding_window(stride as u32).or(dilated(stride as u32));
            assert_eq!(matrix(joined, queries, keys), expected, "{stride}");
        }
    }
}

#[test]
fn blocked_is_a_square_for_each_block() {
    for (queries, keys) in SIZES {
        for block in 1..9 {
            let mut expected = nothing(queries, keys);
            for first in (0..queries).step_by(block) {
                for row in &mut expected[first..queries.min(first + block)] {
                    row[first.min(keys)..keys.min(first + block)].fill(true);
                }
            }
            assert_eq!(matrix(blocked(block as u32), queries, keys), expected, "{block}");
        }
    }
}

/// The window of a query: centred, then moved step by step until it lies within the keys.
fn shifted_window(query: usize, keys: usize, window: usize) -> core::ops::Range<usize> {
    let window = window.min(keys);
    let mut first = query as i64 - window as i64 / 2;
    while first + window as i64 > keys as i64 {
        first -= 1;
    }
    while first < 0 {
        first += 1;
    }
    first as usize..first as usize + window
}

#[test]
fn a_neighbourhood_is_shifted_inwards_and_always_as_large() {
    for size in [1, 2, 7, 12, 30] {
        for window in 1..10 {
            let mut expected = nothing(size, size);
            for (query, row) in expected.iter_mut().enumerate() {
                row[shifted_window(query, size, window)].fill(true);
            }
            let given = matrix(neighbourhood_1d(window as u32), size, size);
            assert_eq!(given, expected, "{window} of {size}");
            let counts = given.iter().map(|row| row.iter().filter(|&&kept| kept).count());
            assert!(counts.into_iter().all(|count| count == window.min(size)));
        }
    }
    // With other numbers of queries, too.
    for row in matrix(neighbourhood_1d(3), 20, 7) {
        assert_eq!(row.iter().filter(|&&kept| kept).count(), 3);
    }
}

#[test]
fn a_neighbourhood_on_a_grid_is_one_of_rows_and_one_of_columns() {
    for (height, width) in [(1, 1), (3, 3), (4, 7), (7, 4), (1, 9), (6, 6)] {
        for window in 1..8 {
            let size = height * width;
            let mut expected = nothing(size, size);
            for (query, seen) in expected.iter_mut().enumerate() {
                for row in shifted_window(query / width, height, window) {
                    for column in shifted_window(query % width, width, window) {
                        seen[row * width + column] = true;
                    }
                }
            }
            let mask = neighbourhood_2d(height as u32, width as u32, window as u32);
            let given = matrix(mask, size, size);
            assert_eq!(given, expected, "{window} of {height}x{width}");
            let most = window.min(height) * window.min(width);
            for row in given {
                assert_eq!(row.iter().filter(|&&kept| kept).count(), most);
            }
        }
    }
}

#[test]
fn global_tokens_see_and_are_seen_by_all() {
    for (queries, keys) in SIZES {
        for (window, global) in [(1, 0), (1, 2), (3, 1), (0, 3), (4, 30)] {
            let mut expected = nothing(queries, keys);
            for (query, row) in expected.iter_mut().enumerate() {
                let first = (query + 1).saturating_sub(window);
                let end = (query + window).min(keys);
                row[first.min(end)..end].fill(true);
                row[..global.min(keys)].fill(true);
                if query < global {
                    row.fill(true);
                }
            }
            let given = matrix(global_local(window as u32, global as u32), queries, keys);
            assert_eq!(given, expected, "{window}, {global}");
        }
    }
}

/// The hash, in arithmetic that does not wrap by itself.
fn random_block(from: u64, to: u64, seed: u64, blocks: u64) -> u64 {
    let cut = |n: u64| n % (1 << 32);
    let mixed = cut(cut(cut(cut(from * 0x9e37_79b1) + seed) * 0x85eb_ca6b) + cut(to * 0xc2b2_ae35));
    let hash = cut(cut((mixed >> 16) + mixed) * 0x27d4_eb2f);
    let again = cut(cut((hash >> 15) + hash) * 0x1656_67b1);
    (again >> 16) % blocks
}

#[test]
fn random_blocks_are_whole_blocks_by_their_hash() {
    for (queries, keys) in SIZES {
        for (block, window, global, random, seed) in
            [(1, 1, 0, 2, 0), (4, 2, 1, 1, 7), (3, 0, 0, 2, 9), (5, 1, 1, 0, u32::MAX)]
        {
            let blocks = keys.div_ceil(block as usize) as u64;
            let mut expected = nothing(queries, keys);
            for (query, row) in expected.iter_mut().enumerate() {
                for (key, cell) in row.iter_mut().enumerate() {
                    let (from, to) = (query as u64 / block, key as u64 / block);
                    *cell = from.abs_diff(to) < window
                        || from.min(to) < global
                        || random_block(from, to, u64::from(seed), blocks) < random;
                }
            }
            let [block, window, global, random] =
                [block, window, global, random].map(|n: u64| n as u32);
            let mask = random_blocks(block, window, global, random, seed);
            assert_eq!(matrix(mask, queries, keys), expected, "{mask:?}");
        }
    }
}

#[test]
fn random_blocks_look_like_chance() {
    // 64 by 64 blocks of which a query's block sees 4: one in sixteen.
    const BLOCKS: usize = 64;
    let drawn = |seed| matrix(random_blocks(1, 0, 0, 4, seed), BLOCKS, BLOCKS);
    let count = |cells: &mut dyn Iterator<Item = bool>| cells.filter(|&kept| kept).count();
    for seed in [0, 1, 2, 3, 1000, u32::MAX] {
        let first = drawn(seed);
        let all = count(&mut first.iter().flatten().copied());
        // Expected 256, with a deviation of 15.5.
        assert!((200..312).contains(&all), "{seed}: {all}");
        for line in 0..BLOCKS {
            let row = count(&mut first[line].iter().copied());
            let column = count(&mut first.iter().map(|row| row[line]));
            // Expected 4, with a deviation of 1.94: 14 is more than five of them off.
            assert!(row < 15 && column < 15, "{seed}: row {row}, column {column} at {line}");
        }
        // Of two seeds, of neighbours and of the transposed, 16 of 4096 meet by chance.
        let other = drawn(seed.wrapping_add(1));
        let common = |second: &dyn Fn(usize, usize) -> bool| {
            let cells = (0..BLOCKS).flat_map(|q| (0..BLOCKS).map(move |k| (q, k)));
            count(&mut cells.map(|(q, k)| q != k && first[q][k] && second(q, k)))
        };
        for meeting in [
            common(&|q, k| other[q][k]),
            common(&|q, k| first[k][q]),
            common(&|q, k| first[(q + 1) % BLOCKS][k]),
            common(&|q, k| first[q][(k + 1) % BLOCKS]),
            common(&|q, k| first[(q + 1) % BLOCKS][(k + 1) % BLOCKS]),
        ] {
            assert!(meeting < 45, "{seed}: {meeting} of {all}");
        }
    }
}

#[test]
fn packed_documents_see_themselves() {
    let ends = [0, 3, 4, 9, 12];
    let mut expected = nothing(12, 12);
    for pair in ends.windows(2) {
        for row in &mut expected[pair[0]..pair[1]] {
            row[pair[0]..pair[1]].fill(true);
        }
    }
    let cu_seqlens = ends.map(|end| end as u32);
    assert_eq!(matrix(packed(&cu_seqlens).expect("they rise"), 12, 12), expected);
    let message = |cu_seqlens: &[u32]| packed(cu_seqlens).expect_err("refused").to_string();
    assert_eq!(
        message(&[0, 3, 3, 5]),
        "cu_seqlens[2] is 3, after 3: cumulative lengths rise, and a document has at least one position"
    );
    assert!(message(&[0, 5, 3]).starts_with("cu_seqlens[2] is 3, after 5"));
    assert_eq!(message(&[2, 5]), "cu_seqlens[0] is 2; the first document begins at 0");
    assert_eq!(packed(&[0]), Err(PackedError::Short { given: 1 }));
    assert!(message(&[]).contains("has 0 numbers"));
}

#[test]
fn every_query_sees_a_key_where_the_docs_say_so() {
    let always: [AnyVariant; 13] = [
        softmax().into(),
        causal().into(),
        sliding_window(1).into(),
        dilated(0).into(),
        prefix_lm(0).into(),
        strided(5).into(),
        blocked(4).into(),
        neighbourhood_1d(4).into(),
        neighbourhood_2d(5, 6, 2).into(),
        global_local(1, 0).into(),
        random_blocks(4, 1, 0, 0, 3).into(),
        head_mixed(2, 3, 4).into(),
        packed(&[0, 1, 20, 30]).expect("they rise").into(),
    ];
    for mask in always {
        for head in 0..2 {
            for query in 0..30 {
                let keep = |key| {
                    mask.keep(&Position { batch: 0, head, query, key, queries: 30, keys: 30 })
                };
                assert!((0..30).any(keep), "{mask:?}: query {query} of head {head}");
            }
        }
    }
}

#[test]
fn masks_leave_out_the_blocks_that_they_should() {
    // 1024 positions in blocks of 64: sixteen by sixteen.
    let blocks = |variant: AnyVariant, head: u32| {
        let MaskBlocks { empty, partial, full } = MaskBlocks::of(&variant, head, 1024, 1024, 64);
        assert_eq!(empty + partial + full, 256);
        (empty, partial, full)
    };
    assert_eq!(blocks(softmax().into(), 0), (0, 0, 256));
    assert_eq!(blocks(causal().into(), 0), (120, 16, 120));
    assert_eq!(blocks(causal().not().into(), 0), (120, 16, 120));
    assert_eq!(blocks(sliding_window(64).into(), 0), (210, 30, 16));
    assert_eq!(blocks(blocked(64).into(), 0), (240, 0, 16));
    assert_eq!(blocks(blocked(128).into(), 0), (224, 0, 32));
    // Every block has a diagonal of a stride of 64; of one of 128, every second one.
    assert_eq!(blocks(strided(64).into(), 0), (0, 240, 16));
    assert_eq!(blocks(strided(128).into(), 0), (98, 112, 46));
    assert_eq!(blocks(causal().and(strided(128)).into(), 0), (120 + 49, 56 + 16, 15));
    // A row and a column of blocks, and the window's three diagonals.
    assert_eq!(blocks(global_local(64, 64).into(), 0), (182, 28, 46));
    // Three blocks in every row, also in the first and the last.
    assert_eq!(blocks(neighbourhood_1d(129).into(), 0).0, 208);
    assert_eq!(blocks(neighbourhood_2d(32, 32, 5).into(), 0).0, 208);
    assert_eq!(blocks(head_mixed(4, 64, 128).into(), 1), (240, 0, 16));
    assert_eq!(blocks(head_mixed(4, 64, 128).into(), 2), (98, 112, 46));
    let packed = packed(&[0, 256, 512, 1024]).expect("they rise");
    assert_eq!(blocks(packed.into(), 0), (160, 0, 96));
    // Of 182 blocks that are neither near nor global, one in eight, by chance.
    let random = |seed| blocks(random_blocks(64, 2, 1, 2, seed).into(), 0);
    let empty: usize = (0..32).map(|seed| random(seed).0).sum();
    assert!((0..32).all(|seed| random(seed).1 == 0));
    assert!((155 * 32..163 * 32).contains(&empty), "{empty}");
    let causal = MaskBlocks::of(&causal().into(), 0, 1024, 1024, 64);
    assert_eq!(causal.share_empty(), 120.0 / 256.0);
}
