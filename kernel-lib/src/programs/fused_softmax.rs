use tilewright_macros::kernel;

use crate::reference::HostTensor;

/// The softmax of every row, `out = exp(x - max) / sum`: each row is read once and written once
/// (the fused softmax of Triton's tutorials; Milakov and Gimelshein, arXiv 1805.02867, counts the
/// passes that it saves).
#[kernel(
    program = rows(x),
    reference = softmax,
    example(batch = 16, heads = 16, rows = 512, dim = 512),
    example(batch = 1, heads = 1, rows = 16384, dim = 1024),
)]
pub fn fused_softmax(
    x: &Tensor,
    out: &mut Tensor,
    #[tune(1, 2, 4, 16)] rows: Rows,
    #[tune(128, 1, 64, 256)] units: Units,
    #[tune(32, 1, 8, 16, 128)] split: Split,
) {
    let tile = x.load(rows);
    let largest = tile.row_max();
    let weights = (tile - largest).exp();
    let sum = weights.row_sum();
    out.store(rows, weights / sum);
}

/// The same, row by row.
fn softmax(x: &HostTensor) -> HostTensor {
    let dim = x.shape[3];
    let mut out = x.clone();
    for row in out.data.chunks_mut(dim) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
        row.iter_mut().for_each(|x| *x = (*x - largest).exp() / sum);
    }
    out
}
