//! The derivative of any function is what finite differences say it is.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::differentiate::differentiate;
use crate::emit::readable::readable;
use crate::evaluate::{Inputs, Number, evaluate};
use crate::generate::{Source, mask, score};
use crate::helpers::Helpers;
use crate::ir::{Block, Function, Input, Op, Statement};
use crate::kind::Kind;
use crate::steps_of;

const CASES: u32 = 4000;

/// Values larger than this leave too few digits for a difference.
const LARGEST: f64 = 1e5;

/// The same cases in every run: change the seed to look at others.
fn runner(cases: u32) -> TestRunner {
    let rng_seed = RngSeed::Fixed(1);
    TestRunner::new(Config { cases, failure_persistence: None, rng_seed, ..Config::default() })
}

fn sources() -> impl Strategy<Value = Source> {
    vec(any::<u16>(), 0..160).prop_map(|choices| score("f", &choices, true))
}

fn masks() -> impl Strategy<Value = Source> {
    vec(any::<u16>(), 0..160).prop_map(|choices| mask("f", &choices, true))
}

fn points() -> impl Strategy<Value = Inputs> {
    (-3.0..3.0f64, -2.0..2.0f64, 0..7u32, -4..5i32, 0..6u32, 0..6u32).prop_map(
        |(score, a, n, k, query, key)| Inputs {
            score,
            position: [key % 2, query % 3, query, key, 6, 7],
            parameters: vec![Number::F32(a), Number::U32(n), Number::I32(k)],
        },
    )
}

/// The same inputs with one of them moved.
fn moved(inputs: &Inputs, input: Input, by: f64) -> Inputs {
    let mut inputs = inputs.clone();
    match input {
        Input::Subject => inputs.score += by,
        Input::Parameter(place) => {
            if let Number::F32(x) = &mut inputs.parameters[place] {
                *x += by;
            }
        }
        Input::Feature(_) | Input::Field(_) | Input::Site(_) => {
            unreachable!("only numbers are varied here")
        }
    }
    inputs
}

/// The derivative by extrapolated central differences, and how sure it is. Nothing where the
/// function decides something differently within the steps, or is too large or undefined: there
/// differences say nothing.
pub fn difference(
    function: &Function,
    inputs: &Inputs,
    input: Input,
    helpers: &Helpers,
) -> Option<(f64, f64)> {
    let middle = evaluate(function, inputs, helpers);
    let at = |by: f64| {
        let outcome = evaluate(function, &moved(inputs, input, by), helpers);
        let smooth = outcome.decisions == middle.decisions && outcome.largest < LARGEST;
        smooth.then(|| outcome.results[0])
    };
    let central = |step: f64| Some((at(step)? - at(-step)?) / (2.0 * step));
    let step = 4e-3;
    let [coarse, fine, finest] = [central(step)?, central(step / 2.0)?, central(step / 4.0)?];
    let first = (4.0 * fine - coarse) / 3.0;
    let second = (4.0 * finest - fine) / 3.0;
    let best = (16.0 * second - first) / 15.0;
    // Steps that are in tune with an oscillation agree with each other, and not with a small one.
    let close = central(step / 100.0)?;
    Some((best, (best - second).abs().max((best - close).abs() / 5.0)))
}

/// How many derivatives were compared at a point; fails where one is wrong.
fn compare(function: &Function, inputs: &Inputs, helpers: &Helpers) -> Result<u32, TestCaseError> {
    let wanted = [Input::Subject, Input::Parameter(0)];
    let gradient = differentiate(function, &wanted);
    let given = evaluate(&gradient, inputs, helpers).results;
    let mut compared = 0;
    for (input, given) in wanted.into_iter().zip(given) {
        let Some((expected, doubt)) = difference(function, inputs, input, helpers) else {
            continue;
        };
        let scale = expected.abs().max(1.0);
        if doubt > 1e-6 * scale {
            continue;
        }
        compared += 1;
        prop_assert!(
            (given - expected).abs() <= 1e-5 * scale,
            "the derivative with respect to {input:?} at {inputs:?} is {given}, and finite \
             differences give {expected}"
        );
    }
    Ok(compared)
}

#[test]
fn derivatives_agree_with_finite_differences() {
    let (helpers, compared) = (Helpers::new(), Cell::new(0));
    let mut runner = runner(CASES);
    let result = runner.run(&(sources(), vec(points(), 3)), |(source, points)| {
        let (_, function) = steps_of(Kind::Score, &source.0);
        for inputs in &points {
            compared.set(compared.get() + compare(&function, inputs, &helpers)?);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // Of 6 for each function, those at which differences say something.
    assert!(compared.get() > 3 * CASES, "{} derivatives compared", compared.get());
}

#[test]
fn readable_texts_are_functions_of_the_language_that_mean_the_same() {
    let (helpers, compared, otherwise) = (Helpers::new(), Cell::new(0), Cell::new(0));
    let mut runner = runner(CASES / 2);
    let result = runner.run(&(sources(), points()), |(source, inputs)| {
        let (signature, function) = steps_of(Kind::Score, &source.0);
        if difference(&function, &inputs, Input::Subject, &helpers).is_none() {
            return Ok(());
        }
        let gradient = differentiate(&function, &[Input::Subject]);
        for steps in [&function, &gradient] {
            let text = readable(&signature, "f", steps);
            let (_, again) = steps_of(Kind::Score, &text);
            let expected = evaluate(steps, &inputs, &helpers);
            let given = evaluate(&again, &inputs, &helpers);
            if expected.largest > LARGEST {
                continue;
            }
            // Constants are rounded to `f32` in a text, and few functions decide by a hair.
            let scale = expected.largest.max(1.0);
            let close = (given.results[0] - expected.results[0]).abs() <= 1e-4 * scale;
            if !close && given.decisions != expected.decisions {
                otherwise.set(otherwise.get() + 1);
                continue;
            }
            prop_assert!(close, "{given:?}, not {expected:?}, at {inputs:?}, from\n{text}");
            compared.set(compared.get() + 1);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(compared.get() > CASES / 2, "{} texts compared", compared.get());
    assert!(
        otherwise.get() <= 2 + compared.get() / 500,
        "{} texts decide otherwise",
        otherwise.get()
    );
}

#[test]
fn readable_masks_decide_as_the_masks_do() {
    let (helpers, compared, of_bits) = (Helpers::new(), Cell::new(0), Cell::new(0));
    let result = runner(CASES / 2).run(&(masks(), vec(points(), 3)), |(source, points)| {
        let (signature, steps) = steps_of(Kind::Mask, &source.0);
        let text = readable(&signature, "f", &steps);
        let (_, again) = steps_of(Kind::Mask, &text);
        of_bits.set(of_bits.get() + u32::from(uses_bits(&steps.body)));
        for inputs in &points {
            let expected = evaluate(&steps, inputs, &helpers);
            let given = evaluate(&again, inputs, &helpers);
            // Constants are rounded to `f32` in a text: what they decide is for the test above.
            if expected.decisions != given.decisions || expected.largest > LARGEST {
                continue;
            }
            prop_assert!(
                given.results == expected.results,
                "{given:?}, not {expected:?}, at {inputs:?}, from\n{text}"
            );
            compared.set(compared.get() + 1);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(compared.get() > 2 * CASES / 2, "{} decisions compared", compared.get());
    assert!(of_bits.get() > CASES / 20, "{} masks work on bits", of_bits.get());
}

/// Whether an operator on the bits of integers is left of the function.
pub fn uses_bits(block: &Block) -> bool {
    block.statements.iter().any(|statement| match statement {
        Statement::Let { op: Op::Binary(op, ..), .. } => op.is_of_bits(),
        Statement::Let { .. } => false,
        Statement::If { then, otherwise, .. } => uses_bits(then) || uses_bits(otherwise),
    })
}

#[test]
fn a_wrong_derivative_is_found() {
    // The evaluator runs `sin` for `f` and the derivative of `cos`.
    let helpers = Helpers::new();
    let (_, right) = steps_of(Kind::Score, "fn f(score: f32) -> f32 { score.sin() }");
    let (_, wrong) = steps_of(Kind::Score, "fn f(score: f32) -> f32 { score.cos() }");
    let inputs = Inputs { score: 0.4, position: [0; 6], parameters: vec![Number::F32(0.0)] };
    let (expected, doubt) =
        difference(&right, &inputs, Input::Subject, &helpers).expect("a sine is smooth");
    assert!(doubt < 1e-9 && (expected - 0.4f64.cos()).abs() < 1e-9);
    let given = evaluate(&differentiate(&wrong, &[Input::Subject]), &inputs, &helpers).results[0];
    assert!((given - expected).abs() > 0.1);
}
