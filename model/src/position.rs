//! Positional encodings, by the names of the official code (`positional_encoding`).

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use crate::config::{ModelConfig, PositionKind};

/// The encoding of every token, `[tokens, d_model]`, or `[tokens, 1]` for those with one number for
/// each token; nothing for `none`.
pub fn encoding(
    config: &ModelConfig,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Option<Param<Tensor<2>>> {
    let (tokens, features) = (config.tokens(), config.d_model);
    let (values, width) = match config.position {
        PositionKind::None => return None,
        PositionKind::Zeros => (uniform(tokens * features, -0.02, 0.02, rng), features),
        PositionKind::Zero => (uniform(tokens, -0.02, 0.02, rng), 1),
        PositionKind::Uniform => (uniform(tokens, 0.0, 0.1, rng), 1),
        PositionKind::Normal => (normal(tokens, 0.1, rng), 1),
        PositionKind::Random => (normal(tokens * features, 1.0, rng), features),
        PositionKind::Lin1d => (standardised(line(tokens, 1.0)), 1),
        PositionKind::Exp1d => (standardised(line(tokens, 0.5)), 1),
        PositionKind::Lin2d => (standardised(plane(tokens, features, 1.0)), features),
        PositionKind::Exp2d => (standardised(plane(tokens, features, 0.5)), features),
        PositionKind::Sincos => (standardised(sines(tokens, features)), features),
    };
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    let values = Tensor::from_data(TensorData::new(values, [tokens, width]), device);
    Some(Param::from_tensor(values).set_require_grad(config.learn_position))
}

fn uniform(count: usize, low: f64, high: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..count).map(|_| rng.random_range(low..=high)).collect()
}

fn normal(count: usize, deviation: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    match Normal::new(0.0, deviation) {
        Ok(normal) => (0..count).map(|_| normal.sample(rng)).collect(),
        Err(error) => unreachable!("a deviation of {deviation}: {error}"),
    }
}

/// `steps` numbers from 0 to 1.
fn ramp(steps: usize) -> impl Iterator<Item = f64> {
    (0..steps).map(move |step| step as f64 / (steps.max(2) - 1) as f64)
}

/// From -1 to 1, by a power of the token's place.
fn line(tokens: usize, power: f64) -> Vec<f64> {
    ramp(tokens).map(|at| 2.0 * at.powf(power) - 1.0).collect()
}

/// `2 (token feature)^power - 1`, the power moved in steps of 0.001 until the mean is near zero, as
/// the official `Coord2dPosEncoding` does.
fn plane(tokens: usize, features: usize, power: f64) -> Vec<f64> {
    let at = |power: f64| -> Vec<f64> {
        let product = |token: f64| {
            ramp(features).map(move |feature| 2.0 * token.powf(power) * feature.powf(power) - 1.0)
        };
        ramp(tokens).flat_map(product).collect()
    };
    let mut power = power;
    for _ in 0..100 {
        let mean = mean(&at(power));
        if mean.abs() <= 1e-3 {
            break;
        }
        power += if mean > 0.0 { 0.001 } else { -0.001 };
    }
    at(power)
}

/// "Attention Is All You Need", section 3.5: even features are sines, odd ones cosines.
fn sines(tokens: usize, features: usize) -> Vec<f64> {
    let angle = |token: usize, feature: usize| {
        let even = feature / 2 * 2;
        token as f64 * (even as f64 * -(10_000.0_f64.ln() / features as f64)).exp()
    };
    let value = |token: usize, feature: usize| match feature % 2 {
        0 => angle(token, feature).sin(),
        _ => angle(token, feature).cos(),
    };
    (0..tokens).flat_map(|token| (0..features).map(move |feature| value(token, feature))).collect()
}

/// Centred, with a deviation of 0.1.
fn standardised(values: Vec<f64>) -> Vec<f64> {
    let mean = mean(&values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (values.len().max(2) - 1) as f64).sqrt();
    // A single token has no deviation and stays where it is.
    let scale = if deviation > 0.0 { 0.1 / deviation } else { 0.0 };
    values.into_iter().map(|value| (value - mean) * scale).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
