//! A small model that forecasts the next value of a series from attention over its past.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use tilewright::burn::{Attention, attention};
use tilewright::prelude::Variant as _;

use crate::{fading_with_dropout, same_season, seasonal_bias};

/// Steps of a season.
pub const PERIOD: usize = 6;
const HEADS: usize = 2;
const HEAD_DIM: usize = 4;

/// Attention whose values are the series: a forecast is a mean of what was seen, weighted by
/// likeness, step of the season and distance.
#[derive(Module, Debug)]
pub struct Forecaster {
    queries: Linear,
    keys: Linear,
    /// `[heads, period]`
    bias: Param<Tensor<2>>,
    /// `[1, heads, 1, 1]`: the share of each head.
    shares: Param<Tensor<4>>,
}

impl Forecaster {
    /// Untrained.
    pub fn new(device: &Device) -> Self {
        let project = || LinearConfig::new(1, HEADS * HEAD_DIM).init(device);
        Self {
            queries: project(),
            keys: project(),
            bias: Initializer::Zeros.init([HEADS, PERIOD], device),
            shares: Initializer::Constant { value: 1.0 / HEADS as f64 }
                .init([1, HEADS, 1, 1], device),
        }
    }

    /// `[batch, seq]` to the forecast of the value after each: `[batch, seq]`.
    pub fn forward(&self, series: Tensor<2>, dropout: Option<u32>) -> Tensor<2> {
        let [batch, seq] = series.dims();
        let tokens = series.clone().reshape([batch, seq, 1]);
        let split = |x: Tensor<3>| x.reshape([batch, seq, HEADS, HEAD_DIM]).swap_dims(1, 2);
        let q = split(self.queries.forward(tokens.clone()));
        let k = split(self.keys.forward(tokens));
        let v = series.reshape([batch, 1, seq, 1]).repeat_dim(1, HEADS);
        let (p, seed) = dropout.map_or((0.0, 0), |seed| (0.1, seed));
        let operator = Attention::learned([(&self.bias).into()], move |[bias]| {
            seasonal_bias(bias, PERIOD as u32)
                .and(same_season(3, PERIOD as u32))
                .and(fading_with_dropout(0.5, p, seed))
        });
        let seen = attention(q, k, v, &operator);
        (seen * self.shares.val()).sum_dim(1).reshape([batch, seq])
    }
}

/// Series with a season, a level of their own and noise: `[count, len]`.
pub fn series(count: usize, len: usize, seed: u64, device: &Device) -> Tensor<2> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let mut values = Vec::with_capacity(count * len);
    for _ in 0..count {
        let (level, amplitude, shift) = (noise(), 1.0 + noise().abs(), noise() * PERIOD as f32);
        values.extend((0..len).map(|step| {
            let angle = (step as f32 + shift) * std::f32::consts::TAU / PERIOD as f32;
            level + amplitude * angle.sin() + 0.1 * noise()
        }));
    }
    Tensor::from_data(TensorData::new(values, [count, len]), device)
}

/// Mean squared error of forecasts of everything after the first season.
pub fn error(forecast: Tensor<2>, series: Tensor<2>) -> Tensor<1> {
    let [count, len] = series.dims();
    let forecast = forecast.slice([0..count, PERIOD - 1..len - 1]);
    (forecast - series.slice([0..count, PERIOD..len])).square().mean()
}

/// Trains for so many steps; returns the model and the error of each step.
pub fn train(device: &Device, steps: u32) -> (Forecaster, Vec<f32>) {
    let device = &device.clone().autodiff();
    let mut model = Forecaster::new(device);
    let mut optimizer = AdamConfig::new().init();
    let mut errors = Vec::new();
    for step in 0..steps {
        let series = series(32, 4 * PERIOD, u64::from(step) + 1, device);
        let loss = error(model.forward(series.clone(), Some(step)), series);
        errors.push(loss.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(0.05, model, gradients);
    }
    (model, errors)
}
