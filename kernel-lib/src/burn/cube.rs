//! The operator on CubeCL devices: the kernels run where the tensors are.

use burn::backend::TensorMetadata;
use burn::tensor::{DType as BurnDType, Shape};
use burn_cubecl::kernel::untile;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};
use cubecl::client::Client;
use cubecl::zspace::metadata::Metadata;

use super::extension::{AttentionBackend, NO_SCORES};
use super::{Attention, refused};
use crate::{AttentionOutput, DType, Strided, attention, attention_backward};

impl AttentionBackend for CubeBackend {
    fn attention_forward(
        q: CubeTensor,
        k: CubeTensor,
        v: CubeTensor,
        call: Attention,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let (client, device) = (q.client.clone(), q.device.clone());
        let [q, k, v] = [q, k, v].map(strided);
        let output = attention(&client, &q, &k, &v, &call.variant, &call.options)
            .unwrap_or_else(|error| refused(error));
        let scores =
            output.scores.unwrap_or_else(|| Strided::empty(&client, NO_SCORES, DType::F32));
        (
            tensor(&client, &device, output.out),
            tensor(&client, &device, output.lse),
            tensor(&client, &device, scores),
        )
    }

    fn attention_backward(
        q: CubeTensor,
        k: CubeTensor,
        v: CubeTensor,
        out: CubeTensor,
        lse: CubeTensor,
        scores: CubeTensor,
        d_out: CubeTensor,
        call: Attention,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let (client, device) = (q.client.clone(), q.device.clone());
        let [q, k, v, out, lse, scores, d_out] = [q, k, v, out, lse, scores, d_out].map(strided);
        let output = AttentionOutput {
            out,
            // Burn keeps the output alone.
            raw: None,
            lse,
            scores: call.options.save_scores.then_some(scores),
        };
        let gradients =
            attention_backward(&client, &q, &k, &v, &output, &d_out, &call.variant, &call.options)
                .unwrap_or_else(|error| refused(error));
        (
            tensor(&client, &device, gradients.q),
            tensor(&client, &device, gradients.k),
            tensor(&client, &device, gradients.v),
        )
    }
}

/// Shape, strides and memory of a tensor. Only layouts cut into storage tiles are undone.
fn strided(tensor: CubeTensor) -> Strided {
    let tensor = untile(tensor);
    let strides = tensor.meta.strides();
    Strided {
        shape: tensor.shape().dims::<4>(),
        strides: core::array::from_fn(|d| strides[d]),
        dtype: match tensor.dtype {
            BurnDType::F32 => DType::F32,
            BurnDType::F16 => DType::F16,
            BurnDType::BF16 => DType::Bf16,
            other => panic!("attention takes f32, f16 and bf16 tensors, and this is {other:?}"),
        },
        handle: tensor.handle,
    }
}

fn tensor(client: &Client, device: &CubeDevice, from: Strided) -> CubeTensor {
    let dtype = match from.dtype {
        DType::F32 => BurnDType::F32,
        DType::F16 => BurnDType::F16,
        DType::Bf16 => BurnDType::BF16,
    };
    let metadata = Metadata::new(Shape::new(from.shape), from.strides);
    CubeTensor::new(client.clone(), from.handle, metadata, device.clone(), dtype)
}
