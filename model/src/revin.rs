//! Reversible instance normalisation (Kim et al., ICLR 2022): each window of each channel is
//! brought to a common level and spread, and the forecast is brought back.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::config::Scaling;

const EPSILON: f64 = 1e-5;
/// The least mean absolute value to divide by, as Hugging Face's mean scaler has it.
const SMALLEST_MEAN: f64 = 1e-10;

/// RevIN over series laid out `[batch, channels, time]`.
#[derive(Module, Debug)]
pub struct RevIn {
    /// A learned gain and bias for each channel, if affine: `[channels]` each.
    pub gain: Option<Param<Tensor<1>>>,
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    scaling: Scaling,
}

/// What a window was normalised by: `[batch, channels, 1]` each.
#[derive(Clone)]
pub struct Window {
    pub centre: Tensor<3>,
    pub spread: Tensor<3>,
}

impl RevIn {
    pub fn new(channels: usize, scaling: Scaling, affine: bool, device: &Device) -> Self {
        let affine = affine.then(|| {
            (
                Param::from_tensor(Tensor::ones([channels], device)),
                Param::from_tensor(Tensor::zeros([channels], device)),
            )
        });
        let (gain, bias) = affine.unzip();
        Self { gain, bias, scaling }
    }

    /// `x`: `[batch, channels, context]`, normalised, with what [`denormalise`](Self::denormalise)
    /// needs.
    pub fn normalise(&self, x: Tensor<3>) -> (Tensor<3>, Window) {
        let window = self.window(&x);
        let mut x = (x - window.centre.clone()) / window.spread.clone();
        if let (Some(gain), Some(bias)) = (&self.gain, &self.bias) {
            x = x * per_channel(gain) + per_channel(bias);
        }
        (x, window)
    }

    fn window(&self, x: &Tensor<3>) -> Window {
        let [batch, channels, time] = x.dims();
        let constant = |value: f64| Tensor::full([batch, channels, 1], value, &x.device());
        let mean = x.clone().mean_dim(2);
        // It is always taken around the mean, whatever is subtracted.
        let deviation =
            |mean: Tensor<3>| ((x.clone() - mean).square().mean_dim(2) + EPSILON).sqrt();
        let (centre, spread) = match self.scaling {
            Scaling::Std => (mean.clone(), deviation(mean)),
            Scaling::Last => (x.clone().narrow(2, time - 1, 1), deviation(mean)),
            Scaling::Mean => (constant(0.0), x.clone().abs().mean_dim(2).clamp_min(SMALLEST_MEAN)),
            Scaling::None => (constant(0.0), constant(1.0)),
        };
        Window { centre, spread }
    }

    /// The inverse, for `y`: `[batch, channels, horizon]`.
    pub fn denormalise(&self, mut y: Tensor<3>, window: &Window) -> Tensor<3> {
        if let (Some(gain), Some(bias)) = (&self.gain, &self.bias) {
            // The official code guards against a gain of zero in the same way.
            y = (y - per_channel(bias)) / (per_channel(gain) + EPSILON * EPSILON);
        }
        y * window.spread.clone() + window.centre.clone()
    }

    /// The inverse for a scale instead of a place.
    pub fn spread(&self, mut scale: Tensor<3>, window: &Window) -> Tensor<3> {
        if let Some(gain) = &self.gain {
            scale = scale / (per_channel(gain).abs() + EPSILON * EPSILON);
        }
        scale * window.spread.clone()
    }
}

fn per_channel(parameter: &Param<Tensor<1>>) -> Tensor<3> {
    let value = parameter.val();
    let [channels] = value.dims();
    value.reshape([1, channels, 1])
}
