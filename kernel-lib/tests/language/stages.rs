//! Stages other than score and mask, on the host.

use tilewright::functions::mixed;
use tilewright::language::{LearnedStage, Normaliser, Pairing, RowInput, RowTarget, Stages};
use tilewright::prelude::*;

fn at(query: u32, key: u32) -> Position {
    Position { batch: 1, head: 2, query, key, queries: 50, keys: 60 }
}

/// Every word that works on bits.
#[mask_mod(example(3, -5))]
pub fn bits(at: Position, by: u32, k: i32) -> bool {
    let flipped = !at.key & 0xff | at.query ^ by;
    let moved = flipped << (by + 30) >> by;
    let turned = moved.rotate_left(at.key).wrapping_mul(0x9e37_79b9);
    let negative = (k ^ at.key as i32) >> 1 | !k << 2;
    turned.wrapping_add(negative as u32).wrapping_sub(by) % 3 < 1
}

#[test]
fn bits_are_those_of_rust() {
    for (query, key) in (0..50).flat_map(|query| (0..60).map(move |key| (query, key))) {
        let (by, k) = (3u32, -5i32);
        let flipped = !key & 0xff | query ^ by;
        let moved = flipped.wrapping_shl(by + 30) >> by;
        let turned = moved.rotate_left(key).wrapping_mul(0x9e37_79b9);
        let negative = (k ^ key as i32) >> 1 | !k << 2;
        let expected = turned.wrapping_add(negative as u32).wrapping_sub(by) % 3 == 0;
        assert_eq!(bits(by, k).keep(&at(query, key)), expected, "{query}, {key}");
    }
}

#[test]
fn random_numbers_look_like_chance() {
    // Every bit of the result changes with about half of those of the seed and of the place.
    let bits = |seed, query, key| random_bits(seed, at(query, key));
    for bit in 0..32 {
        let changed: u32 =
            (0..200).map(|n| (bits(n, 3, 4) ^ bits(n ^ 1 << bit, 3, 4)).count_ones()).sum();
        assert!((3000..3400).contains(&changed), "seed, bit {bit}: {changed} of 6400");
    }
    let neighbours: u32 = (0..200).map(|n| (bits(7, n, 5) ^ bits(7, n, 6)).count_ones()).sum();
    assert!((3000..3400).contains(&neighbours), "{neighbours} of 6400");
    let mean: f32 = (0..3000).map(|n| random(n % 50, at(n / 60, n % 60))).sum::<f32>() / 3000.0;
    assert!((mean - 0.5).abs() < 0.02, "{mean}");
    let distinct: std::collections::HashSet<u32> = (0..10_000).map(mixed).collect();
    assert_eq!(distinct.len(), 10_000);
}

#[test]
fn dropout_drops_as_many_as_it_says_and_keeps_the_sum() {
    for p in [0.0, 0.1, 0.5, 0.9, 0.999_999_94] {
        let weights: Vec<f64> = (0..50)
            .flat_map(|query| (0..60).map(move |key| dropout(p, 11).weight(&at(query, key))))
            .collect();
        let dropped = weights.iter().filter(|&&weight| weight == 0.0).count() as f64 / 3000.0;
        assert!((dropped - f64::from(p)).abs() < 0.04, "{p}: {dropped}");
        let growth = 1.0 / (1.0 - f64::from(p));
        assert!(weights.iter().all(|&w| w == 0.0 || (w / growth - 1.0).abs() < 1e-6), "{p}");
    }
    let (a, b) = (dropout(0.5, 1), dropout(0.5, 2));
    let differing = (0..60).filter(|&key| a.weight(&at(0, key)) != b.weight(&at(0, key))).count();
    assert!((15..45).contains(&differing));
}

#[test]
fn factors_multiply_and_the_second_normaliser_counts() {
    let both = dropout(0.5, 1).and(dropout(0.5, 2));
    assert_eq!(both.stages(), Stages::default());
    for key in 0..60 {
        let expected = dropout(0.5, 1).weight(&at(3, key)) * dropout(0.5, 2).weight(&at(3, key));
        assert_eq!(both.weight(&at(3, key)), expected);
    }
    let sinks = Table::new([3], vec![0.5, 1.0, -2.0]).expect("it fits");
    let sink = attention_sink(sinks);
    assert_eq!(sink.sink(&at(3, 4)), -2.0);
    assert_eq!(sink.learned()[0].sites[0].stage, LearnedStage::Sink);
    assert_eq!(sink.clone().and(causal()).normaliser(), Normaliser::Sink);
    assert_eq!(sink.clone().and(sigmoid_attention(0.0)).normaliser(), Normaliser::Sigmoid);
    assert_eq!(sigmoid_attention(0.0).and(sink).normaliser(), Normaliser::Sink);
}

#[test]
fn texts_show_what_is_computed() {
    assert!(dropout(0.1, 2).derivative().starts_with("fn dropout_factor(weight: f32"));
    let derivative = rope(100.0).derivative();
    assert!(derivative.contains("fn rope_by_element(x: f32, pair: f32, at: Element, theta: f32)"));
    assert!(derivative.contains("fn rope_by_pair(") && derivative.contains("at.token"));
    assert!(attention_sink(Table::new([1], vec![0.0]).expect("it fits")).derivative().is_empty());
    assert!(rope(100.0).source().contains("fn rope("));
}

/// A row through the only stage of a variant.
fn row(variant: &AnyVariant, token: u32, x: &[f64]) -> Vec<f64> {
    let stage = &variant.row_stages()[0];
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let mean_square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    let keys = x.len() as u32;
    (0..x.len())
        .map(|dim| {
            let pair = x[stage.pairing().partner(dim, x.len())];
            let place = Position { key: dim as u32, keys, ..at(token, 0) };
            stage.value([x[dim], pair, mean, mean_square], &place)
        })
        .collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[test]
fn rotations_keep_lengths_and_see_distances_alone() {
    for dims in [2, 6, 7, 8] {
        let x: Vec<f64> = (0..dims).map(|i| (f64::from(i) * 1.7).sin()).collect();
        let y: Vec<f64> = (0..dims).map(|i| (f64::from(i) * 0.9).cos()).collect();
        let variants: [AnyVariant; 2] = [rope(100.0).into(), rope_neighbours(100.0).into()];
        for variant in variants {
            let turned = row(&variant, 7, &x);
            assert!((dot(&turned, &turned) - dot(&x, &x)).abs() < 1e-9, "{variant:?}");
            assert_eq!(row(&variant, 0, &x), x);
            let score = |query, key| dot(&row(&variant, query, &x), &row(&variant, key, &y));
            assert!((score(9, 4) - score(25, 20)).abs() < 1e-9, "{variant:?} of {dims}");
            assert!((score(9, 4) - score(9, 5)).abs() > 1e-3, "{variant:?} of {dims}");
        }
    }
    let turned = row(&rope(100.0).into(), 1, &[1.0, 0.0]);
    assert!((turned[0] - 1f64.cos()).abs() < 1e-12 && (turned[1] - 1f64.sin()).abs() < 1e-12);
}

#[test]
fn normed_rows_have_the_length_of_their_scale() {
    let scale = Table::new([1], vec![3.0]).expect("it fits");
    let x: Vec<f64> = (0..8).map(|i| (f64::from(i) * 1.7).sin() * 40.0).collect();
    let normed = row(&qk_norm(scale, 0.0).into(), 3, &x);
    assert!((dot(&normed, &normed) / 8.0 - 9.0).abs() < 1e-9);
}

#[test]
fn partners_have_each_other() {
    for pairing in [Pairing::None, Pairing::Halves, Pairing::Neighbours] {
        for dims in 1..12 {
            for dim in 0..dims {
                let partner = pairing.partner(dim, dims);
                assert!(partner < dims);
                assert_eq!(pairing.partner(partner, dims), dim);
                let alone = pairing == Pairing::None || dims % 2 == 1 && dim == dims - 1;
                assert_eq!(partner == dim, alone, "{pairing:?} {dim} of {dims}");
            }
        }
    }
}

/// What `normalised` sees of its row.
#[query_mod(example(0.5), pair = halves)]
fn normalised(x: f32, pair: f32, mean: f32, mean_square: f32, at: Element, a: f32) -> f32 {
    let centred = x - mean * a;
    let spread = (mean_square - mean * mean).max(0.0) + 0.1;
    centred / spread.sqrt() + (pair * a).sin() * (1.0 + at.dim as f32)
}

#[test]
fn slopes_are_those_of_the_function() {
    let variant: AnyVariant = normalised(0.5).into();
    let stage = &variant.row_stages()[0];
    assert_eq!(stage.target(), RowTarget::Queries);
    let place = Position { key: 2, keys: 6, ..at(3, 0) };
    let given = [0.7, -0.4, 0.2, 0.9];
    let inputs = [RowInput::Element, RowInput::Pair, RowInput::Mean, RowInput::MeanSquare];
    for (nth, of) in inputs.into_iter().enumerate() {
        let moved = |by: f64| {
            let mut given = given;
            given[nth] += by;
            stage.value(given, &place)
        };
        let measured = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        let derived = stage.slope(given, &place, of);
        assert!((measured - derived).abs() < 1e-7, "{of:?}: {derived}, measured {measured}");
    }
}
