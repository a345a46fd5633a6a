//! Functions made at random: what the macros made of them against what their steps give.

use tilewright::language::Variant;
use tilewright::prelude::*;

use crate::device::assert_agrees_at;
use crate::generated::*;

/// The points at which a function's value and derivative are known.
fn rows(name: &str) -> impl Iterator<Item = (f64, Position, f64, f64)> {
    EXPECTED.iter().filter(move |row| row.0 == name).map(|&(_, score, at, value, slope)| {
        let [batch, head, query, key, queries, keys] = at;
        (score, Position { batch, head, query, key, queries, keys }, value, slope)
    })
}

fn assert_compiled<V: Variant>(variant: V) {
    let name = variant.describe();
    let name = name.split('(').next().expect("a name comes first");
    assert!(rows(name).count() >= 20, "{name}");
    for (score, at, value, slope) in rows(name) {
        let given = [variant.score(score, &at), variant.score_grad(score, &at)];
        for (given, expected) in given.into_iter().zip([value, slope]) {
            assert!(
                (given - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                "{name} at {score}, {at:?}: {given}, not {expected}"
            );
        }
    }
    let points: Vec<(f32, Position)> =
        rows(name).map(|(score, at, ..)| (score as f32, at)).collect();
    assert_agrees_at(variant, &points);
}

fn assert_mask_compiled<V: Variant>(mask: V) {
    let name = mask.describe();
    let name = name.split('(').next().expect("a name comes first");
    let rows = EXPECTED_MASKS.iter().filter(|row| row.0 == name);
    let rows: Vec<(Position, bool)> = rows
        .map(|&(_, [batch, head, query, key, queries, keys], kept)| {
            (Position { batch, head, query, key, queries, keys }, kept)
        })
        .collect();
    assert!(rows.len() >= 20, "{name}");
    for (at, kept) in &rows {
        assert_eq!(mask.keep(at), *kept, "{name} at {at:?}");
    }
    let points: Vec<(f32, Position)> = rows.iter().map(|(at, _)| (0.5, *at)).collect();
    assert_agrees_at(mask, &points);
}

macro_rules! assert_all_compiled {
    ($assert:ident: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $assert(super::$name(0.75, 3, -2));
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

mod scores {
    use super::{EXPECTED, assert_compiled};

    assert_all_compiled! {
        assert_compiled:
        generated_0 generated_1 generated_2 generated_3 generated_4 generated_5 generated_6
        generated_7
    }

    #[test]
    fn none_is_left_out() {
        assert!(EXPECTED.iter().all(|row| NAMES.contains(&row.0)));
    }
}

mod masks {
    use super::{EXPECTED_MASKS, assert_mask_compiled};

    assert_all_compiled! {
        assert_mask_compiled: generated_mask_0 generated_mask_1 generated_mask_2 generated_mask_3
    }

    #[test]
    fn none_is_left_out() {
        assert!(EXPECTED_MASKS.iter().all(|row| NAMES.contains(&row.0)));
    }
}
