//! The operator on Burn's Flex backend: the kernels run on CubeCL's CPU runtime.

use std::sync::OnceLock;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType as BurnDType, TensorData};
use cubecl::client::Client;

use super::extension::{AttentionBackend, NO_SCORES};
use super::{Attention, refused};
use crate::{AttentionOutput, DType, Strided, attention, attention_backward};

type Host = FloatTensor<Flex>;

impl AttentionBackend for Flex {
    fn attention_forward(q: Host, k: Host, v: Host, call: Attention) -> (Host, Host, Host) {
        let client = client();
        let [q, k, v] = [q, k, v].map(|tensor| upload(client, &tensor));
        let output = attention(client, &q, &k, &v, &call.variant, &call.options)
            .unwrap_or_else(|error| refused(error));
        let scores = match output.scores {
            Some(scores) => download(client, scores),
            None => Host::from_data(TensorData::zeros::<f32, _>(NO_SCORES)),
        };
        (download(client, output.out), download(client, output.lse), scores)
    }

    fn attention_backward(
        q: Host,
        k: Host,
        v: Host,
        out: Host,
        lse: Host,
        scores: Host,
        d_out: Host,
        call: Attention,
    ) -> (Host, Host, Host) {
        let client = client();
        let scores = call.options.save_scores.then(|| upload(client, &scores));
        let [q, k, v, out, lse, d_out] =
            [q, k, v, out, lse, d_out].map(|tensor| upload(client, &tensor));
        let output = AttentionOutput { out, raw: None, lse, scores };
        let gradients =
            attention_backward(client, &q, &k, &v, &output, &d_out, &call.variant, &call.options)
                .unwrap_or_else(|error| refused(error));
        (
            download(client, gradients.q),
            download(client, gradients.k),
            download(client, gradients.v),
        )
    }
}

/// The CubeCL CPU runtime. One for the process: opening it starts threads.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| cubecl::Device::Cpu(Default::default()).client())
}

/// Hands a tensor's memory over as it lies. Flipped tensors, whose strides run backwards, are
/// copied first.
fn upload(client: &Client, tensor: &Host) -> Strided {
    let forward = tensor.layout().strides().iter().all(|&stride| stride >= 0);
    let copied;
    let tensor = if forward {
        tensor
    } else {
        copied = tensor.to_contiguous();
        &copied
    };
    let layout = tensor.layout();
    let dtype = match tensor.dtype() {
        BurnDType::F32 => DType::F32,
        BurnDType::F16 => DType::F16,
        BurnDType::BF16 => DType::Bf16,
        other => panic!("attention takes f32, f16 and bf16 tensors, and this is {other:?}"),
    };
    let shape = layout.shape().dims::<4>();
    let strides = layout.strides();
    let mut strided = Strided {
        handle: client.empty(1),
        shape,
        strides: core::array::from_fn(|d| strides[d].unsigned_abs()),
        dtype,
    };
    let start = layout.start_offset() * dtype.bytes();
    let end = start + strided.extent() * dtype.bytes();
    strided.handle = client.create_from_slice(&tensor.bytes()[start..end]);
    strided
}

fn download(client: &Client, from: Strided) -> Host {
    // Kernels write dense tensors, only with their dimensions in another order.
    let mut order = [0, 1, 2, 3];
    order.sort_by_key(|&d| core::cmp::Reverse(from.strides[d]));
    let shape = order.map(|d| from.shape[d]);
    let dtype = match from.dtype {
        DType::F32 => BurnDType::F32,
        DType::F16 => BurnDType::F16,
        DType::Bf16 => BurnDType::BF16,
    };
    let used = shape.iter().product::<usize>() * from.dtype.bytes();
    let spare = from.handle.size_in_used() - used as u64;
    let bytes = client
        .read_one(from.handle.offset_end(spare))
        .unwrap_or_else(|error| panic!("attention failed on the CPU runtime: {error}"));
    let dense = Host::from_data(TensorData::from_bytes(bytes, shape, dtype));
    let mut axes = [0; 4];
    for (position, d) in order.into_iter().enumerate() {
        axes[d] = position;
    }
    dense.permute(&axes)
}
