//! Some of the functions made at random are compiled for the host and the device, in the tests of
//! `tilewright`, and compared there with what their steps give here.
//!
//! `UPDATE_GENERATED=1 cargo test -p tilewright-macros-ui --test properties` writes the file anew.

use std::path::Path;

use crate::differentiate::differentiate;
use crate::evaluate::{Inputs, Number, Outcome, evaluate};
use crate::generate::{mask, score};
use crate::helpers::Helpers;
use crate::ir::{Function, Input};
use crate::kind::Kind;
use crate::properties::{difference, uses_bits};
use crate::steps_of;

const FILE: &str = "../../kernel-lib/tests/language/generated.rs";

/// Scores, and masks, in the file.
const SCORES: usize = 8;
const MASKS: usize = 4;

/// The parameters that the file's examples have.
const PARAMETERS: [Number; 3] = [Number::F32(0.75), Number::U32(3), Number::I32(-2)];

const HEADER: &str = "\
//! Functions of the language made at random, and what their steps give, by the tests of the macros:
//! written by `macros/ui/tests/properties/golden.rs`, not by hand.
#![allow(
    unused,
    arithmetic_overflow,
    double_negations,
    unconditional_panic,
    non_contiguous_range_endpoints,
    clippy::all,
    reason = \"made at random: functions that compute something twice, or nothing\"
)]

use tilewright::prelude::*;

";

fn positions() -> impl Iterator<Item = [u32; 6]> {
    // Both sides of the diagonal and the diagonal itself.
    [(0, 0), (1, 4), (5, 2), (3, 3), (2, 6)]
        .into_iter()
        .map(|(query, key)| [(query + key) % 3, key % 4, query, key, 6, 7])
}

fn points() -> impl Iterator<Item = Inputs> {
    positions().flat_map(|position| {
        [-2.6, -0.85, 0.15, 1.4, 3.1].map(|score| Inputs {
            score,
            position,
            parameters: PARAMETERS.to_vec(),
        })
    })
}

/// Value and derivative where the function is smooth and of moderate size.
fn rows(steps: &Function, helpers: &Helpers) -> Vec<(Inputs, f64, f64)> {
    let gradient = differentiate(steps, &[Input::Subject]);
    points()
        .filter_map(|inputs| {
            let (_, doubt) = difference(steps, &inputs, Input::Subject, helpers)?;
            let (value, slope) =
                (evaluate(steps, &inputs, helpers), evaluate(&gradient, &inputs, helpers));
            let moderate = value.largest < 50.0 && slope.largest < 50.0 && doubt < 1e-6;
            moderate.then(|| (inputs, value.results[0], slope.results[0]))
        })
        .collect()
}

/// Numbers that look random, the same on every machine (the generator `splitmix64`).
fn choices(seed: u64) -> Vec<u16> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 48) as u16
    };
    (0..200).map(|_| next()).collect()
}

fn generated() -> String {
    HEADER.to_owned() + &scores() + &masks()
}

fn scores() -> String {
    let helpers = Helpers::new();
    let (mut text, mut table) = (String::new(), String::new());
    let mut count = 0;
    for seed in 0.. {
        if count == SCORES {
            break;
        }
        let name = format!("generated_{count}");
        let source = score(&name, &choices(seed), false);
        let (_, steps) = steps_of(Kind::Score, &source.0);
        let rows = rows(&steps, &helpers);
        let depends = rows.iter().filter(|(_, _, slope)| *slope != 0.0).count();
        // Nearly everywhere smooth, dependent on the score, and not trivial.
        let statements = steps.body.statements.len();
        if rows.len() < 24 || depends < 8 || !(12..60).contains(&statements) {
            continue;
        }
        count += 1;
        let layout = format!("{source:?}");
        text += &format!("#[score_mod(example(0.75, 3, -2))]\npub {}\n", layout.trim_start());
        for (inputs, value, slope) in rows {
            let (score, position) = (inputs.score, inputs.position);
            table += &format!("    ({name:?}, {score:?}, {position:?}, {value:?}, {slope:?}),\n");
        }
    }
    text + "/// Function, score, position, value and derivative.\n\
            pub const EXPECTED: &[(&str, f64, [u32; 6], f64, f64)] = &[\n"
        + &table
        + "];\n\n"
}

/// Masks in which no `f32` decides, so that the device decides exactly as the host does.
fn masks() -> String {
    let helpers = Helpers::new();
    let (mut text, mut table) = (String::new(), String::new());
    let mut count = 0;
    for seed in 0.. {
        if count == MASKS {
            break;
        }
        let name = format!("generated_mask_{count}");
        let source = mask(&name, &choices(seed), false);
        let (_, steps) = steps_of(Kind::Mask, &source.0);
        let places = (0..6).flat_map(|query| (0..7).map(move |key| (query, key)));
        let rows: Vec<([u32; 6], Outcome)> = places
            .map(|(query, key)| {
                let position = [(query + key) % 3, key % 4, query, key, 6, 7];
                let inputs = Inputs { score: 0.0, position, parameters: PARAMETERS.to_vec() };
                (position, evaluate(&steps, &inputs, &helpers))
            })
            .collect();
        let kept = rows.iter().filter(|(_, outcome)| outcome.results[0] == 1.0).count();
        let exact = rows.iter().all(|(_, outcome)| outcome.decisions.is_empty());
        if !exact || !uses_bits(&steps.body) || !(6..rows.len() - 6).contains(&kept) {
            continue;
        }
        count += 1;
        let layout = format!("{source:?}");
        text += &format!("#[mask_mod(example(0.75, 3, -2))]\npub {}\n", layout.trim_start());
        for (position, outcome) in rows {
            table += &format!("    ({name:?}, {position:?}, {}),\n", outcome.results[0] == 1.0);
        }
    }
    text + "/// Mask, position, and whether the key is seen.\n\
            pub const EXPECTED_MASKS: &[(&str, [u32; 6], bool)] = &[\n"
        + &table
        + "];\n"
}

#[test]
fn the_compiled_functions_are_those_of_the_generator() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let expected = generated();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &expected).expect("the file can be written");
    }
    let given = std::fs::read_to_string(&path).expect("the file can be read");
    assert!(given == expected, "{FILE} is old: set UPDATE_GENERATED to write it anew");
}
