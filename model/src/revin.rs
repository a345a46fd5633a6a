//! Reversible instance normalisation (Kim et al., ICLR 2022): each window of each channel is
//! brought to mean 0 and deviation 1, and the forecast is brought back.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

const EPSILON: f64 = 1e-5;

/// RevIN over series laid out `[batch, channels, time]`.
#[derive(Module, Debug)]
pub struct RevIn {
    /// A learned gain and bias for each channel, if affine: `[channels]` each.
    pub gain: Option<Param<Tensor<1>>>,
    pub bias: Option<Param<Tensor<1>>>,
    subtract_last: bool,
}

/// What a window was normalised by: `[batch, channels, 1]` each.
pub struct WindowStatistics {
    centre: Tensor<3>,
    deviation: Tensor<3>,
}

impl RevIn {
    pub fn new(channels: usize, affine: bool, subtract_last: bool, device: &Device) -> Self {
        let affine = affine.then(|| {
            (
                Param::from_tensor(Tensor::ones([channels], device)),
                Param::from_tensor(Tensor::zeros([channels], device)),
            )
        });
        let (gain, bias) = affine.unzip();
        Self { gain, bias, subtract_last }
    }

    /// `x`: `[batch, channels, context]`, normalised, with what [`denormalise`](Self::denormalise)
    /// needs.
    pub fn normalise(&self, x: Tensor<3>) -> (Tensor<3>, WindowStatistics) {
        let [_, _, time] = x.dims();
        let mean = x.clone().mean_dim(2);
        // The deviation is always taken around the mean, whatever is subtracted.
        let deviation = ((x.clone() - mean.clone()).square().mean_dim(2) + EPSILON).sqrt();
        let centre = if self.subtract_last { x.clone().narrow(2, time - 1, 1) } else { mean };
        let mut x = (x - centre.clone()) / deviation.clone();
        if let (Some(gain), Some(bias)) = (&self.gain, &self.bias) {
            x = x * per_channel(gain) + per_channel(bias);
        }
        (x, WindowStatistics { centre, deviation })
    }

    /// The inverse, for `y`: `[batch, channels, horizon]`.
    pub fn denormalise(&self, mut y: Tensor<3>, window: WindowStatistics) -> Tensor<3> {
        if let (Some(gain), Some(bias)) = (&self.gain, &self.bias) {
            // The official code guards against a gain of zero in the same way.
            y = (y - per_channel(bias)) / (per_channel(gain) + EPSILON * EPSILON);
        }
        y * window.deviation + window.centre
    }
}

fn per_channel(parameter: &Param<Tensor<1>>) -> Tensor<3> {
    let value = parameter.val();
    let [channels] = value.dims();
    value.reshape([1, channels, 1])
}
