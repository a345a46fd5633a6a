//! Rotary embeddings far from the start of a sequence, on the device.

use cubecl::prelude::*;
use tilewright::language::{DeviceRowStage, RowStage};
use tilewright::prelude::*;

/// Turns the element `dim` of a row of `dims` at each token; the row's elements are `own` and, for
/// partners, `pair`.
#[cube(launch)]
fn turned<D: DeviceRowStage>(
    tokens: &[u32],
    results: &mut [f32],
    dim: u32,
    dims: u32,
    own: f32,
    pair: f32,
    params: D::Params,
) {
    let unit = ABSOLUTE_POS;
    if unit < tokens.len() {
        let at = Position {
            batch: 0u32,
            head: 0u32,
            query: tokens[unit],
            key: dim,
            queries: 2_000_000u32,
            keys: dims,
        };
        results[unit] = D::value(own, pair, 0.0f32, 0.0f32, at, &params);
    }
}

fn on_device<S: RowStage>(stage: &S, tokens: &[u32], dim: u32, dims: u32) -> Vec<f32> {
    let (client, _) = tilewright::open_device("cpu").expect("the CPU runtime is built in");
    let count = tokens.len();
    let results = client.empty(4 * count);
    // SAFETY: each length is that of its buffer.
    unsafe {
        turned::launch::<S::Device>(
            &client,
            CubeCount::Static(count as u32, 1, 1),
            CubeDim::new_1d(1),
            BufferArg::from_raw_parts(client.create_from_slice(u32::as_bytes(tokens)), count),
            BufferArg::from_raw_parts(results.clone(), count),
            dim,
            dims,
            OWN as f32,
            PAIR as f32,
            stage.launch_params((&client).into()),
        );
    }
    f32::from_bytes(&client.read_one(results).expect("the kernel ran")).to_vec()
}

const OWN: f64 = 0.75;
const PAIR: f64 = -1.25;

/// Compares both embeddings with the paper's formula.
fn assert_turned(theta: f32, dims: u32) {
    let tokens = [0, 1, 4095, 65_537, 524_287, 999_983, 1_000_000];
    let half = dims / 2;
    for dim in [0, 1, half / 2, half - 1, half, dims - 1] {
        for (neighbours, results) in [
            (false, on_device(&rope(theta), &tokens, dim, dims)),
            (true, on_device(&rope_neighbours(theta), &tokens, dim, dims)),
        ] {
            let (pair, second) = match neighbours {
                true => (dim / 2, dim % 2 == 1),
                false => (dim % half, dim >= half),
            };
            let frequency = f64::from(theta).powf(-2.0 * f64::from(pair) / f64::from(dims));
            for (&token, given) in tokens.iter().zip(results) {
                let angle = f64::from(token) * frequency;
                let turned = if second { PAIR } else { -PAIR };
                let expected = OWN * angle.cos() + turned * angle.sin();
                assert!(
                    (f64::from(given) - expected).abs() < 2e-6,
                    "theta {theta}, token {token}, {dim} of {dims}: {given}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn rotations_are_right_at_a_million_tokens() {
    assert_turned(10_000.0, 64);
    assert_turned(500_000.0, 128);
    assert_turned(1e7, 6);
}

/// What the test above would find of angles in `f32`.
#[test]
fn a_million_tokens_are_too_many_for_an_angle_in_f32() {
    let frequency = 10_000.0f32.powf(-1.0 / 32.0);
    let angle = f64::from(1_000_000.0f32 * frequency);
    let exact = 1e6 * 10_000.0f64.powf(-1.0 / 32.0);
    assert!((angle - exact).abs() > 1e-3);
}

#[test]
fn an_angle_lies_within_half_a_turn_and_has_its_derivative() {
    #[score_mod(example(10.0))]
    fn wheel(score: f32, at: Position, theta: f32) -> f32 {
        score + rotary_angle(at.query, at.key, at.keys, theta * score)
    }
    let at = Position { batch: 0, head: 0, query: 50, key: 3, queries: 99, keys: 8 };
    let wheel = wheel(10.0);
    for score in [0.9, 1.7, 12.0] {
        let angle = wheel.score(score, &at) - score;
        assert!(angle.abs() <= core::f64::consts::PI);
        let step = 1e-5;
        let difference =
            (wheel.score(score + step, &at) - wheel.score(score - step, &at)) / (2.0 * step);
        assert!((wheel.score_grad(score, &at) - difference).abs() < 1e-5 * difference.abs());
    }
}
