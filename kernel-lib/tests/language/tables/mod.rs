//! Tables and learned parameters: what a site is, on the host against finite differences and on the
//! device against the host.

mod device;

use tilewright::language::{
    Along, ExampleSizes, LearnedParam, LearnedStage, MaskScope, Variant, check_gradient, registered,
};
use tilewright::prelude::*;

use crate::{SIZES, positions};

/// Reads in blocks, twice at one index and once at another, through a curve.
#[score_mod]
pub fn branching(score: f32, at: Position, #[learned] bias: Table, window: u32) -> f32 {
    let near = at.query.abs_diff(at.key) < window;
    let own = bias[(at.head, at.query.abs_diff(at.key))];
    if near {
        let again = bias[(at.head, at.query.abs_diff(at.key))];
        (score * again).tanh() + own * own
    } else if score > 0.5 {
        score * bias[(at.head, 0)] - own.exp()
    } else {
        score
    }
}

/// Several parameters of both kinds, one of which tells where another is read.
#[score_mod(example(kinds = table(1, keys), bias = table(batch, 4), t = 0.6, offset = -2))]
pub fn by_kind(
    score: f32,
    at: Position,
    kinds: Table<i32>,
    #[learned] bias: Table,
    #[learned] t: f32,
    offset: i32,
) -> f32 {
    let kind = kinds[(at.batch, at.key)];
    let far = (at.key as i32 - at.query as i32) < offset;
    score * t.exp() + if far { 0.0 } else { bias[(at.batch, kind)] * t * score }
}

/// One to four dimensions, one of which every function has.
#[score_mod]
pub fn ranks(
    score: f32,
    at: Position,
    a: Table,
    #[learned] b: Table,
    c: Table<u32>,
    #[learned] d: Table,
) -> f32 {
    let whole = c[(at.batch, at.query, at.key)] as f32;
    a[at.head] * score + b[(at.head, at.key)] * whole + d[(at.batch, at.head, at.query, at.key)]
}

/// Indices of `i32` that leave the table on both sides.
#[score_mod(example(table = table(3)))]
pub fn outside(score: f32, at: Position, #[learned] table: Table) -> f32 {
    score + table[at.key as i32 - at.query as i32] * table[at.key + at.query - 4]
}

#[score_fn]
fn bucket(at: Position) -> u32 {
    at.query.abs_diff(at.key).min(4)
}

#[score_fn]
fn squashed(x: f32, width: f32) -> f32 {
    width * (x / (1.0 + width * width)).tanh()
}

/// Early return, tuples, `match`, calls and a derivative by hand that reads a table the function
/// reads elsewhere: what is learned is still derived.
#[score_mod(grad = |score, at, _, scales: Table, t| {
    let own = scales[(at.head, 0)];
    if at.key > at.query + 5 {
        return own;
    }
    let width = 1.0 + t * t;
    let ratio = (score * own / (1.0 + width * width)).tanh();
    width * (1.0 - ratio * ratio) * own / (1.0 + width * width)
})]
pub fn combined(
    score: f32,
    at: Position,
    #[learned] bias: Table,
    #[learned] scales: Table,
    #[learned] t: f32,
) -> f32 {
    let scaled = score * scales[(at.head, 0)];
    if at.key > at.query + 5 {
        return scaled;
    }
    let near: u32 = bucket(at);
    let place = match at.key % 3 {
        0 => (at.head, near),
        n => (0, n),
    };
    squashed(scaled, 1.0 + t * t) + bias[place] * squashed(bias[(at.head, bucket(at))], 1.0)
}

/// A mask that leaves its arithmetic to a function.
#[mask_mod]
pub fn in_bucket(at: Position, allowed: Table<u32>) -> bool {
    allowed[bucket(at)] != 0
}

fn examples(sizes: &ExampleSizes) -> impl Iterator<Item = AnyVariant> {
    registered().flat_map(move |registered| registered.example_variants(sizes))
}

fn learned(name: &str) -> Vec<LearnedParam> {
    let registered = tilewright::language::find(name).expect("registered");
    registered.example_variants(&SIZES).next().expect("an example").learned()
}

/// The variant with one element of one learned parameter changed.
trait Moved: Variant {
    fn moved(&self, param: usize, place: usize, by: f32) -> Self;
}

fn moved_table(table: &Table, place: usize, by: f32) -> Table {
    let mut values = table.values().expect("on the host").to_vec();
    values[place] += by;
    Table::new(table.shape(), values).expect("the same shape")
}

macro_rules! moved {
    ($variant:ident, $($number:literal => $field:ident),+) => {
        impl Moved for $variant {
            fn moved(&self, param: usize, place: usize, by: f32) -> Self {
                let mut moved = self.clone();
                match param {
                    $($number => moved.$field = moved_table(&moved.$field, place, by).into(),)+
                    _ => panic!("there are fewer parameters"),
                }
                moved
            }
        }
    };
}

moved!(Branching, 0 => bias);
moved!(ByKind, 0 => bias, 1 => t);
moved!(Ranks, 0 => b, 1 => d);
moved!(Outside, 0 => table);
moved!(Combined, 0 => bias, 1 => scales, 2 => t);
moved!(RelativeBias, 0 => bias);
moved!(T5Buckets, 0 => bias);
moved!(DenseBias, 0 => bias);
moved!(Temperature, 0 => t);
moved!(PerHeadScale, 0 => scales);

/// Asserts that, for every element, the sites that read it add up to the central difference.
fn assert_learned<V: Moved>(variant: &V) {
    const STEP: f32 = 1.0 / 1024.0;
    let mut compared = 0;
    for at in positions() {
        for score in [-3.7, -0.31, 0.4, 2.6] {
            for (param, learned) in variant.learned().iter().enumerate() {
                let mut derived = vec![0.0; learned.len()];
                for site in &learned.sites {
                    let place = variant.learned_index(&at, site.site);
                    derived[place] += variant.learned_grad(score, &at, site.site, site.stage);
                }
                for (place, &derived) in derived.iter().enumerate() {
                    let [below, above] =
                        [-STEP, STEP].map(|by| variant.moved(param, place, by).score(score, &at));
                    let slope = (above - below) / f64::from(2.0 * STEP);
                    assert!(
                        (slope - derived).abs() < 2e-4 * slope.abs().max(1.0),
                        "{} at {score}, {at:?}: {} [{place}] {derived}, measured {slope}",
                        variant.describe(),
                        learned.name,
                    );
                    compared += usize::from(derived != 0.0);
                }
            }
        }
    }
    assert!(compared > 20, "{}: {compared}", variant.describe());
}

fn table(shape: impl AsRef<[usize]>) -> Table {
    let len: usize = shape.as_ref().iter().product();
    let values = (0..len).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 0.7).collect();
    Table::new(shape, values).expect("as many values as elements")
}

fn integers<T: tilewright::language::TableElement>(
    shape: impl AsRef<[usize]>,
    make: impl Fn(usize) -> T,
) -> Table<T> {
    let len: usize = shape.as_ref().iter().product();
    Table::new(shape, (0..len).map(make).collect()).expect("as many values as elements")
}

#[test]
fn learned_derivatives_are_the_slopes() {
    assert_learned(&branching(table([8, 9]), 3));
    assert_learned(&by_kind(integers([1, 9], |i| i as i32 % 4), table([3, 4]), 0.6, -2));
    let counts = integers([3, 9, 9], |i| i as u32 % 5);
    assert_learned(&ranks(table([8]), table([1, 9]), counts, table([3, 1, 9, 9])));
    assert_learned(&outside(table([3])));
    assert_learned(&combined(table([8, 5]), table([8, 1]), 0.6));
    assert_learned(&relative_bias(table([8, 17])));
    assert_learned(&t5_buckets(table([1, 8]), 8, 20));
    assert_learned(&dense_bias(table([3, 8, 1, 9])));
    assert_learned(&temperature(0.7));
    assert_learned(&per_head_scale(table([8])));
}

#[test]
fn a_derivative_by_hand_reads_tables_and_is_checked() {
    /// A derivative that may read what the function does not.
    #[score_mod(grad = |score, at, bias| {
        if score > 1e30 { bias[(at.head, 3)] } else { bias[(at.head, 0)] }
    })]
    fn reaching(score: f32, at: Position, bias: Table) -> f32 {
        score * bias[(at.head, 0)]
    }
    let at = Position { batch: 0, head: 1, query: 2, key: 0, queries: 4, keys: 4 };
    let reaching = reaching(table([8, 4]));
    let mut read = Vec::new();
    reaching.reads(&at, &mut |element| read.push(element.index[1]));
    read.sort_unstable();
    assert_eq!(read, [0, 0, 3]);
    assert!(reaching.derivative().contains("bias[(at.head, 3u32)]"));
    let combined = combined(table([8, 5]), table([8, 1]), 0.6);
    check_gradient(&combined.clone().into(), 1e-6).expect("by hand is as derived");
    assert_eq!(combined.learned().len(), 3);
}

#[test]
fn a_mask_is_known_as_far_as_its_callees_are() {
    #[score_fn]
    fn half_of(at: Position) -> u32 {
        at.head / 2
    }
    #[score_fn]
    fn smooth(x: u32) -> bool {
        (x as f32).sin() > 0.5
    }
    #[mask_mod]
    fn near_bucket(at: Position) -> bool {
        let near: u32 = bucket(at);
        near < 3
    }
    #[mask_mod]
    fn by_half(at: Position) -> bool {
        half_of(at) + at.key > 3
    }
    #[mask_mod]
    fn by_number(at: Position) -> bool {
        smooth(at.key)
    }
    assert_eq!(near_bucket().mask_scope(), MaskScope::SHARED);
    assert!(near_bucket().mask_known_on_host());
    assert_eq!(by_half().mask_scope(), MaskScope { batch: false, head: true });
    assert!(!by_half().mask_known_on_host());
    assert_eq!(by_number().mask_scope(), MaskScope::SHARED);
    assert!(!by_number().mask_known_on_host());
}

#[test]
fn a_composition_has_the_sites_of_both_in_order() {
    let first = by_kind(integers([1, 9], |i| i as i32 % 4), table([3, 4]), 0.6, -2);
    let second = branching(table([8, 9]), 3);
    let both = first.clone().and(softcap(3.0)).and(second.clone()).and(causal());
    let numbers = |learned: Vec<LearnedParam>| -> Vec<(&str, Vec<usize>)> {
        let sites = |param: &LearnedParam| param.sites.iter().map(|site| site.site).collect();
        learned.iter().map(|param| (param.name, sites(param))).collect()
    };
    assert_eq!(numbers(first.learned()), [("bias", vec![1]), ("t", vec![0])]);
    assert_eq!(numbers(second.learned()), [("bias", vec![0, 1])]);
    assert_eq!(numbers(both.learned()), [("bias", vec![1]), ("t", vec![0]), ("bias", vec![2, 3])]);
    const STEP: f32 = 1.0 / 1024.0;
    for at in positions() {
        for score in [-1.3, 0.8] {
            let slope =
                |make: &dyn Fn(f32) -> f64| (make(STEP) - make(-STEP)) / f64::from(2.0 * STEP);
            for (number, param) in [(0, 1), (1, 0)] {
                let place = both.learned_index(&at, number);
                let measured = slope(&|by| {
                    let moved = first.moved(param, place, by);
                    moved.and(softcap(3.0)).and(second.clone()).score(score, &at)
                });
                let derived = both.learned_grad(score, &at, number, LearnedStage::Score);
                assert!((measured - derived).abs() < 1e-3, "{measured} {derived}");
            }
            let between = first.clone().and(softcap(3.0)).score(score, &at);
            for site in 0..2 {
                assert_eq!(both.learned_index(&at, 2 + site), second.learned_index(&at, site));
                let expected = second.learned_grad(between, &at, site, LearnedStage::Score);
                assert_eq!(both.learned_grad(score, &at, 2 + site, LearnedStage::Score), expected);
            }
        }
    }
}

#[test]
fn equal_indices_share_a_site() {
    assert_eq!(learned("branching")[0].sites.len(), 2);
    assert_eq!(learned("outside")[0].sites.len(), 2);
    assert_eq!(learned("relative_bias")[0].sites.len(), 1);
    assert!(learned("document").is_empty());
}

#[test]
fn sites_say_what_their_index_changes_with() {
    let along = |variant: &dyn Fn() -> Vec<LearnedParam>| variant()[0].sites[0].along;
    let all = Along { batch: true, head: true, query: true, key: true };
    assert_eq!(along(&|| dense_bias(table([2, 2, 2, 2])).learned()), all);
    assert_eq!(
        along(&|| dense_bias(table([1, 2, 1, 2])).learned()),
        Along { head: true, key: true, ..Along::default() }
    );
    assert_eq!(
        along(&|| relative_bias(table([1, 9])).learned()),
        Along { query: true, key: true, ..Along::default() }
    );
    assert_eq!(along(&|| temperature(1.0).learned()), Along::default());
    let kinds = by_kind(integers([3, 9], |i| i as i32 % 4), table([3, 4]), 0.6, -2).learned();
    assert_eq!(kinds[0].sites[0].along, Along { batch: true, key: true, ..Along::default() });
    // What a site does not change with makes no difference.
    for variant in examples(&SIZES) {
        for site in variant.learned().iter().flat_map(|param| &param.sites) {
            for at in positions() {
                let elsewhere = Position {
                    batch: if site.along.batch { at.batch } else { 2 - at.batch },
                    head: if site.along.head { at.head } else { 7 - at.head },
                    query: if site.along.query { at.query } else { at.queries - 1 - at.query },
                    key: if site.along.key { at.key } else { at.keys - 1 - at.key },
                    ..at
                };
                let given = variant.learned_index(&at, site.site);
                assert_eq!(given, variant.learned_index(&elsewhere, site.site), "{variant:?}");
            }
        }
    }
}

#[test]
fn tables_of_the_wrong_form_are_refused() {
    let message = |shape: &[usize], len: usize| {
        Table::new(shape, vec![0.0f32; len]).expect_err("refused").to_string()
    };
    assert_eq!(
        message(&[2, 3], 5),
        "a table of shape [2, 3] has 6 elements, but 5 values were given"
    );
    assert_eq!(message(&[], 1), "a table has 1 to 4 dimensions, and [] has 0");
    assert!(message(&[1, 1, 1, 1, 1], 1).contains("1 to 4 dimensions"));
    assert!(message(&[2, 0], 0).contains("at least 1 element"));
    assert!(message(&[1 << 20, 1 << 20], 0).contains("too large"));
}

#[test]
fn variants_with_tables_are_clones_of_one_memory() {
    let slopes = table([8]);
    let variant = per_head_scale(slopes.clone());
    assert_eq!(variant, variant.clone());
    assert_eq!(variant.describe(), "per_head_scale(scales=[8])");
    assert_eq!(temperature(0.5).describe(), "temperature(t=0.5)");
    assert_ne!(variant, per_head_scale(table([7])));
    assert_eq!(slopes[3u32], slopes[(3i32,)]);
    assert_eq!(slopes[100], slopes[7]);
    assert_eq!(slopes[-1], slopes[0]);
}

#[test]
fn what_is_left_out_of_an_example_fits_what_is_read() {
    let shapes = |name: &str, sizes: &ExampleSizes| -> Vec<Vec<usize>> {
        let registered = tilewright::language::find(name).expect("registered");
        let variant = registered.example_variants(sizes).next().expect("an example");
        variant.tables().iter().map(|table| table.shape.to_vec()).collect()
    };
    let [head_dim, value_dim] = [8, 8];
    let sizes = ExampleSizes { batch: 2, heads: 3, queries: 5, keys: 7, head_dim, value_dim };
    assert_eq!(shapes("document", &sizes), [[2, 7]]);
    assert_eq!(shapes("per_head_scale", &sizes), [[3]]);
    assert_eq!(shapes("branching", &sizes), [[3, 7]]);
    assert_eq!(shapes("ranks", &sizes), [vec![3], vec![3, 7], vec![2, 5, 7], vec![2, 3, 5, 7]]);
    // Beyond a million positions, borders and a sample stand for all.
    let large = ExampleSizes { batch: 5000, queries: 50, keys: 70, ..sizes };
    assert_eq!(shapes("document", &large), [[5000, 70]]);
    assert_eq!(shapes("relative_bias", &large), [[3, 119]]);
}
