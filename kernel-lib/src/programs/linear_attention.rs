use tilewright_macros::kernel;

use crate::reference::HostTensor;

/// Kernelised linear attention, `out_i = φ(q_i) S / φ(q_i)·z` with `S = Σ_j φ(k_j) v_jᵀ` and
/// `z = Σ_j φ(k_j)`, where `φ(x) = elu(x) + 1`: time and memory grow with the length, not with its
/// square (Katharopoulos et al., arXiv 2006.16236, equations 5 to 7; every query sees every key).
#[kernel(
    program = heads(q),
    reference = attend,
    example(b = 896, h = 16, n = 42, m = 42, d = 8, e = 8),
    example(b = 16, h = 16, n = 1024, m = 1024, d = 32, e = 32),
)]
pub fn linear_attention(
    #[shape(b, h, n, d)] q: &Tensor,
    #[shape(b, h, m, d)] k: &Tensor,
    #[shape(b, h, m, e)] v: &Tensor,
    #[shape(b, h, n, e)] out: &mut Tensor,
    #[tune(1, 2, 4, 16)] rows: Rows,
    #[tune(32, 1, 64, 128)] units: Units,
    #[tune(16, 8, 32)] block: usize,
) {
    // A unit sums the rows of S, and the elements of z, that belong to its features.
    let mut state = rows.matrix(k.dim(), v.dim());
    let mut normaliser = rows.matrix(k.dim(), 1);
    for features in rows.blocks(k.dim()) {
        let mut sum = features.zeros(v.dim());
        let mut total = features.zeros(1);
        for keys in k.blocks(block) {
            // elu(x) + 1 is exp(x) below 0 and x + 1 above.
            let phi = k.load_t(features, keys).map(|x| x.max(0.0) + x.min(0.0).exp());
            total += phi.row_sum();
            sum += phi.dot(v, keys);
        }
        state.store(features, sum);
        normaliser.store(features, total);
    }
    for queries in rows.blocks(q.rows()) {
        let phi = q.load(queries).map(|x| x.max(0.0) + x.min(0.0).exp());
        let total = phi.times(&normaliser).row_sum();
        out.store(queries, phi.times(&state) / total);
    }
}

/// The same with weights, as equation 4 has it.
fn attend(q: &HostTensor, k: &HostTensor, v: &HostTensor) -> HostTensor {
    let ([batch, heads, queries, dim], [_, _, keys, value_dim]) = (q.shape, v.shape);
    let phi = |x: f64| if x > 0.0 { x + 1.0 } else { x.exp() };
    let mut out = HostTensor::zeros([batch, heads, queries, value_dim]);
    for row in 0..batch * heads * queries {
        let (b, h, i) = (row / queries / heads, row / queries % heads, row % queries);
        let product = |j: usize, d: usize| phi(q.at([b, h, i, d])) * phi(k.at([b, h, j, d]));
        let weights: Vec<f64> = (0..keys).map(|j| (0..dim).map(|d| product(j, d)).sum()).collect();
        let total: f64 = weights.iter().sum();
        for e in 0..value_dim {
            let sum: f64 = (0..keys).map(|j| weights[j] * v.at([b, h, j, e])).sum();
            *out.at_mut([b, h, i, e]) = sum / total;
        }
    }
    out
}
