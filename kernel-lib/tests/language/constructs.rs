//! Variants that say everything the language can. Being registered, each is checked against
//! finite differences with the others; the tests here pin values and exact derivatives.

use tilewright::language::{Variant, registered};
use tilewright::prelude::*;

/// Smooth methods, each on a domain where it is defined.
#[score_mod(example(0.5))]
pub fn smooth(score: f32, shift: f32) -> f32 {
    let x = (score * 0.1).sin() + shift;
    let positive = x * x + 0.5;
    let exponentials = x.exp() + x.exp2() - x.exp_m1() * 0.25;
    let logarithms = positive.ln() + positive.log2() * positive.ln_1p();
    let roots = positive.sqrt() * positive.recip();
    let waves = x.sin() * x.cos() + (x * 0.3).tan();
    let hyperbolic = (x * 0.2).sinh() + (x * 0.2).cosh() + x.tanh();
    exponentials + logarithms - roots + waves * hyperbolic + x.mul_add(positive, shift)
}

/// Powers with constant and variable exponents.
#[score_mod(example(3, 1.5), example(-2, 0.5), example(0, 0.0))]
pub fn powers(score: f32, whole: i32, real: f32) -> f32 {
    let x = score * score * 0.01 + 0.3;
    let constant = x.powi(3) + x.powi(-2) + x.powi(1) + x.powi(0) + x.powi(7);
    constant
        + x.powi(whole)
        + x.powf(real)
        + real.powf(x * 0.1) * x.powf(2.5)
        + 2.0f32.powf(x * 0.1)
}

/// Methods with kinks and steps.
#[score_mod(example(1.3))]
pub fn kinked(score: f32, limit: f32) -> f32 {
    let clamped = score.clamp(-limit, limit);
    let steps = score.floor() + score.ceil() + score.round() + score.trunc() + score.signum();
    let pieces = score.abs() + score.min(limit * 2.0) + score.max(0.25) + (-score).max(score * 0.5);
    clamped * pieces + steps * 0.125 + score % 2.5 + 7.5 % (score.abs() + 3.0)
}

/// Nested choices, shadowing, blocks and a choice in tail position.
#[score_mod(example(3, -1))]
pub fn choices(score: f32, at: Position, window: u32, offset: i32) -> f32 {
    let distance = at.query as i32 - at.key as i32 + offset;
    let score = {
        let score = score * 1.5;
        score + 0.25
    };
    let bent = if distance > 0 && !(at.head == 2 || at.batch == 1) {
        let score = if score > 1.0 { score.ln() * score } else { score * score * 0.5 + 0.5 };
        let scaled = score * distance as f32;
        if at.key.abs_diff(at.query) < window { scaled } else { scaled.tanh() }
    } else if distance == 0 {
        score.exp() * 0.001
    } else {
        score - 1.0 / (2.0 + score * score)
    };
    if bent > 1.0e4 { score } else { bent * score }
}

/// Integers: every operator and method, with wrapping where the device wraps.
#[score_mod(example(3, 0, -1), example(7, 5, 0))]
pub fn integers(score: f32, at: Position, a: u32, b: u32, c: i32) -> f32 {
    let wrapped = at.key - at.query;
    let mixed = wrapped % 16 + (at.head * a + at.batch) / b + a % b + at.keys.saturating_sub(9);
    let signed = (at.query as i32 - at.key as i32).abs().pow(2) % 5 + 9 / c - -3 % c;
    let clamped = signed.clamp(-4, 4).max(c).min(6) + c.abs_diff(at.key as i32) as i32;
    let powers = a.pow(3).min(1000) + a.pow(b).max(2) % 8;
    let three = 2 + 1;
    let bonus: u32 = if at.key.is_multiple_of(a) { 2 } else { three };
    let flag = (at.key >= at.query) as u32 + (a != b) as u32 + u32::MAX % 4;
    let total = mixed + powers + bonus + flag;
    score * (total as f32 * 0.01) + clamped as f32 * 0.1 + (score as i32) as f32 * 0.0
}

/// Ways out from the middle, and values made together.
#[score_mod(example(2, -1), example(5, 3))]
pub fn leaves(score: f32, at: Position, kind: u32, offset: i32) -> f32 {
    if score < -30.0 {
        return score * 0.5;
    }
    let (low, high) = if at.key < at.query { (score * 0.5, score) } else { (score, score * 1.5) };
    let (low, high) = (high, low);
    let weight = match (kind, at.key > at.query) {
        (0 | 1, _) => 0.25,
        (2..=4, true) => low.sin(),
        (n, false) if n == at.head => return high * low * 0.1,
        (_, true) => {
            if high > 2.0 {
                return high.sqrt();
            }
            1.5
        }
        _ => 2.0,
    };
    let pair: (f32, u32) = (weight * low, at.query % 3);
    if offset > 0 {
        if pair.1 == 1 {
            return pair.0.tanh();
        } else if pair.1 == 2 && score > 0.0 {
            return pair.0 + high;
        }
    }
    let side = match offset {
        i32::MIN..0 => -1.0,
        0 => return 0.0,
        n @ (1 | 3) => n as f32,
        _ => 7.0,
    };
    f32::max(pair.0, -50.0) * side + high
}

/// The example of the guide: steep near the diagonal, flat far from it.
#[score_mod(example(3, 0.5))]
pub fn shelf(score: f32, at: Position, width: u32, floor: f32) -> f32 {
    if at.key == at.query {
        return score;
    }
    let (low, high) = if at.key < at.query { (floor, score) } else { (score, floor) };
    match at.query.abs_diff(at.key) {
        n if n < width => low.max(high),
        _ => low,
    }
}

/// Constants of the number types.
#[score_mod]
pub fn constants(score: f32) -> f32 {
    let far = if score > f32::INFINITY { 0.0 } else { core::f32::consts::PI };
    score * far + f32::EPSILON + std::f32::consts::LN_2 * score.min(f32::MAX)
}

/// Independent of the score.
#[score_mod(example(2.0))]
pub fn replaced(_score: f32, at: Position, value: f32) -> f32 {
    (value * at.key as f32).sqrt()
}

/// A sum with something that the score has no part in.
#[score_mod(example(2.0))]
pub fn shifted(score: f32, at: Position, weight: f32) -> f32 {
    score + (at.key as f32 * weight).sin()
}

/// A choice that hides half of the scores behind minus infinity.
#[score_mod]
pub fn hidden(score: f32, at: Position) -> f32 {
    if at.key > at.query { f32::NEG_INFINITY } else { score * 2.0 }
}

/// Every boolean operator.
#[mask_mod(example(2, 0.5, -1))]
pub fn logic(at: Position, near: u32, share: f32, offset: i32) -> bool {
    let close = at.query.abs_diff(at.key) <= near;
    let early = (at.key as f32) < share * at.keys as f32;
    let odd = (at.key as i32 + offset) % 2 != 0;
    if close {
        true
    } else if early == odd {
        !(early && odd)
    } else {
        at.head > 3 || at.batch > 1
    }
}

pub const AT: Position = Position { batch: 0, head: 0, query: 4, key: 2, queries: 6, keys: 6 };

#[test]
fn a_sum_has_the_derivative_one_and_a_constant_zero() {
    assert_eq!(shifted(2.0).score_grad(1.0e30, &AT), 1.0);
    assert_eq!(replaced(2.0).score_grad(f64::NAN, &AT), 0.0);
}

#[test]
fn the_first_return_on_the_way_counts() {
    let plain = |score: f64, at: &Position, kind: u32, offset: i32| {
        if score < -30.0 {
            return score * 0.5;
        }
        let (low, high) =
            if at.key < at.query { (score, score * 0.5) } else { (score * 1.5, score) };
        let weight = match (kind, at.key > at.query) {
            (0 | 1, _) => 0.25,
            (2..=4, true) => low.sin(),
            (n, false) if n == at.head => return high * low * f64::from(0.1f32),
            (_, true) if high > 2.0 => return high.sqrt(),
            (_, true) => 1.5,
            _ => 2.0,
        };
        let (first, second) = (weight * low, at.query % 3);
        match (offset, second) {
            (1.., 1) => return first.tanh(),
            (1.., 2) if score > 0.0 => return first + high,
            _ => {}
        }
        let side = match offset {
            0 => return 0.0,
            1 | 3 => f64::from(offset),
            n => {
                if n < 0 {
                    -1.0
                } else {
                    7.0
                }
            }
        };
        first.max(-50.0) * side + high
    };
    for kind in 0..7 {
        for offset in -1..5 {
            for at in crate::positions() {
                for score in [-31.0, -4.5, 0.3, 2.2, 60.0] {
                    let given = leaves(kind, offset).score(score, &at);
                    let expected = plain(score, &at, kind, offset);
                    assert!(
                        given == expected || (given - expected).abs() < 1e-9 * expected.abs(),
                        "{kind} {offset} {score} {at:?}: {given}, not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_match_with_a_return_is_its_arms() {
    let at = |query, key| Position { query, key, ..AT };
    assert_eq!(shelf(3, 0.5).score(-2.0, &at(4, 4)), -2.0);
    assert_eq!(shelf(3, 0.5).score(-2.0, &at(4, 2)), 0.5);
    assert_eq!(shelf(3, 0.5).score(-2.0, &at(4, 0)), 0.5);
    assert_eq!(shelf(3, 0.5).score(-2.0, &at(0, 4)), -2.0);
    assert_eq!(shelf(3, 0.5).score_grad(2.0, &at(4, 2)), 1.0);
    assert_eq!(shelf(3, 0.5).score_grad(2.0, &at(4, 0)), 0.0);
}

#[test]
fn kinks_have_a_one_sided_derivative() {
    #[score_mod]
    fn kinks(score: f32) -> f32 {
        score.abs() + 2.0 * score.max(0.0) + 4.0 * score.min(0.0) + 8.0 * score
    }
    assert_eq!(kinks().score_grad(0.0, &AT), 8.0);
    assert_eq!(kinks().score_grad(1.0, &AT), 11.0);
    assert_eq!(kinks().score_grad(-1.0, &AT), 11.0);
    assert_eq!(kinked(1.3).score_grad(0.0, &AT), 1.25);
}

#[test]
fn the_other_block_cannot_make_a_derivative_nan() {
    let before = Position { key: 5, ..AT };
    assert_eq!(hidden().score(1.0, &before), f64::NEG_INFINITY);
    assert_eq!(hidden().score_grad(1.0, &before), 0.0);
    assert_eq!(hidden().score_grad(1.0, &AT), 2.0);
    for score in [-100.0, -0.5, 0.0] {
        assert!(choices(3, -1).score_grad(score, &AT).is_finite());
    }
}

#[test]
fn integers_wrap_and_never_trap() {
    let plain = |a: u32, b: u32, c: i32| {
        let signed = 4i32.pow(1) % 5 + 9i32.checked_div(c).unwrap_or(9)
            - (-3i32).checked_rem(c).unwrap_or(0);
        let clamped = signed.clamp(-4, 4).max(c).min(6) + c.abs_diff(2) as i32;
        let quotient = |x: u32, y: u32| x / y.max(1);
        let mixed = 2u32.wrapping_sub(4) % 16 + quotient(0, b) + a % b.max(1);
        let powers = a.pow(3).min(1000) + a.pow(b).max(2) % 8;
        let bonus = if 2u32.is_multiple_of(a) { 2 } else { 3 };
        let total = mixed + powers + bonus + u32::from(a != b) + 3;
        f64::from(total) * f64::from(0.01f32) + f64::from(clamped) * f64::from(0.1f32)
    };
    for (a, b, c) in [(3, 0, -1), (7, 5, 0), (2, 2, 4)] {
        let given = integers(a, b, c).score(1.0, &AT);
        assert!((given - plain(a, b, c)).abs() < 1e-12, "{given} {}", plain(a, b, c));
    }
    assert!(integers(0, 0, 0).score(1.0, &AT).is_finite());
    assert!(integers(u32::MAX, u32::MAX, i32::MIN).score(1.0, &AT).is_finite());
}

#[test]
fn rounding_is_rusts() {
    for score in [-2.5, -1.5, -0.5, -0.4, 0.0, 0.49999997, 0.5, 1.5, 2.5, 1e9] {
        let steps =
            f64::floor(score) + score.ceil() + score.round() + score.trunc() + score.signum();
        let clamped = score.clamp(f64::from(-1.3f32), f64::from(1.3f32));
        let limit = f64::from(1.3f32) * 2.0;
        let pieces = score.abs() + score.min(limit) + score.max(0.25) + (-score).max(score * 0.5);
        let expected = clamped * pieces + steps * 0.125 + score % 2.5 + 7.5 % (score.abs() + 3.0);
        let given = kinked(1.3).score(score, &AT);
        assert!((given - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{score}");
    }
}

#[test]
fn masks_are_their_functions() {
    for key in 0..6 {
        let at = Position { key, ..AT };
        let close = at.query.abs_diff(at.key) <= 2;
        let early = f64::from(at.key) < 3.0;
        let odd = (at.key as i32 - 1) % 2 != 0;
        let expected = close
            || early == odd && !(early && odd)
            || early != odd && (at.head > 3 || at.batch > 1);
        assert_eq!(logic(2, 0.5, -1).keep(&at), expected, "{key}");
    }
}

#[test]
fn private_functions_are_registered_too() {
    for name in ["smooth", "powers", "kinked", "choices", "integers", "constants", "logic"] {
        assert!(registered().any(|variant| variant.name == name), "{name}");
    }
}

#[test]
fn functions_inside_functions_work() {
    #[score_mod]
    fn local(score: f32) -> f32 {
        score * 3.0
    }
    assert_eq!(local().score(2.0, &AT), 6.0);
    assert_eq!(Local, local());
}
