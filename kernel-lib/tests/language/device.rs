//! The device code of variants against their host halves, on the CPU runtime.

use cubecl::client::Client;
use cubecl::prelude::*;
use cubecl::server::Handle;
use tilewright::language::{DeviceVariant, Variant};
use tilewright::prelude::Position;

use crate::constructs::{
    choices, constants, hidden, integers, kinked, leaves, logic, powers, replaced, shifted, smooth,
};
use crate::helpers::{bent, calls, capped, near};
use crate::positions;
use crate::stages::bits;

/// Score, derivative and mask of one position for each unit.
#[cube(launch)]
fn evaluate<V: DeviceVariant>(
    scores: &[f32],
    places: &[u32],
    results: &mut [f32],
    params: V::Params,
) {
    let unit = ABSOLUTE_POS;
    if unit < scores.len() {
        let at = Position {
            batch: places[6 * unit],
            head: places[6 * unit + 1],
            query: places[6 * unit + 2],
            key: places[6 * unit + 3],
            queries: places[6 * unit + 4],
            keys: places[6 * unit + 5],
        };
        let score = scores[unit];
        results[3 * unit] = V::score(score, at, &params);
        results[3 * unit + 1] = V::score_grad(score, at, &params);
        results[3 * unit + 2] = select(V::keep(at, &params), 1.0f32, 0.0f32);
    }
}

fn buffer<T: CubeElement>(client: &Client, values: &[T]) -> Handle {
    client.create_from_slice(T::as_bytes(values))
}

/// Asserts that the device agrees with the host at every position, up to `f32` rounding.
fn assert_agrees<V: Variant>(variant: V) {
    let scores = [-40.25f32, -3.7, -1.2, -0.31, 0.013, 0.4, 0.97, 2.6, 5.2, 33.1];
    let points: Vec<(f32, Position)> =
        positions().into_iter().flat_map(|at| scores.map(|score| (score, at))).collect();
    assert_agrees_at(variant, &points);
}

/// The same at these scores and positions.
pub fn assert_agrees_at<V: Variant>(variant: V, points: &[(f32, Position)]) {
    let (client, _) = tilewright::open_device("cpu").expect("the CPU runtime is built in");
    let count = points.len();
    let scores: Vec<f32> = points.iter().map(|(score, _)| *score).collect();
    let places: Vec<u32> = points
        .iter()
        .flat_map(|(_, at)| [at.batch, at.head, at.query, at.key, at.queries, at.keys])
        .collect();
    let results = client.empty(12 * count);
    // SAFETY: each length is that of its buffer.
    unsafe {
        evaluate::launch::<V::Device>(
            &client,
            CubeCount::Static(count as u32, 1, 1),
            CubeDim::new_1d(1),
            BufferArg::from_raw_parts(buffer(&client, &scores), count),
            BufferArg::from_raw_parts(buffer(&client, &places), 6 * count),
            BufferArg::from_raw_parts(results.clone(), 3 * count),
            variant.launch_params((&client).into()),
        );
    }
    let bytes = client.read_one(results).expect("the kernel ran");
    let results = f32::from_bytes(&bytes);
    for ((score, at), given) in points.iter().zip(results.chunks(3)) {
        let score = f64::from(*score);
        let keep = if variant.keep(at) { 1.0 } else { 0.0 };
        let expected = [variant.score(score, at), variant.score_grad(score, at), keep];
        for (what, (&given, expected)) in
            ["score", "derivative", "mask"].iter().zip(given.iter().zip(expected))
        {
            let given = f64::from(given);
            let close = (given - expected).abs() <= 1e-4 * expected.abs().max(1.0);
            assert!(
                close || given == expected,
                "{what} of {} at score {score}, {at:?}: device {given}, host {expected}",
                variant.describe(),
            );
        }
    }
}

#[test]
fn smooth_methods_agree() {
    assert_agrees(smooth(0.5));
}

#[test]
fn powers_agree() {
    assert_agrees(powers(3, 1.5));
    assert_agrees(powers(-2, 0.5));
    assert_agrees(powers(0, 0.0));
}

#[test]
fn kinks_and_rounding_agree() {
    assert_agrees(kinked(1.3));
}

#[test]
fn choices_agree() {
    assert_agrees(choices(3, -1));
    assert_agrees(hidden());
}

#[test]
fn early_returns_agree() {
    for (kind, offset) in [(2, -1), (5, 3), (0, 0), (1, 2)] {
        assert_agrees(leaves(kind, offset));
    }
}

#[test]
fn calls_and_derivatives_written_by_hand_agree() {
    assert_agrees(calls(0.7, 3));
    assert_agrees(calls(-1.5, 1));
    assert_agrees(near(3));
    assert_agrees(capped(3.0));
    assert_agrees(bent(0.3));
}

#[test]
fn integers_agree_and_do_not_trap() {
    assert_agrees(integers(3, 0, -1));
    assert_agrees(integers(7, 5, 0));
    assert_agrees(integers(0, 3, 4));
}

#[test]
fn constants_agree() {
    assert_agrees(constants());
    assert_agrees(replaced(2.0));
    assert_agrees(shifted(2.0));
}

#[test]
fn masks_agree() {
    assert_agrees(logic(2, 0.5, -1));
    assert_agrees(bits(3, -5));
}

#[test]
fn compositions_agree() {
    use tilewright::variants::{
        alibi, causal, dilated, prefix_lm, sliding_window, softcap, softmax,
    };
    assert_agrees(softcap(3.0).and(alibi(8)).and(causal()));
    assert_agrees(softmax());
    assert_agrees(prefix_lm(2).and(sliding_window(3)).and(shifted(1.0)));
    assert_agrees(dilated(0).and(dilated(2)));
}

#[test]
fn joined_masks_agree() {
    use tilewright::variants::{blocked, causal, dilated, sliding_window, softcap};
    assert_agrees(causal().or(sliding_window(2)));
    assert_agrees(sliding_window(3).not());
    assert_agrees(
        causal()
            .not()
            .and(dilated(2))
            .or(blocked(3).not())
            .not()
            .and(softcap(3.0))
            .and(logic(2, 0.5, -1)),
    );
}

#[test]
fn parts_of_heads_agree() {
    use tilewright::language::heads;
    use tilewright::variants::{alibi, blocked, causal, dilated, sliding_window, softcap};
    assert_agrees(heads(0..4, blocked(2)).heads(4..8, dilated(2)));
    assert_agrees(heads(3..5, softcap(2.0)));
    let inner = heads(2..4, causal()).heads(5..6, shifted(1.0));
    assert_agrees(
        alibi(8).and(heads(1..7, inner.and(sliding_window(4))).heads(7..8, choices(3, -1))),
    );
    assert_agrees(heads(0..3, causal()).heads(3..6, dilated(3)).not().or(blocked(2)));
}
