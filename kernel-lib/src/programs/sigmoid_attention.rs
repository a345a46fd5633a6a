use tilewright_macros::kernel;

use crate::reference::HostTensor;

/// Sigmoid attention, `out = sigmoid(scale · Q Kᵀ + bias) V`: every key counts on its own, so
/// blocks of keys are summed as they come (Ramapuram et al., arXiv 2409.04431, whose bias is
/// `-ln(keys)`).
#[kernel(
    program = rows(q),
    reference = attend,
    example(b = 896, h = 16, n = 42, m = 42, d = 8, e = 8, scale = 0.35355338, bias = -3.7376697),
    example(b = 8, h = 16, n = 1024, m = 1024, d = 64, e = 64, scale = 0.125, bias = -6.931472),
)]
pub fn sigmoid_attention(
    #[shape(b, h, n, d)] q: &Tensor,
    #[shape(b, h, m, d)] k: &Tensor,
    #[shape(b, h, m, e)] v: &Tensor,
    #[shape(b, h, n, e)] out: &mut Tensor,
    scale: f32,
    bias: f32,
    #[tune(1, 2, 4, 16)] rows: Rows,
    #[tune(64, 1, 32, 128)] units: Units,
    #[tune(16, 8, 32)] block: usize,
) {
    let queries = q.load(rows) * scale;
    let mut sum = rows.zeros(v.dim());
    for keys in k.blocks(block) {
        let weights = (queries.dot_t(k, keys) + bias).sigmoid();
        sum += weights.dot(v, keys);
    }
    out.store(rows, sum);
}

/// The same, query by query.
fn attend(q: &HostTensor, k: &HostTensor, v: &HostTensor, scale: f64, bias: f64) -> HostTensor {
    let ([batch, heads, queries, dim], [_, _, keys, value_dim]) = (q.shape, v.shape);
    let mut out = HostTensor::zeros([batch, heads, queries, value_dim]);
    for row in 0..batch * heads * queries {
        let (b, h, i) = (row / queries / heads, row / queries % heads, row % queries);
        for j in 0..keys {
            let product = |d| q.at([b, h, i, d]) * k.at([b, h, j, d]);
            let score = scale * (0..dim).map(product).sum::<f64>() + bias;
            for e in 0..value_dim {
                *out.at_mut([b, h, i, e]) += v.at([b, h, j, e]) / (1.0 + (-score).exp());
            }
        }
    }
    out
}
