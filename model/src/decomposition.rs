//! Parting a series into trend and season by a moving average (Wu et al., "Autoformer", NeurIPS
//! 2021, section 3.1; `series_decomp` in the official code).

use burn::nn::pool::AvgPool1dConfig;
use burn::tensor::Tensor;

/// The moving average of `steps` (odd) values around each, the ends repeated, and what is left:
/// `(trend, season)`, each `[batch, channels, time]` as `x`.
pub fn decompose(x: Tensor<3>, steps: usize) -> (Tensor<3>, Tensor<3>) {
    let [batch, channels, time] = x.dims();
    let reach = steps / 2;
    let end = |at: usize| x.clone().narrow(2, at, 1).expand([batch, channels, reach]);
    let padded = match reach {
        0 => x.clone(),
        _ => Tensor::cat(vec![end(0), x.clone(), end(time - 1)], 2),
    };
    let trend = AvgPool1dConfig::new(steps).with_stride(1).init().forward(padded);
    let season = x - trend.clone();
    (trend, season)
}
