//! The linear layer, initialised as PyTorch initialises it.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::ops;

/// `y = x W + b` with `W` of shape `[inputs, outputs]`; `b` may be absent.
#[derive(Module, Debug)]
pub struct Linear {
    pub weight: Param<Tensor<2>>,
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// Weights and bias from U(-1/sqrt(inputs), 1/sqrt(inputs)), the default of `torch.nn.Linear`.
    pub fn new(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let bound = (1.0 / inputs as f32).sqrt();
        Self {
            weight: Param::from_tensor(uniform([inputs, outputs], bound, rng, device)),
            bias: Some(Param::from_tensor(uniform([outputs], bound, rng, device))),
        }
    }

    pub fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    /// `[rows, inputs] -> [rows, outputs]`, in the type of `x`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let dtype = x.dtype().into();
        self.forward_as(x, dtype)
    }

    /// The same, written as `dtype`.
    pub fn forward_as(&self, x: Tensor<2>, dtype: FloatDType) -> Tensor<2> {
        let weight = self.weight.val();
        let bias = match &self.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([weight.dims()[1]], &x.device()),
        };
        ops::linear(x, weight, bias, dtype)
    }
}

/// A tensor from U(-bound, bound), drawn on the host: a seed gives the same weights on every device.
pub fn uniform<const D: usize>(
    shape: [usize; D],
    bound: f32,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| rng.random_range(-bound..=bound)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
