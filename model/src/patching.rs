//! Cutting a series into overlapping patches, the tokens of PatchTST.

use burn::tensor::Tensor;

use crate::config::{Alignment, ModelConfig};

/// `[batch, channels, time] -> [batch, channels, patches, patch_len]`.
///
/// With `end_padding` the last value is first repeated `stride` times (`ReplicationPad1d((0, stride))`
/// in the official code), which gives one patch more.
pub fn patches(x: Tensor<3>, config: &ModelConfig) -> Tensor<4> {
    let [batch, channels, time] = x.dims();
    let x = if config.end_padding {
        let last = x.clone().narrow(2, time - 1, 1).expand([batch, channels, config.stride]);
        Tensor::cat(vec![x, last], 2)
    } else {
        x
    };
    let x = match config.patch_from {
        Alignment::Start => x,
        Alignment::End => {
            let padded = x.dims()[2];
            let used = config.patch_len + config.stride * (config.patches() - 1);
            x.narrow(2, padded - used, used)
        }
    };
    x.unfold::<4, _>(2, config.patch_len, config.stride)
}
