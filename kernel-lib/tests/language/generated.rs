//! Functions of the language made at random, and what their steps give, by the tests of the macros:
//! written by `macros/ui/tests/properties/golden.rs`, not by hand.
#![allow(
    unused,
    arithmetic_overflow,
    double_negations,
    unconditional_panic,
    non_contiguous_range_endpoints,
    clippy::all,
    reason = "made at random: functions that compute something twice, or nothing"
)]

use tilewright::prelude::*;

#[score_mod(example(0.75, 3, -2))]
pub fn generated_0(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    ((match (!(at.query).min(n)) {
        0 | 4..=6 => ((score * 0.7f32).tanh()).sin().sinh(),
        1..3 if ((0i32 & k) > 0i32) => {
            let v1: i32 = 0i32;
            (core::f32::consts::PI).mul_add((0.5f32 + score), 0.25)
        }
        _ => ((score * 0.7f32).tanh()).sin().sinh(),
    }) % (((-0.75f32).round()).tan() / (-0.75f32 * -0.75f32 + 1.5)))
}

#[score_mod(example(0.75, 3, -2))]
pub fn generated_1(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    let x = (i32::MIN << 3);
    if (3u32
        >= (((u32::MAX >> 33) | (at.batch << 3)) % ((3u32 as i32)).abs_diff((k).min(x))))
    {
        let score: f32 = (-(((0f32).trunc() - (-0.75f32 / 2f32)) + a));
        if ((k <= k) == (((at.query << n)).max((x as u32)) <= ((0i32 | 2i32) as u32))) {
            let y = n;
            return ((2f32).sin().exp() + (2f32 % 2f32));
        }
    }
    let (x, v1_): (i32, i32) = match at.batch % 3 {
        0 => {
            (
                (match ((k == ((x >> x)).max((x / k))), ((3u32 == u32::MAX) && false)) {
                    (true, _) => k,
                    (false, true) => i32::MIN,
                    _ => k,
                }),
                2i32,
            )
        }
        1 | 2 => (i32::MIN, 2i32),
        _ => {
            (
                (match ((k == ((x >> x)).max((x / k))), ((3u32 == u32::MAX) && false)) {
                    (true, _) => k,
                    (false, true) => i32::MIN,
                    _ => k,
                }),
                2i32,
            )
        }
    };
    score
}

#[score_mod(example(0.75, 3, -2))]
pub fn generated_2(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    (((f32::max(0.5f32, score) * (score).mul_add(-0.75f32, 0.25))
        * (f32::max(0.5f32, score) * (score).mul_add(-0.75f32, 0.25)) + 0.75)
        .recip() * 0.7f32)
        .cos()
}

#[score_mod(example(0.75, 3, -2))]
pub fn generated_3(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    if (((match ((at.keys).is_multiple_of(2), (!true)) {
        (true, _) => (k == k),
        (false, true) => (k == 2i32),
        _ => (k == k),
    }) as i32)
        >= ((k
            * (match at.head {
                0 | 4..=6 => 0i32,
                1..3 if true => k,
                _ => 0i32,
            })))
            .pow(2))
    {
        return ((score).round() + score);
    }
    if (i32::MIN == i32::MIN) {
        return ((1.25f32).sin().exp2()).powi(2);
    }
    let v1 = ((0.5f32).sin() as u32);
    let score: u32 = if (((((0.5 + 0f32) as i32 as f32)).powi(k % 5)
        * (((0.5 + 0f32) as i32 as f32)).powi(k % 5) + 0.5)
        .powf((((score * score + 0.75).tan() - (a).abs())).sin())
        > (((1.25f32 % 0f32)).mul_add(((0.5 + -0.75f32) as i32 as f32), 0.25))
            .sin()
            .exp())
    {
        return (({
            let pair = (core::f32::consts::PI, -0.75f32);
            pair.1
        })
            * ({
                let pair = (core::f32::consts::PI, -0.75f32);
                pair.1
            }) + 0.5)
            .powf(
                ((match (true, true) {
                    (true, _) => 0f32,
                    (false, true) => 0f32,
                    _ => 0f32,
                }))
                    .sin(),
            )
    } else {
        n
    };
    1.25f32
}

#[score_mod(example(0.75, 3, -2))]
pub fn generated_4(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    match ((match (((-0.5f32) >= (2f32 * 0.7f32).tanh()), (!(k > 2i32))) {
        (true, _) => (k - (-1i32 & i32::MIN)),
        (false, true) => i32::MIN,
        _ => (k - (-1i32 & i32::MIN)),
    }))
        .max(
            (match (
                ((match 3u32 {
                    0 | 4..=6 => score,
                    1..3 if false => {
                        let a: bool = false;
                        2f32
                    }
                    _ => score,
                }) < (score + score)),
                ((1.25f32).signum() == (1.25f32 + score)),
            ) {
                (true, _) => ((k | k)).clamp(1, i32::MIN),
                (false, true) => k,
                _ => ((k | k)).clamp(1, i32::MIN),
            }),
        )
    {
        0 => {
            let score: f32 = score;
            return ((0.5 + (2f32).recip()) as i32 as f32);
        }
        1..=3 | -2 => {}
        _ => {
            if false {
                let a: bool = (((match (match (true, false) {
                    (true, _) => at.keys,
                    (false, true) => at.query,
                    _ => at.keys,
                }) {
                    0 | 4..=6 => (at.keys).is_multiple_of(2),
                    1..3 if false => {
                        let x: bool = (!false);
                        (match (x, x) {
                            (true, _) => x,
                            (false, true) => false,
                            _ => x,
                        })
                    }
                    _ => (at.keys).is_multiple_of(2),
                }) && true) != false);
                return score;
            }
        }
    }
    match k {
        0 => {
            return -0.75f32;
        }
        1..=3 | -2 => {}
        _ => {
            if false {
                return score;
            }
        }
    }
    let (a, score_): (i32, f32) = match at.key % 3 {
        0 => (0i32, -0.75f32),
        1 | 2 => (2i32, -0.75f32),
        _ => (0i32, -0.75f32),
    };
    let (x, y) = (1.25f32, score);
    let (x, y) = (y, x);
    x
}

#[score_mod(example(0.75, 3, -2))]
pub fn generated_5(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    let v2 = ((-1i32 / (-1i32).pow(2))
        / ((((a * a + 0.75).sqrt()).sin() as i32)
            % ((match at.head {
                0 | 4..=6 => n,
                1..3 if true => {
                    let v1: f32 = 0f32;
                    3u32
                }
                _ => n,
            }) as i32)));
    if ((((k <= i32::MIN) as u32) + (at.queries + (v2 as u32)))
        >= ({
            let pair = (
                (((core::f32::consts::PI).sin() as u32)
                    & (match at.queries {
                        0 | 4..=6 => u32::MAX,
                        1..3 if false => at.head,
                        _ => u32::MAX,
                    })),
                ((2i32 as u32) << (3u32 / 3u32)),
            );
            pair.0
        }))
    {
        return ((core::f32::consts::PI - -0.75f32)).clamp(-1.5, (score).sin().exp());
    }
    2.0f32.powf((((-(core::f32::consts::PI).powi(-3)) + a)).cos())
}

#[score_mod(example(0.75, 3, -2))]
pub fn generated_6(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    let (x, y) = (
        (-(match ((at.queries).is_multiple_of(2) as u32) {
            0 | 4..=6 => (0.5f32).min(((0.5 + score) as i32 as f32)),
            1..3 if ((n).is_multiple_of(2) || (false || true)) => {
                let x: u32 = ((at.head / 1u32)).saturating_sub(n);
                ((at.key as f32 * 0.125)).mul_add((0f32).powi(k % 5), 0.25)
            }
            _ => (0.5f32).min(((0.5 + score) as i32 as f32)),
        })),
        ((((0.5 + (a * a + 0.75).tan()) as i32 as f32)).tan()).sin().exp2(),
    );
    let (x, y) = (y, x);
    let v1: i32 = if (n
        >= (((at.keys).max(n) * (u32::MAX).saturating_sub(n)))
            .clamp(1, ((1u32 / at.batch) << 31)))
    {
        return (-x);
    } else {
        ((((-1i32 | k) << 31))
            .max(
                (match ((!true), (i32::MIN != 2i32)) {
                    (true, _) => k,
                    (false, true) => -1i32,
                    _ => k,
                }),
            ) + (k + -1i32))
    };
    let v2: f32 = 1.25f32;
    let v3 = score;
    v3
}

#[score_mod(example(0.75, 3, -2))]
pub fn generated_7(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {
    let (score, v1_): (f32, f32) = (
        ((((a % 0.5f32)).mul_add(score, 0.25)).sin().sinh()
            * (((a % 0.5f32)).mul_add(score, 0.25)).sin().sinh() + 0.5)
            .powf(
                (((-(0f32 * 0.7f32).cos()) + ((a * a + 0.75).tan() * 0.7f32).sin()))
                    .sin(),
            ),
        ((((true != true) as i32) as f32 * 0.25) * 0.7f32).tanh(),
    );
    ((((score).sin().sinh() * 0.7f32).tanh() * (a).min((0f32).ceil())))
        .clamp(
            -1.5,
            ((v1_ - a) % ((-0.75f32).sin().exp() - (a * a + 0.5).powf((score).sin()))),
        )
}

/// Function, score, position, value and derivative.
pub const EXPECTED: &[(&str, f64, [u32; 6], f64, f64)] = &[
    ("generated_0", -2.6, [0, 0, 0, 0, 6, 7], -0.15010969833261, 0.0548497852225404),
    ("generated_0", -0.85, [0, 0, 0, 0, 6, 7], -0.5307383153639355, 0.4881569447174381),
    ("generated_0", 0.15, [0, 0, 0, 0, 6, 7], 0.10461498350219228, 0.692311287237524),
    ("generated_0", 1.4, [0, 0, 0, 0, 6, 7], 0.73844661709164, 0.274831451750416),
    ("generated_0", 3.1, [0, 0, 0, 0, 6, 7], 0.16983004550646408, 0.027218627721421668),
    ("generated_0", -2.6, [2, 0, 1, 4, 6, 7], -0.15010969833261, 0.0548497852225404),
    ("generated_0", -0.85, [2, 0, 1, 4, 6, 7], -0.5307383153639355, 0.4881569447174381),
    ("generated_0", 0.15, [2, 0, 1, 4, 6, 7], 0.10461498350219228, 0.692311287237524),
    ("generated_0", 1.4, [2, 0, 1, 4, 6, 7], 0.73844661709164, 0.274831451750416),
    ("generated_0", 3.1, [2, 0, 1, 4, 6, 7], 0.16983004550646408, 0.027218627721421668),
    ("generated_0", -2.6, [1, 2, 5, 2, 6, 7], -0.15010969833261, 0.0548497852225404),
    ("generated_0", -0.85, [1, 2, 5, 2, 6, 7], -0.5307383153639355, 0.4881569447174381),
    ("generated_0", 0.15, [1, 2, 5, 2, 6, 7], 0.10461498350219228, 0.692311287237524),
    ("generated_0", 1.4, [1, 2, 5, 2, 6, 7], 0.73844661709164, 0.274831451750416),
    ("generated_0", 3.1, [1, 2, 5, 2, 6, 7], 0.16983004550646408, 0.027218627721421668),
    ("generated_0", -2.6, [0, 3, 3, 3, 6, 7], -0.15010969833261, 0.0548497852225404),
    ("generated_0", -0.85, [0, 3, 3, 3, 6, 7], -0.5307383153639355, 0.4881569447174381),
    ("generated_0", 0.15, [0, 3, 3, 3, 6, 7], 0.10461498350219228, 0.692311287237524),
    ("generated_0", 1.4, [0, 3, 3, 3, 6, 7], 0.73844661709164, 0.274831451750416),
    ("generated_0", 3.1, [0, 3, 3, 3, 6, 7], 0.16983004550646408, 0.027218627721421668),
    ("generated_0", -2.6, [2, 2, 2, 6, 6, 7], -0.15010969833261, 0.0548497852225404),
    ("generated_0", -0.85, [2, 2, 2, 6, 6, 7], -0.5307383153639355, 0.4881569447174381),
    ("generated_0", 0.15, [2, 2, 2, 6, 6, 7], 0.10461498350219228, 0.692311287237524),
    ("generated_0", 1.4, [2, 2, 2, 6, 6, 7], 0.73844661709164, 0.274831451750416),
    ("generated_0", 3.1, [2, 2, 2, 6, 6, 7], 0.16983004550646408, 0.027218627721421668),
    ("generated_1", -2.6, [0, 0, 0, 0, 6, 7], 2.4825777280150008, 0.0),
    ("generated_1", -0.85, [0, 0, 0, 0, 6, 7], 2.4825777280150008, 0.0),
    ("generated_1", 0.15, [0, 0, 0, 0, 6, 7], 2.4825777280150008, 0.0),
    ("generated_1", 1.4, [0, 0, 0, 0, 6, 7], 2.4825777280150008, 0.0),
    ("generated_1", 3.1, [0, 0, 0, 0, 6, 7], 2.4825777280150008, 0.0),
    ("generated_1", -2.6, [2, 0, 1, 4, 6, 7], -2.6, 1.0),
    ("generated_1", -0.85, [2, 0, 1, 4, 6, 7], -0.85, 1.0),
    ("generated_1", 0.15, [2, 0, 1, 4, 6, 7], 0.15, 1.0),
    ("generated_1", 1.4, [2, 0, 1, 4, 6, 7], 1.4, 1.0),
    ("generated_1", 3.1, [2, 0, 1, 4, 6, 7], 3.1, 1.0),
    ("generated_1", -2.6, [1, 2, 5, 2, 6, 7], -2.6, 1.0),
    ("generated_1", -0.85, [1, 2, 5, 2, 6, 7], -0.85, 1.0),
    ("generated_1", 0.15, [1, 2, 5, 2, 6, 7], 0.15, 1.0),
    ("generated_1", 1.4, [1, 2, 5, 2, 6, 7], 1.4, 1.0),
    ("generated_1", 3.1, [1, 2, 5, 2, 6, 7], 3.1, 1.0),
    ("generated_1", -2.6, [0, 3, 3, 3, 6, 7], -2.6, 1.0),
    ("generated_1", -0.85, [0, 3, 3, 3, 6, 7], -0.85, 1.0),
    ("generated_1", 0.15, [0, 3, 3, 3, 6, 7], 0.15, 1.0),
    ("generated_1", 1.4, [0, 3, 3, 3, 6, 7], 1.4, 1.0),
    ("generated_1", 3.1, [0, 3, 3, 3, 6, 7], 3.1, 1.0),
    ("generated_1", -2.6, [2, 2, 2, 6, 6, 7], -2.6, 1.0),
    ("generated_1", -0.85, [2, 2, 2, 6, 6, 7], -0.85, 1.0),
    ("generated_1", 0.15, [2, 2, 2, 6, 6, 7], 0.15, 1.0),
    ("generated_1", 1.4, [2, 2, 2, 6, 6, 7], 1.4, 1.0),
    ("generated_1", 3.1, [2, 2, 2, 6, 6, 7], 3.1, 1.0),
    ("generated_2", -2.6, [0, 0, 0, 0, 6, 7], 0.9368995022597685, -0.052554483800800716),
    ("generated_2", -0.85, [0, 0, 0, 0, 6, 7], 0.7389785014473517, -0.1750498630723875),
    ("generated_2", 0.15, [0, 0, 0, 0, 6, 7], 0.5998455956668501, -0.05069972034565222),
    ("generated_2", 1.4, [0, 0, 0, 0, 6, 7], 0.9396358893187117, 0.24705776043461664),
    ("generated_2", 3.1, [0, 0, 0, 0, 6, 7], 0.9998619508134937, 0.0003709840253016781),
    ("generated_2", -2.6, [2, 0, 1, 4, 6, 7], 0.9368995022597685, -0.052554483800800716),
    ("generated_2", -0.85, [2, 0, 1, 4, 6, 7], 0.7389785014473517, -0.1750498630723875),
    ("generated_2", 0.15, [2, 0, 1, 4, 6, 7], 0.5998455956668501, -0.05069972034565222),
    ("generated_2", 1.4, [2, 0, 1, 4, 6, 7], 0.9396358893187117, 0.24705776043461664),
    ("generated_2", 3.1, [2, 0, 1, 4, 6, 7], 0.9998619508134937, 0.0003709840253016781),
    ("generated_2", -2.6, [1, 2, 5, 2, 6, 7], 0.9368995022597685, -0.052554483800800716),
    ("generated_2", -0.85, [1, 2, 5, 2, 6, 7], 0.7389785014473517, -0.1750498630723875),
    ("generated_2", 0.15, [1, 2, 5, 2, 6, 7], 0.5998455956668501, -0.05069972034565222),
    ("generated_2", 1.4, [1, 2, 5, 2, 6, 7], 0.9396358893187117, 0.24705776043461664),
    ("generated_2", 3.1, [1, 2, 5, 2, 6, 7], 0.9998619508134937, 0.0003709840253016781),
    ("generated_2", -2.6, [0, 3, 3, 3, 6, 7], 0.9368995022597685, -0.052554483800800716),
    ("generated_2", -0.85, [0, 3, 3, 3, 6, 7], 0.7389785014473517, -0.1750498630723875),
    ("generated_2", 0.15, [0, 3, 3, 3, 6, 7], 0.5998455956668501, -0.05069972034565222),
    ("generated_2", 1.4, [0, 3, 3, 3, 6, 7], 0.9396358893187117, 0.24705776043461664),
    ("generated_2", 3.1, [0, 3, 3, 3, 6, 7], 0.9998619508134937, 0.0003709840253016781),
    ("generated_2", -2.6, [2, 2, 2, 6, 6, 7], 0.9368995022597685, -0.052554483800800716),
    ("generated_2", -0.85, [2, 2, 2, 6, 6, 7], 0.7389785014473517, -0.1750498630723875),
    ("generated_2", 0.15, [2, 2, 2, 6, 6, 7], 0.5998455956668501, -0.05069972034565222),
    ("generated_2", 1.4, [2, 2, 2, 6, 6, 7], 0.9396358893187117, 0.24705776043461664),
    ("generated_2", 3.1, [2, 2, 2, 6, 6, 7], 0.9998619508134937, 0.0003709840253016781),
    ("generated_3", -2.6, [0, 0, 0, 0, 6, 7], -5.6, 1.0),
    ("generated_3", -0.85, [0, 0, 0, 0, 6, 7], -1.85, 1.0),
    ("generated_3", 0.15, [0, 0, 0, 0, 6, 7], 0.15, 1.0),
    ("generated_3", 1.4, [0, 0, 0, 0, 6, 7], 2.4, 1.0),
    ("generated_3", 3.1, [0, 0, 0, 0, 6, 7], 6.1, 1.0),
    ("generated_3", -2.6, [2, 0, 1, 4, 6, 7], -5.6, 1.0),
    ("generated_3", -0.85, [2, 0, 1, 4, 6, 7], -1.85, 1.0),
    ("generated_3", 0.15, [2, 0, 1, 4, 6, 7], 0.15, 1.0),
    ("generated_3", 1.4, [2, 0, 1, 4, 6, 7], 2.4, 1.0),
    ("generated_3", 3.1, [2, 0, 1, 4, 6, 7], 6.1, 1.0),
    ("generated_3", -2.6, [1, 2, 5, 2, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", -0.85, [1, 2, 5, 2, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", 0.15, [1, 2, 5, 2, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", 1.4, [1, 2, 5, 2, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", 3.1, [1, 2, 5, 2, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", -2.6, [0, 3, 3, 3, 6, 7], -5.6, 1.0),
    ("generated_3", -0.85, [0, 3, 3, 3, 6, 7], -1.85, 1.0),
    ("generated_3", 0.15, [0, 3, 3, 3, 6, 7], 0.15, 1.0),
    ("generated_3", 1.4, [0, 3, 3, 3, 6, 7], 2.4, 1.0),
    ("generated_3", 3.1, [0, 3, 3, 3, 6, 7], 6.1, 1.0),
    ("generated_3", -2.6, [2, 2, 2, 6, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", -0.85, [2, 2, 2, 6, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", 0.15, [2, 2, 2, 6, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", 1.4, [2, 2, 2, 6, 6, 7], 3.726882251413538, 0.0),
    ("generated_3", 3.1, [2, 2, 2, 6, 6, 7], 3.726882251413538, 0.0),
    ("generated_4", -2.6, [0, 0, 0, 0, 6, 7], -2.6, 1.0),
    ("generated_4", -0.85, [0, 0, 0, 0, 6, 7], -0.85, 1.0),
    ("generated_4", 0.15, [0, 0, 0, 0, 6, 7], 0.15, 1.0),
    ("generated_4", 1.4, [0, 0, 0, 0, 6, 7], 1.4, 1.0),
    ("generated_4", 3.1, [0, 0, 0, 0, 6, 7], 3.1, 1.0),
    ("generated_4", -2.6, [2, 0, 1, 4, 6, 7], -2.6, 1.0),
    ("generated_4", -0.85, [2, 0, 1, 4, 6, 7], -0.85, 1.0),
    ("generated_4", 0.15, [2, 0, 1, 4, 6, 7], 0.15, 1.0),
    ("generated_4", 1.4, [2, 0, 1, 4, 6, 7], 1.4, 1.0),
    ("generated_4", 3.1, [2, 0, 1, 4, 6, 7], 3.1, 1.0),
    ("generated_4", -2.6, [1, 2, 5, 2, 6, 7], -2.6, 1.0),
    ("generated_4", -0.85, [1, 2, 5, 2, 6, 7], -0.85, 1.0),
    ("generated_4", 0.15, [1, 2, 5, 2, 6, 7], 0.15, 1.0),
    ("generated_4", 1.4, [1, 2, 5, 2, 6, 7], 1.4, 1.0),
    ("generated_4", 3.1, [1, 2, 5, 2, 6, 7], 3.1, 1.0),
    ("generated_4", -2.6, [0, 3, 3, 3, 6, 7], -2.6, 1.0),
    ("generated_4", -0.85, [0, 3, 3, 3, 6, 7], -0.85, 1.0),
    ("generated_4", 0.15, [0, 3, 3, 3, 6, 7], 0.15, 1.0),
    ("generated_4", 1.4, [0, 3, 3, 3, 6, 7], 1.4, 1.0),
    ("generated_4", 3.1, [0, 3, 3, 3, 6, 7], 3.1, 1.0),
    ("generated_4", -2.6, [2, 2, 2, 6, 6, 7], -2.6, 1.0),
    ("generated_4", -0.85, [2, 2, 2, 6, 6, 7], -0.85, 1.0),
    ("generated_4", 0.15, [2, 2, 2, 6, 6, 7], 0.15, 1.0),
    ("generated_4", 1.4, [2, 2, 2, 6, 6, 7], 1.4, 1.0),
    ("generated_4", 3.1, [2, 2, 2, 6, 6, 7], 3.1, 1.0),
    ("generated_5", -2.6, [0, 0, 0, 0, 6, 7], 0.5972010997422074, -0.5117349058686644),
    ("generated_5", -0.85, [0, 0, 0, 0, 6, 7], 0.47176211922125316, 0.3113550475530087),
    ("generated_5", 0.15, [0, 0, 0, 0, 6, 7], 1.1611816291545898, 1.1481428111387133),
    ("generated_5", 1.4, [0, 0, 0, 0, 6, 7], 2.6790164475727125, 0.45534477137668733),
    ("generated_5", 3.1, [0, 0, 0, 0, 6, 7], 1.0424572455982593, -1.0415556767342857),
    ("generated_5", -2.6, [2, 0, 1, 4, 6, 7], 0.5972010997422074, -0.5117349058686644),
    ("generated_5", -0.85, [2, 0, 1, 4, 6, 7], 0.47176211922125316, 0.3113550475530087),
    ("generated_5", 0.15, [2, 0, 1, 4, 6, 7], 1.1611816291545898, 1.1481428111387133),
    ("generated_5", 1.4, [2, 0, 1, 4, 6, 7], 2.6790164475727125, 0.45534477137668733),
    ("generated_5", 3.1, [2, 0, 1, 4, 6, 7], 1.0424572455982593, -1.0415556767342857),
    ("generated_5", -2.6, [1, 2, 5, 2, 6, 7], 0.5972010997422074, -0.5117349058686644),
    ("generated_5", -0.85, [1, 2, 5, 2, 6, 7], 0.47176211922125316, 0.3113550475530087),
    ("generated_5", 0.15, [1, 2, 5, 2, 6, 7], 1.1611816291545898, 1.1481428111387133),
    ("generated_5", 1.4, [1, 2, 5, 2, 6, 7], 2.6790164475727125, 0.45534477137668733),
    ("generated_5", 3.1, [1, 2, 5, 2, 6, 7], 1.0424572455982593, -1.0415556767342857),
    ("generated_5", -2.6, [0, 3, 3, 3, 6, 7], 0.5972010997422074, -0.5117349058686644),
    ("generated_5", -0.85, [0, 3, 3, 3, 6, 7], 0.47176211922125316, 0.3113550475530087),
    ("generated_5", 0.15, [0, 3, 3, 3, 6, 7], 1.1611816291545898, 1.1481428111387133),
    ("generated_5", 1.4, [0, 3, 3, 3, 6, 7], 2.6790164475727125, 0.45534477137668733),
    ("generated_5", 3.1, [0, 3, 3, 3, 6, 7], 1.0424572455982593, -1.0415556767342857),
    ("generated_5", -2.6, [2, 2, 2, 6, 6, 7], 0.5972010997422074, -0.5117349058686644),
    ("generated_5", -0.85, [2, 2, 2, 6, 6, 7], 0.47176211922125316, 0.3113550475530087),
    ("generated_5", 0.15, [2, 2, 2, 6, 6, 7], 1.1611816291545898, 1.1481428111387133),
    ("generated_5", 1.4, [2, 2, 2, 6, 6, 7], 2.6790164475727125, 0.45534477137668733),
    ("generated_5", 3.1, [2, 2, 2, 6, 6, 7], 1.0424572455982593, -1.0415556767342857),
    ("generated_6", -2.6, [0, 0, 0, 0, 6, 7], -2.6, 1.0),
    ("generated_6", -0.85, [0, 0, 0, 0, 6, 7], -0.85, 1.0),
    ("generated_6", 0.15, [0, 0, 0, 0, 6, 7], 0.15, 1.0),
    ("generated_6", 1.4, [0, 0, 0, 0, 6, 7], 1.4, 1.0),
    ("generated_6", 3.1, [0, 0, 0, 0, 6, 7], 3.1, 1.0),
    ("generated_6", -2.6, [2, 0, 1, 4, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", -0.85, [2, 0, 1, 4, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", 0.15, [2, 0, 1, 4, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", 1.4, [2, 0, 1, 4, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", 3.1, [2, 0, 1, 4, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", -2.6, [1, 2, 5, 2, 6, 7], -2.6, 1.0),
    ("generated_6", -0.85, [1, 2, 5, 2, 6, 7], -0.85, 1.0),
    ("generated_6", 0.15, [1, 2, 5, 2, 6, 7], 0.15, 1.0),
    ("generated_6", 1.4, [1, 2, 5, 2, 6, 7], 1.4, 1.0),
    ("generated_6", 3.1, [1, 2, 5, 2, 6, 7], 3.1, 1.0),
    ("generated_6", -2.6, [0, 3, 3, 3, 6, 7], -2.6, 1.0),
    ("generated_6", -0.85, [0, 3, 3, 3, 6, 7], -0.85, 1.0),
    ("generated_6", 0.15, [0, 3, 3, 3, 6, 7], 0.15, 1.0),
    ("generated_6", 1.4, [0, 3, 3, 3, 6, 7], 1.4, 1.0),
    ("generated_6", 3.1, [0, 3, 3, 3, 6, 7], 3.1, 1.0),
    ("generated_6", -2.6, [2, 2, 2, 6, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", -0.85, [2, 2, 2, 6, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", 0.15, [2, 2, 2, 6, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", 1.4, [2, 2, 2, 6, 6, 7], -1.886786110181672, 0.0),
    ("generated_6", 3.1, [2, 2, 2, 6, 6, 7], -1.886786110181672, 0.0),
    ("generated_7", -2.6, [0, 0, 0, 0, 6, 7], -0.19691790311225088, 0.003964009090436741),
    ("generated_7", -0.85, [0, 0, 0, 0, 6, 7], -0.1940616692622229, -0.0002651926637402915),
    ("generated_7", 0.15, [0, 0, 0, 0, 6, 7], -0.1954209034362696, -0.002669316251080403),
    ("generated_7", 1.4, [0, 0, 0, 0, 6, 7], -0.20078623962273945, -0.005470325870270704),
    ("generated_7", 3.1, [0, 0, 0, 0, 6, 7], -0.20977071116458867, -0.004349636258949844),
    ("generated_7", -2.6, [2, 0, 1, 4, 6, 7], -0.19691790311225088, 0.003964009090436741),
    ("generated_7", -0.85, [2, 0, 1, 4, 6, 7], -0.1940616692622229, -0.0002651926637402915),
    ("generated_7", 0.15, [2, 0, 1, 4, 6, 7], -0.1954209034362696, -0.002669316251080403),
    ("generated_7", 1.4, [2, 0, 1, 4, 6, 7], -0.20078623962273945, -0.005470325870270704),
    ("generated_7", 3.1, [2, 0, 1, 4, 6, 7], -0.20977071116458867, -0.004349636258949844),
    ("generated_7", -2.6, [1, 2, 5, 2, 6, 7], -0.19691790311225088, 0.003964009090436741),
    ("generated_7", -0.85, [1, 2, 5, 2, 6, 7], -0.1940616692622229, -0.0002651926637402915),
    ("generated_7", 0.15, [1, 2, 5, 2, 6, 7], -0.1954209034362696, -0.002669316251080403),
    ("generated_7", 1.4, [1, 2, 5, 2, 6, 7], -0.20078623962273945, -0.005470325870270704),
    ("generated_7", 3.1, [1, 2, 5, 2, 6, 7], -0.20977071116458867, -0.004349636258949844),
    ("generated_7", -2.6, [0, 3, 3, 3, 6, 7], -0.19691790311225088, 0.003964009090436741),
    ("generated_7", -0.85, [0, 3, 3, 3, 6, 7], -0.1940616692622229, -0.0002651926637402915),
    ("generated_7", 0.15, [0, 3, 3, 3, 6, 7], -0.1954209034362696, -0.002669316251080403),
    ("generated_7", 1.4, [0, 3, 3, 3, 6, 7], -0.20078623962273945, -0.005470325870270704),
    ("generated_7", 3.1, [0, 3, 3, 3, 6, 7], -0.20977071116458867, -0.004349636258949844),
    ("generated_7", -2.6, [2, 2, 2, 6, 6, 7], -0.19691790311225088, 0.003964009090436741),
    ("generated_7", -0.85, [2, 2, 2, 6, 6, 7], -0.1940616692622229, -0.0002651926637402915),
    ("generated_7", 0.15, [2, 2, 2, 6, 6, 7], -0.1954209034362696, -0.002669316251080403),
    ("generated_7", 1.4, [2, 2, 2, 6, 6, 7], -0.20078623962273945, -0.005470325870270704),
    ("generated_7", 3.1, [2, 2, 2, 6, 6, 7], -0.20977071116458867, -0.004349636258949844),
];

#[mask_mod(example(0.75, 3, -2))]
pub fn generated_mask_0(at: Position, a: f32, n: u32, k: i32) -> bool {
    (!((at.head % (at.queries >> 33))).is_multiple_of(2))
}

#[mask_mod(example(0.75, 3, -2))]
pub fn generated_mask_1(at: Position, a: f32, n: u32, k: i32) -> bool {
    let (x, y) = (
        ((-0.75f32 + ((-2f32)).sin().exp2())
            + (((core::f32::consts::PI + -0.75f32) + (0.5f32).ln())).powi(k % 5)),
        (((0.5f32 / (core::f32::consts::PI * core::f32::consts::PI + 0.75).recip())
            / (((match (true, true) {
                (true, _) => 1.25f32,
                (false, true) => 0f32,
                _ => 1.25f32,
            }))
                .sin()
                .cosh()
                * ((match (true, true) {
                    (true, _) => 1.25f32,
                    (false, true) => 0f32,
                    _ => 1.25f32,
                }))
                    .sin()
                    .cosh() + 1.5)) + (-((a).sin().exp()).sin().cosh())),
    );
    let (x, y) = (y, x);
    let v1 = ((((n / at.query)).max((at.query % n))).clamp(1, at.query))
        .is_multiple_of(2);
    match (k
        | ({
            let pair = (((v1 as i32)).min(0i32), k);
            pair.0
        }))
    {
        0 => {
            let a: f32 = ((!((true || v1) as u32)) as f32 * 0.125);
            return (!(3u32 != 1u32));
        }
        1..=3 | -2 => {}
        _ => {
            if v1 {
                return (((2f32).sin() as i32) >= k);
            }
        }
    }
    if v1 {
        let v2: u32 = 1u32;
        if v1 {
            return true;
        }
    }
    false
}

#[mask_mod(example(0.75, 3, -2))]
pub fn generated_mask_2(at: Position, a: f32, n: u32, k: i32) -> bool {
    let (x, a_): (f32, bool) = (
        ((((0f32 + 0f32) * 0.7f32).cos() * ((0f32 + 0f32) * 0.7f32).cos() + 0.75).tan()
            + (((-1.25f32) + (--0.75f32))
                % (match ((at.keys > at.queries), (1u32).is_multiple_of(2)) {
                    (true, _) => (-0f32),
                    (false, true) => (core::f32::consts::PI).mul_add(0f32, 0.25),
                    _ => (-0f32),
                }))),
        ((((u32::MAX as i32) < (at.queries as i32)) == ((k as u32)).is_multiple_of(2))
            != (n <= (u32::MAX * (at.key).saturating_sub(n)))),
    );
    let x: i32 = if ((match ((false as u32) / (at.key % 3u32)) {
        0 | 4..=6 => 1u32,
        1..3 if (!(a_ || false)) => {
            let v1 = 2i32;
            ((-1i32 as u32)).max((3u32 << at.queries))
        }
        _ => 1u32,
    }) < 1u32)
    {
        return true
    } else {
        k
    };
    let score: u32 = if false {
        let score: u32 = at.query;
        return a_;
    } else {
        3u32
    };
    a_
}

#[mask_mod(example(0.75, 3, -2))]
pub fn generated_mask_3(at: Position, a: f32, n: u32, k: i32) -> bool {
    let (score, v1_): (f32, f32) = (
        ((((a % -0.75f32)).mul_add(2f32, 0.25)).sin().sinh()
            * (((a % -0.75f32)).mul_add(2f32, 0.25)).sin().sinh() + 0.5)
            .powf(
                (((-(a * 0.7f32).cos()) + ((0f32 * 0f32 + 0.75).tan() * 0.7f32).sin()))
                    .sin(),
            ),
        ((((true != true) as i32) as f32 * 0.25) * 0.7f32).tanh(),
    );
    return ((((at.key << 3) >> 33) ^ (3u32 << 3)) < (at.query * (at.keys - n)));
}

/// Mask, position, and whether the key is seen.
pub const EXPECTED_MASKS: &[(&str, [u32; 6], bool)] = &[
    ("generated_mask_0", [0, 0, 0, 0, 6, 7], false),
    ("generated_mask_0", [1, 1, 0, 1, 6, 7], true),
    ("generated_mask_0", [2, 2, 0, 2, 6, 7], false),
    ("generated_mask_0", [0, 3, 0, 3, 6, 7], false),
    ("generated_mask_0", [1, 0, 0, 4, 6, 7], false),
    ("generated_mask_0", [2, 1, 0, 5, 6, 7], true),
    ("generated_mask_0", [0, 2, 0, 6, 6, 7], false),
    ("generated_mask_0", [1, 0, 1, 0, 6, 7], false),
    ("generated_mask_0", [2, 1, 1, 1, 6, 7], true),
    ("generated_mask_0", [0, 2, 1, 2, 6, 7], false),
    ("generated_mask_0", [1, 3, 1, 3, 6, 7], false),
    ("generated_mask_0", [2, 0, 1, 4, 6, 7], false),
    ("generated_mask_0", [0, 1, 1, 5, 6, 7], true),
    ("generated_mask_0", [1, 2, 1, 6, 6, 7], false),
    ("generated_mask_0", [2, 0, 2, 0, 6, 7], false),
    ("generated_mask_0", [0, 1, 2, 1, 6, 7], true),
    ("generated_mask_0", [1, 2, 2, 2, 6, 7], false),
    ("generated_mask_0", [2, 3, 2, 3, 6, 7], false),
    ("generated_mask_0", [0, 0, 2, 4, 6, 7], false),
    ("generated_mask_0", [1, 1, 2, 5, 6, 7], true),
    ("generated_mask_0", [2, 2, 2, 6, 6, 7], false),
    ("generated_mask_0", [0, 0, 3, 0, 6, 7], false),
    ("generated_mask_0", [1, 1, 3, 1, 6, 7], true),
    ("generated_mask_0", [2, 2, 3, 2, 6, 7], false),
    ("generated_mask_0", [0, 3, 3, 3, 6, 7], false),
    ("generated_mask_0", [1, 0, 3, 4, 6, 7], false),
    ("generated_mask_0", [2, 1, 3, 5, 6, 7], true),
    ("generated_mask_0", [0, 2, 3, 6, 6, 7], false),
    ("generated_mask_0", [1, 0, 4, 0, 6, 7], false),
    ("generated_mask_0", [2, 1, 4, 1, 6, 7], true),
    ("generated_mask_0", [0, 2, 4, 2, 6, 7], false),
    ("generated_mask_0", [1, 3, 4, 3, 6, 7], false),
    ("generated_mask_0", [2, 0, 4, 4, 6, 7], false),
    ("generated_mask_0", [0, 1, 4, 5, 6, 7], true),
    ("generated_mask_0", [1, 2, 4, 6, 6, 7], false),
    ("generated_mask_0", [2, 0, 5, 0, 6, 7], false),
    ("generated_mask_0", [0, 1, 5, 1, 6, 7], true),
    ("generated_mask_0", [1, 2, 5, 2, 6, 7], false),
    ("generated_mask_0", [2, 3, 5, 3, 6, 7], false),
    ("generated_mask_0", [0, 0, 5, 4, 6, 7], false),
    ("generated_mask_0", [1, 1, 5, 5, 6, 7], true),
    ("generated_mask_0", [2, 2, 5, 6, 6, 7], false),
    ("generated_mask_1", [0, 0, 0, 0, 6, 7], true),
    ("generated_mask_1", [1, 1, 0, 1, 6, 7], true),
    ("generated_mask_1", [2, 2, 0, 2, 6, 7], true),
    ("generated_mask_1", [0, 3, 0, 3, 6, 7], true),
    ("generated_mask_1", [1, 0, 0, 4, 6, 7], true),
    ("generated_mask_1", [2, 1, 0, 5, 6, 7], true),
    ("generated_mask_1", [0, 2, 0, 6, 6, 7], true),
    ("generated_mask_1", [1, 0, 1, 0, 6, 7], false),
    ("generated_mask_1", [2, 1, 1, 1, 6, 7], false),
    ("generated_mask_1", [0, 2, 1, 2, 6, 7], false),
    ("generated_mask_1", [1, 3, 1, 3, 6, 7], false),
    ("generated_mask_1", [2, 0, 1, 4, 6, 7], false),
    ("generated_mask_1", [0, 1, 1, 5, 6, 7], false),
    ("generated_mask_1", [1, 2, 1, 6, 6, 7], false),
    ("generated_mask_1", [2, 0, 2, 0, 6, 7], true),
    ("generated_mask_1", [0, 1, 2, 1, 6, 7], true),
    ("generated_mask_1", [1, 2, 2, 2, 6, 7], true),
    ("generated_mask_1", [2, 3, 2, 3, 6, 7], true),
    ("generated_mask_1", [0, 0, 2, 4, 6, 7], true),
    ("generated_mask_1", [1, 1, 2, 5, 6, 7], true),
    ("generated_mask_1", [2, 2, 2, 6, 6, 7], true),
    ("generated_mask_1", [0, 0, 3, 0, 6, 7], false),
    ("generated_mask_1", [1, 1, 3, 1, 6, 7], false),
    ("generated_mask_1", [2, 2, 3, 2, 6, 7], false),
    ("generated_mask_1", [0, 3, 3, 3, 6, 7], false),
    ("generated_mask_1", [1, 0, 3, 4, 6, 7], false),
    ("generated_mask_1", [2, 1, 3, 5, 6, 7], false),
    ("generated_mask_1", [0, 2, 3, 6, 6, 7], false),
    ("generated_mask_1", [1, 0, 4, 0, 6, 7], false),
    ("generated_mask_1", [2, 1, 4, 1, 6, 7], false),
    ("generated_mask_1", [0, 2, 4, 2, 6, 7], false),
    ("generated_mask_1", [1, 3, 4, 3, 6, 7], false),
    ("generated_mask_1", [2, 0, 4, 4, 6, 7], false),
    ("generated_mask_1", [0, 1, 4, 5, 6, 7], false),
    ("generated_mask_1", [1, 2, 4, 6, 6, 7], false),
    ("generated_mask_1", [2, 0, 5, 0, 6, 7], true),
    ("generated_mask_1", [0, 1, 5, 1, 6, 7], true),
    ("generated_mask_1", [1, 2, 5, 2, 6, 7], true),
    ("generated_mask_1", [2, 3, 5, 3, 6, 7], true),
    ("generated_mask_1", [0, 0, 5, 4, 6, 7], true),
    ("generated_mask_1", [1, 1, 5, 5, 6, 7], true),
    ("generated_mask_1", [2, 2, 5, 6, 6, 7], true),
    ("generated_mask_2", [0, 0, 0, 0, 6, 7], true),
    ("generated_mask_2", [1, 1, 0, 1, 6, 7], true),
    ("generated_mask_2", [2, 2, 0, 2, 6, 7], true),
    ("generated_mask_2", [0, 3, 0, 3, 6, 7], true),
    ("generated_mask_2", [1, 0, 0, 4, 6, 7], false),
    ("generated_mask_2", [2, 1, 0, 5, 6, 7], false),
    ("generated_mask_2", [0, 2, 0, 6, 6, 7], false),
    ("generated_mask_2", [1, 0, 1, 0, 6, 7], true),
    ("generated_mask_2", [2, 1, 1, 1, 6, 7], true),
    ("generated_mask_2", [0, 2, 1, 2, 6, 7], true),
    ("generated_mask_2", [1, 3, 1, 3, 6, 7], true),
    ("generated_mask_2", [2, 0, 1, 4, 6, 7], false),
    ("generated_mask_2", [0, 1, 1, 5, 6, 7], false),
    ("generated_mask_2", [1, 2, 1, 6, 6, 7], false),
    ("generated_mask_2", [2, 0, 2, 0, 6, 7], true),
    ("generated_mask_2", [0, 1, 2, 1, 6, 7], true),
    ("generated_mask_2", [1, 2, 2, 2, 6, 7], true),
    ("generated_mask_2", [2, 3, 2, 3, 6, 7], true),
    ("generated_mask_2", [0, 0, 2, 4, 6, 7], false),
    ("generated_mask_2", [1, 1, 2, 5, 6, 7], false),
    ("generated_mask_2", [2, 2, 2, 6, 6, 7], false),
    ("generated_mask_2", [0, 0, 3, 0, 6, 7], true),
    ("generated_mask_2", [1, 1, 3, 1, 6, 7], true),
    ("generated_mask_2", [2, 2, 3, 2, 6, 7], true),
    ("generated_mask_2", [0, 3, 3, 3, 6, 7], true),
    ("generated_mask_2", [1, 0, 3, 4, 6, 7], false),
    ("generated_mask_2", [2, 1, 3, 5, 6, 7], false),
    ("generated_mask_2", [0, 2, 3, 6, 6, 7], false),
    ("generated_mask_2", [1, 0, 4, 0, 6, 7], true),
    ("generated_mask_2", [2, 1, 4, 1, 6, 7], true),
    ("generated_mask_2", [0, 2, 4, 2, 6, 7], true),
    ("generated_mask_2", [1, 3, 4, 3, 6, 7], true),
    ("generated_mask_2", [2, 0, 4, 4, 6, 7], false),
    ("generated_mask_2", [0, 1, 4, 5, 6, 7], false),
    ("generated_mask_2", [1, 2, 4, 6, 6, 7], false),
    ("generated_mask_2", [2, 0, 5, 0, 6, 7], true),
    ("generated_mask_2", [0, 1, 5, 1, 6, 7], true),
    ("generated_mask_2", [1, 2, 5, 2, 6, 7], true),
    ("generated_mask_2", [2, 3, 5, 3, 6, 7], true),
    ("generated_mask_2", [0, 0, 5, 4, 6, 7], false),
    ("generated_mask_2", [1, 1, 5, 5, 6, 7], false),
    ("generated_mask_2", [2, 2, 5, 6, 6, 7], false),
    ("generated_mask_3", [0, 0, 0, 0, 6, 7], false),
    ("generated_mask_3", [1, 1, 0, 1, 6, 7], false),
    ("generated_mask_3", [2, 2, 0, 2, 6, 7], false),
    ("generated_mask_3", [0, 3, 0, 3, 6, 7], false),
    ("generated_mask_3", [1, 0, 0, 4, 6, 7], false),
    ("generated_mask_3", [2, 1, 0, 5, 6, 7], false),
    ("generated_mask_3", [0, 2, 0, 6, 6, 7], false),
    ("generated_mask_3", [1, 0, 1, 0, 6, 7], false),
    ("generated_mask_3", [2, 1, 1, 1, 6, 7], false),
    ("generated_mask_3", [0, 2, 1, 2, 6, 7], false),
    ("generated_mask_3", [1, 3, 1, 3, 6, 7], false),
    ("generated_mask_3", [2, 0, 1, 4, 6, 7], false),
    ("generated_mask_3", [0, 1, 1, 5, 6, 7], false),
    ("generated_mask_3", [1, 2, 1, 6, 6, 7], true),
    ("generated_mask_3", [2, 0, 2, 0, 6, 7], false),
    ("generated_mask_3", [0, 1, 2, 1, 6, 7], false),
    ("generated_mask_3", [1, 2, 2, 2, 6, 7], false),
    ("generated_mask_3", [2, 3, 2, 3, 6, 7], false),
    ("generated_mask_3", [0, 0, 2, 4, 6, 7], false),
    ("generated_mask_3", [1, 1, 2, 5, 6, 7], false),
    ("generated_mask_3", [2, 2, 2, 6, 6, 7], true),
    ("generated_mask_3", [0, 0, 3, 0, 6, 7], false),
    ("generated_mask_3", [1, 1, 3, 1, 6, 7], false),
    ("generated_mask_3", [2, 2, 3, 2, 6, 7], false),
    ("generated_mask_3", [0, 3, 3, 3, 6, 7], false),
    ("generated_mask_3", [1, 0, 3, 4, 6, 7], true),
    ("generated_mask_3", [2, 1, 3, 5, 6, 7], false),
    ("generated_mask_3", [0, 2, 3, 6, 6, 7], true),
    ("generated_mask_3", [1, 0, 4, 0, 6, 7], false),
    ("generated_mask_3", [2, 1, 4, 1, 6, 7], false),
    ("generated_mask_3", [0, 2, 4, 2, 6, 7], false),
    ("generated_mask_3", [1, 3, 4, 3, 6, 7], false),
    ("generated_mask_3", [2, 0, 4, 4, 6, 7], true),
    ("generated_mask_3", [0, 1, 4, 5, 6, 7], true),
    ("generated_mask_3", [1, 2, 4, 6, 6, 7], true),
    ("generated_mask_3", [2, 0, 5, 0, 6, 7], false),
    ("generated_mask_3", [0, 1, 5, 1, 6, 7], false),
    ("generated_mask_3", [1, 2, 5, 2, 6, 7], true),
    ("generated_mask_3", [2, 3, 5, 3, 6, 7], false),
    ("generated_mask_3", [0, 0, 5, 4, 6, 7], true),
    ("generated_mask_3", [1, 1, 5, 5, 6, 7], true),
    ("generated_mask_3", [2, 2, 5, 6, 6, 7], true),
];
