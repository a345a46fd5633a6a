//! Cutting a series into overlapping patches, the tokens of PatchTST.

use burn::tensor::Tensor;

/// `[batch, channels, time] -> [batch, channels, patches, patch_len]`.
///
/// With `end_padding` the last value is first repeated `stride` times (`ReplicationPad1d((0, stride))`
/// in the official code), which gives one patch more.
pub fn patches(x: Tensor<3>, patch_len: usize, stride: usize, end_padding: bool) -> Tensor<4> {
    let x = if end_padding {
        let [batch, channels, time] = x.dims();
        let last = x.clone().narrow(2, time - 1, 1).expand([batch, channels, stride]);
        Tensor::cat(vec![x, last], 2)
    } else {
        x
    };
    x.unfold::<4, _>(2, patch_len, stride)
}
