//! Gradients of learned parameters beside those that Burn derives from its own operations.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{compare, normals};
use crate::burn::{Attention, attention};
use crate::language::Variant as _;
use crate::random::Random;
use crate::variants::{per_head_scale, relative_bias, temperature};

const BATCH: usize = 3;
const HEADS: usize = 2;
const SEQ: usize = 7;
const DIM: usize = 5;

/// The tensors of a comparison: what is attended to, and what is learned.
struct Inputs {
    /// `[batch, heads, seq, dim]`
    x: Tensor<4>,
    /// `[heads, 2 * seq - 1]`
    bias: Tensor<2>,
    /// `[heads]`
    scales: Tensor<1>,
    /// One number.
    t: Tensor<1>,
}

type Operator = fn(&Inputs) -> Attention;
/// What becomes of the scores `[batch, heads, seq, seq]`.
type Scores = fn(Tensor<4>, &Inputs) -> Tensor<4>;

const CASES: [(&str, Operator, Scores); 3] = [
    (
        "a relative bias",
        |inputs| Attention::learned([(&inputs.bias).into()], |[bias]| relative_bias(bias)),
        |scores, inputs| scores + by_distance(inputs),
    ),
    (
        "parameters of several functions, in another order",
        |inputs| {
            let parameters = [(&inputs.t).into(), (&inputs.bias).into(), (&inputs.scales).into()];
            Attention::learned(parameters, |[t, bias, scales]| {
                relative_bias(bias).and(per_head_scale(scales)).and(temperature(t))
            })
        },
        |scores, inputs| {
            let t = inputs.t.clone().reshape([1, 1, 1, 1]);
            (scores + by_distance(inputs)) * by_head(inputs) * t
        },
    ),
    (
        "a parameter that two functions share",
        |inputs| {
            let parameters = [(&inputs.scales).into(), (&inputs.bias).into()];
            Attention::learned(parameters, |[scales, bias]| {
                let before = per_head_scale(scales.clone());
                before.and(relative_bias(bias)).and(per_head_scale(scales))
            })
        },
        |scores, inputs| (scores * by_head(inputs) + by_distance(inputs)) * by_head(inputs),
    ),
];

/// `[1, heads, seq, seq]`: the bias at `key - query + seq - 1`.
fn by_distance(inputs: &Inputs) -> Tensor<4> {
    let pairs = (0..SEQ).flat_map(|query| (0..SEQ).map(move |key| key + SEQ - 1 - query));
    let places = TensorData::new(pairs.map(|place| place as i32).collect(), [SEQ * SEQ]);
    let places = Tensor::<1, Int>::from_data(places, &inputs.bias.device());
    inputs.bias.clone().select(1, places).reshape([1, HEADS, SEQ, SEQ])
}

/// `[1, heads, 1, 1]`
fn by_head(inputs: &Inputs) -> Tensor<4> {
    inputs.scales.clone().reshape([1, HEADS, 1, 1])
}

pub fn check(device: &Device) -> Result<usize, String> {
    let host = Device::flex();
    let mut random = Random::new(1);
    let x = normals(&mut random, [BATCH, HEADS, SEQ, DIM]);
    let weights = normals(&mut random, [BATCH, HEADS, SEQ, DIM]);
    let bias = normals(&mut random, [HEADS, 2 * SEQ - 1]);
    let scales = TensorData::new(vec![0.8f32, -1.3], [HEADS]);
    let t = TensorData::new(vec![0.7f32], [1]);
    let on = |device: &Device| {
        let device = &device.clone().autodiff();
        let inputs = Inputs {
            x: Tensor::from_data(x.clone(), device).require_grad(),
            bias: Tensor::from_data(bias.clone(), device).require_grad(),
            scales: Tensor::from_data(scales.clone(), device).require_grad(),
            t: Tensor::from_data(t.clone(), device).require_grad(),
        };
        (inputs, Tensor::<4>::from_data(weights.clone(), device))
    };
    for (name, operator, scores) in CASES {
        let (inputs, weights) = on(device);
        let x = || inputs.x.clone();
        let found = run(&inputs, weights, attention(x(), x(), x(), &operator(&inputs)));
        let (inputs, weights) = on(&host);
        let products = inputs.x.clone().matmul(inputs.x.clone().swap_dims(2, 3));
        let scores = scores(products.div_scalar((DIM as f32).sqrt()), &inputs);
        let expected = run(&inputs, weights, softmax(scores, 3).matmul(inputs.x.clone()));
        const QUANTITIES: [&str; 5] = [
            "output",
            "gradient of the input",
            "gradient of the bias",
            "gradient of the scales",
            "gradient of the number",
        ];
        for ((found, expected), quantity) in found.iter().zip(&expected).zip(QUANTITIES) {
            compare(|| format!("{name}: the {quantity}"), found, expected)?;
        }
    }
    Ok(CASES.len())
}

/// The output, and the gradients of a weighted sum of it; nothing for what had no part in it.
fn run(inputs: &Inputs, weights: Tensor<4>, out: Tensor<4>) -> [Vec<f32>; 5] {
    let gradients = (out.clone() * weights).sum().backward();
    let values = |data: TensorData| data.try_to_vec::<f32>().unwrap_or_default();
    let of = |gradient: Option<TensorData>| gradient.map_or_else(Vec::new, values);
    [
        values(out.into_data()),
        of(inputs.x.grad(&gradients).map(Tensor::into_data)),
        of(inputs.bias.grad(&gradients).map(Tensor::into_data)),
        of(inputs.scales.grad(&gradients).map(Tensor::into_data)),
        of(inputs.t.grad(&gradients).map(Tensor::into_data)),
    ]
}
