//! Kernels written as tile programs, one file each; what they are written in is in
//! [`program`](crate::program).

mod fused_softmax;
mod linear_attention;
mod sigmoid_attention;

pub use fused_softmax::{FusedSoftmaxTune, fused_softmax};
pub use linear_attention::{LinearAttentionTune, linear_attention};
pub use sigmoid_attention::{SigmoidAttentionTune, sigmoid_attention};
