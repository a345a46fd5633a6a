//! The operator on Burn's Flex backend: the kernels run on CubeCL's CPU runtime.

use std::sync::OnceLock;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType as BurnDType, TensorData};
use cubecl::CubeElement as _;
use cubecl::client::Client;
use cubecl::server::Handle;

use super::extension::{AttentionBackend, NO_SCORES};
use super::parameters::Bound;
use super::{Operation, refused};
use crate::language::Table;
use crate::{AttentionOutput, DType, LearnedGradient, Strided, attention, attention_backward};

type Host = FloatTensor<Flex>;

impl AttentionBackend for Flex {
    fn attention_forward(
        q: Host,
        k: Host,
        v: Host,
        parameters: Host,
        operation: Operation,
    ) -> (Host, Host, Host) {
        let client = client();
        let [q, k, v] = [q, k, v].map(|tensor| upload(client, &tensor));
        let variant = bind(&parameters, &operation).variant;
        let output = attention(client, &q, &k, &v, &variant, &operation.options)
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
        parameters: Host,
        out: Host,
        lse: Host,
        scores: Host,
        d_out: Host,
        operation: Operation,
    ) -> (Host, Host, Host, Host) {
        let client = client();
        let options = &operation.options;
        let scores = options.save_scores.then(|| upload(client, &scores));
        let [q, k, v, out, lse, d_out] =
            [q, k, v, out, lse, d_out].map(|tensor| upload(client, &tensor));
        let output = AttentionOutput { out, raw: None, lse, scores };
        let bound = bind(&parameters, &operation);
        let gradients =
            attention_backward(client, &q, &k, &v, &output, &d_out, &bound.variant, options)
                .unwrap_or_else(|error| refused(error));
        let learned: Vec<Host> =
            gradients.learned.into_iter().map(|gradient| vector(client, gradient)).collect();
        (
            download(client, gradients.q),
            download(client, gradients.k),
            download(client, gradients.v),
            bound.gradient::<Flex>(&learned, &Default::default()),
        )
    }
}

/// The CubeCL CPU runtime. One for the process: opening it starts threads.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| cubecl::Device::Cpu(Default::default()).client())
}

/// The variant, each parameter copied to where the kernels run.
fn bind(parameters: &Host, operation: &Operation) -> Bound {
    let values = if operation.len() > 0 { parameters.to_contiguous() } else { parameters.clone() };
    let start = values.layout().start_offset();
    let table = |first: usize, shape: &[usize]| {
        let len = shape.iter().product::<usize>();
        let bytes = (start + first) * size_of::<f32>()..(start + first + len) * size_of::<f32>();
        Table::new(shape, f32::from_bytes(&values.bytes()[bytes]).to_vec())
    };
    operation.bind(table).unwrap_or_else(|error| refused(error))
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
    let dense = read(client, from.handle, shape, dtype);
    let mut axes = [0; 4];
    for (position, d) in order.into_iter().enumerate() {
        axes[d] = position;
    }
    dense.permute(&axes)
}

/// The elements of a learned parameter's gradient.
fn vector(client: &Client, gradient: LearnedGradient) -> Host {
    read(client, gradient.values, [gradient.param.len()], BurnDType::F32)
}

fn read<const D: usize>(
    client: &Client,
    handle: Handle,
    shape: [usize; D],
    dtype: BurnDType,
) -> Host {
    // Memory comes in whole units of the device's alignment.
    let used = shape.iter().product::<usize>() * dtype.size();
    let spare = handle.size_in_used() - used as u64;
    let bytes = client
        .read_one(handle.offset_end(spare))
        .unwrap_or_else(|error| panic!("attention failed on the CPU runtime: {error}"));
    Host::from_data(TensorData::from_bytes(bytes, shape, dtype))
}
