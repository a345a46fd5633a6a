//! Tables on the CPU runtime: sites against the host, memory as it lies, the check before a launch.

use cubecl::client::Client;
use cubecl::prelude::*;
use tilewright::language::{DeviceVariant, LearnedStage, Variant};
use tilewright::prelude::*;

use super::{branching, by_kind, combined, in_bucket, integers, outside, ranks, table};
use crate::positions;

/// Index and derivative of a site, and score and mask, of one position for each unit.
#[cube(launch_unchecked)]
fn evaluate_site<V: DeviceVariant>(
    scores: &[f32],
    places: &[u32],
    indices: &mut [u32],
    results: &mut [f32],
    params: V::Params,
    #[comptime] site: usize,
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
        indices[unit] = V::learned_index(at, &params, site);
        results[3 * unit] = V::score(score, at, &params);
        results[3 * unit + 1] =
            V::learned_grad(score, at, &params, site, comptime!(LearnedStage::Score));
        results[3 * unit + 2] = select(V::keep(at, &params), 1.0f32, 0.0f32);
    }
}

/// Asserts that the device agrees with the host on every site, also where tables do not reach.
fn assert_agrees<V: Variant>(client: &Client, variant: V) {
    let sites = <V::Device as DeviceVariant>::LEARNED_SITES;
    let known: usize = variant.learned().iter().map(|param| param.sites.len()).sum();
    assert_eq!(sites, known, "{}", variant.describe());
    let scores = [-3.7f32, -0.31, 0.4, 2.6];
    let mut points: Vec<(f32, Position)> =
        positions().into_iter().flat_map(|at| scores.map(|score| (score, at))).collect();
    // Cells beyond an edge are computed too.
    let beyond = Position { batch: 90, head: 91, query: 92, key: 93, queries: 3, keys: 5 };
    points.push((0.4, beyond));
    let count = points.len();
    let scores: Vec<f32> = points.iter().map(|(score, _)| *score).collect();
    let places: Vec<u32> = points
        .iter()
        .flat_map(|(_, at)| [at.batch, at.head, at.query, at.key, at.queries, at.keys])
        .collect();
    for site in 0..sites.max(1) {
        let (indices, results) = (client.empty(4 * count), client.empty(12 * count));
        let scores = client.create_from_slice(f32::as_bytes(&scores));
        let places = client.create_from_slice(u32::as_bytes(&places));
        // SAFETY: each length is that of its buffer, and no index goes beyond it.
        unsafe {
            evaluate_site::launch_unchecked::<V::Device>(
                client,
                CubeCount::Static(count as u32, 1, 1),
                CubeDim::new_1d(1),
                BufferArg::from_raw_parts(scores, count),
                BufferArg::from_raw_parts(places, 6 * count),
                BufferArg::from_raw_parts(indices.clone(), count),
                BufferArg::from_raw_parts(results.clone(), 3 * count),
                variant.launch_params(client.into()),
                site,
            );
        }
        let indices = client.read_one(indices).expect("the kernel ran");
        let results = client.read_one(results).expect("the kernel ran");
        let results = f32::from_bytes(&results);
        let indices = u32::from_bytes(&indices);
        for (nth, (score, at)) in points.iter().enumerate() {
            let score = f64::from(*score);
            let say = || format!("site {site} of {} at {score}, {at:?}", variant.describe());
            assert_eq!(indices[nth] as usize, variant.learned_index(at, site), "{}", say());
            let keep = if variant.keep(at) { 1.0 } else { 0.0 };
            let expected = [
                variant.score(score, at),
                variant.learned_grad(score, at, site, LearnedStage::Score),
                keep,
            ];
            for (&given, expected) in results[3 * nth..][..3].iter().zip(expected) {
                let given = f64::from(given);
                let close = (given - expected).abs() <= 1e-4 * expected.abs().max(1.0);
                assert!(close, "{}: device {given}, host {expected}", say());
            }
        }
    }
}

fn cpu() -> Client {
    tilewright::open_device("cpu").expect("the CPU runtime is built in").0
}

#[test]
fn devices_agree_on_every_site() {
    let client = &cpu();
    assert_agrees(client, branching(table([8, 9]), 3));
    assert_agrees(client, by_kind(integers([1, 9], |i| i as i32 % 7 - 2), table([3, 4]), 0.6, -2));
    let counts = integers([3, 9, 9], |i| i as u32 % 5);
    assert_agrees(client, ranks(table([8]), table([1, 9]), counts, table([3, 1, 9, 9])));
    assert_agrees(client, outside(table([3])));
    assert_agrees(client, combined(table([8, 5]), table([8, 1]), 0.6));
    assert_agrees(client, in_bucket(integers([5], |i| i as u32 % 3)));
    assert_agrees(client, relative_bias(table([8, 17])));
    assert_agrees(client, t5_buckets(table([1, 32]), 32, 128));
    assert_agrees(client, t5_buckets(table([8, 8]), 8, 20));
    assert_agrees(client, dense_bias(table([3, 8, 1, 9])));
    assert_agrees(client, temperature(0.7));
    assert_agrees(client, per_head_scale(table([8])));
    assert_agrees(client, document(integers([1, 9], |i| i as u32 / 4)));
    assert_agrees(client, softcap(2.0));
}

#[test]
fn devices_agree_on_compositions() {
    let client = &cpu();
    let first = by_kind(integers([1, 9], |i| i as i32 % 4), table([3, 4]), 0.6, -2);
    let second = branching(table([8, 9]), 3);
    let ids = document(integers([3, 9], |i| i as u32 / 5));
    assert_agrees(client, first.clone().and(softcap(3.0)).and(second.clone()).and(ids.clone()));
    assert_agrees(client, ids.and(first.and(softmax().and(second))));
    assert_agrees(client, temperature(1.3).and(causal()).and(temperature(0.6)));
}

#[test]
fn devices_agree_on_parts_of_heads() {
    let client = &cpu();
    let first = by_kind(integers([1, 9], |i| i as i32 % 4), table([3, 4]), 0.6, -2);
    let second = branching(table([8, 9]), 3);
    let ids = document(integers([3, 9], |i| i as u32 / 5));
    let mixed = heads(0..3, first.clone().and(softcap(3.0))).heads(4..8, second.clone());
    assert_agrees(client, mixed.clone());
    assert_agrees(client, temperature(1.3).and(mixed).and(heads(2..5, ids.clone().not())));
    assert_agrees(client, heads(1..3, per_head_scale(table([3]))).heads(3..4, temperature(0.6)));
    assert_agrees(client, ids.or(causal()).and(heads(0..2, heads(1..2, second).and(first))));
}

#[test]
fn memory_of_a_device_is_a_table_as_it_lies() {
    let client = &cpu();
    let numbers: Vec<f32> = (0..40).map(|i| i as f32).collect();
    let handle = client.create_from_slice(f32::as_bytes(&numbers));
    // Every second row of five, columns first.
    let table = Table::on_device(client, handle.clone(), [3, 4], [2, 10]).expect("it fits");
    assert_eq!(table.at(&[2, 3]), 34.0);
    assert_eq!(table.values().expect("read back")[..5], [0.0, 10.0, 20.0, 30.0, 2.0]);
    let repeated = Table::on_device(client, handle.clone(), [3, 4], [0, 1]).expect("it fits");
    assert_eq!(repeated.at(&[2, 3]), 3.0);
    assert_agrees(client, relative_bias(table.clone()));
    assert_agrees(client, relative_bias(repeated));
    let one = Table::on_device(client, handle.clone().offset_start(8), [1], [1]).expect("it fits");
    assert_agrees(client, temperature(one));
    let message = |shape: &[usize], strides: &[usize]| {
        let error = Table::<f32>::on_device(client, handle.clone(), shape, strides);
        error.expect_err("it does not fit").to_string()
    };
    assert_eq!(
        message(&[3, 4], &[2, 13]),
        "shape and strides of the table reach over 176 bytes, but its memory has 160"
    );
    assert!(message(&[3, 4], &[2]).contains("a stride for each dimension, and 1 were given"));
    assert!(message(&[3, 4], &[usize::MAX, 1]).contains("too large"));
}

#[test]
fn a_table_that_tells_where_another_is_read_is_asked() {
    let client = &cpu();
    let q = Strided::empty(client, [1, 2, 5, 8], DType::F32);
    let k = Strided::empty(client, [1, 2, 6, 8], DType::F32);
    let call = |last: i32| {
        let memory = client.create_from_slice(i32::as_bytes(&[0, 1, 2, 1, 0, last]));
        let kinds = Table::on_device(client, memory, [1, 6], [6, 1]).expect("it fits");
        let variant = by_kind(kinds, table([1, 3]), 0.6, -2);
        attention(client, &q, &k, &k, variant, &AttentionOptions::default()).map(|_| ())
    };
    call(2).expect("every kind is in the table");
    // The same function and the same shapes, but other values.
    let message = |last| call(last).expect_err("a kind beyond the table").to_string();
    assert_eq!(
        message(3),
        "by_kind: bias is [1, 3], but at batch 0, head 0, query 0, key 5 element 3 of dimension 1 is \
         read; these sizes need [1, 4]"
    );
    assert!(message(-1).contains("element -1 of dimension 1 is read; no index may be below 0"));
}
