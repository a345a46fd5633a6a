//! Does the operator get tensors right as a backend hands them over? Views, packed projections,
//! repeated batches and fresh results, whose rows a GPU may lay out with gaps.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};

use super::{compare, normals};
use crate::burn::{Attention, attention};
use crate::random::Random;
use crate::variants;

/// How q, k and v come to be from one packed `[batch, seq, 3 * heads * dim]` tensor.
type View = fn(Tensor<3>, usize) -> Tensor<4>;

const BATCH: usize = 3;
const SEQ: usize = 7;
const HEADS: usize = 2;
/// No power of two and no multiple of four: rows that a GPU would pad.
const DIM: usize = 5;

const VIEWS: [(&str, View); 5] = [
    ("a slice of a packed projection", packed),
    ("memory in the order of its dimensions", |x, i| packed(x, i).mul_scalar(1.0)),
    ("memory in the order batch, seq, heads, dim", |x, i| {
        packed(x, i).swap_dims(1, 2).mul_scalar(1.0).swap_dims(1, 2)
    }),
    ("memory with the dimension outside", |x, i| {
        packed(x, i).swap_dims(2, 3).mul_scalar(1.0).swap_dims(2, 3)
    }),
    ("one sequence repeated over the batch", |x, i| {
        packed(x, i).narrow(0, 0, 1).expand([BATCH, HEADS, SEQ, DIM])
    }),
];

fn packed(x: Tensor<3>, which: usize) -> Tensor<4> {
    let width = HEADS * DIM;
    x.slice([0..BATCH, 0..SEQ, which * width..(which + 1) * width])
        .reshape([BATCH, SEQ, HEADS, DIM])
        .swap_dims(1, 2)
}

/// Compares the operator with plain tensor operations for every view; returns how many.
pub fn check(device: &Device) -> Result<usize, String> {
    let host = Device::flex();
    let mut random = Random::new(2);
    let input = normals(&mut random, [BATCH, SEQ, 3 * HEADS * DIM]);
    let weights = normals(&mut random, [BATCH, HEADS, SEQ, DIM]);
    for (name, view) in VIEWS {
        for saved in [false, true] {
            let operator = Attention::new(variants::softmax()).with_saved_scores(saved);
            let found =
                run(device, view, &input, &weights, |q, k, v| attention(q, k, v, &operator));
            let expected = run(&host, view, &input, &weights, |q, k, v| {
                let scores = q.matmul(k.swap_dims(2, 3)).div_scalar((DIM as f32).sqrt());
                softmax(scores, 3).matmul(v)
            });
            for (what, found, expected) in
                [("output", &found.0, &expected.0), ("gradient", &found.1, &expected.1)]
            {
                let what = || format!("{name}, saved scores {saved}: the {what}");
                compare(what, found, expected)?;
            }
        }
    }
    Ok(2 * VIEWS.len())
}

/// Output, and gradient of the packed tensor.
fn run(
    device: &Device,
    view: View,
    input: &TensorData,
    weights: &TensorData,
    attend: impl Fn(Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
) -> (Vec<f32>, Vec<f32>) {
    let tracked = device.clone().autodiff();
    let x = Tensor::<3>::from_data(input.clone(), &tracked).require_grad();
    let out = attend(view(x.clone(), 0), view(x.clone(), 1), view(x.clone(), 2));
    // Transposed, the gradient of the output arrives with strides of its own.
    let weights = Tensor::<4>::from_data(weights.clone(), &tracked);
    let loss = (out.clone().swap_dims(1, 3) * weights.swap_dims(1, 3)).sum();
    let gradient = x.grad(&loss.backward());
    let values = |data: TensorData| data.try_to_vec::<f32>().unwrap_or_default();
    (values(out.into_data()), gradient.map_or_else(Vec::new, |g| values(g.into_data())))
}
