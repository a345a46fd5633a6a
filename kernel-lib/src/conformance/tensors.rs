//! Inputs of a case: made on the host, laid out on the device, read back.

use cubecl::client::Client;
use half::{bf16, f16};

use super::case::{Case, Layout};
use crate::random::Random;
use crate::reference::HostTensor;
use crate::tensor::contiguous_strides;
use crate::{AttentionError, DType, Strided};

/// The nearest number of an element type.
pub(super) fn round(x: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(x as f32),
        DType::F16 => f16::from_f64(x).to_f64(),
        DType::Bf16 => bf16::from_f64(x).to_f64(),
    }
}

/// Normally distributed elements of an element type.
pub(crate) fn normal(shape: [usize; 4], dtype: DType, random: &mut Random) -> HostTensor {
    HostTensor::from_fn(shape, |_| round(random.normal(), dtype))
}

/// The inputs of a case. Repeated dimensions hold the same elements.
pub(super) struct Inputs {
    pub q: HostTensor,
    pub k: HostTensor,
    pub v: HostTensor,
    pub d_out: HostTensor,
}

impl Inputs {
    pub(super) fn of(case: &Case) -> Self {
        let mut random = Random::new(case.seed);
        let s = case.size;
        let mut make = |shape| normal(shape, case.dtype, &mut random);
        let mut inputs = Self {
            q: make([s.batch, s.heads, s.queries, s.head_dim]),
            k: make([s.batch, s.kv_heads, s.keys, s.head_dim]),
            v: make([s.batch, s.kv_heads, s.keys, s.value_dim]),
            d_out: make([s.batch, s.heads, s.queries, s.value_dim]),
        };
        if case.layout == Layout::Broadcast {
            inputs.k = repeat_batch(&inputs.k);
            inputs.v = repeat_batch(&inputs.v);
            let first = inputs.d_out.clone();
            inputs.d_out = HostTensor::from_fn(first.shape, |[b, _, i, d]| first.at([b, 0, i, d]));
        }
        inputs
    }
}

fn repeat_batch(tensor: &HostTensor) -> HostTensor {
    HostTensor::from_fn(tensor.shape, |[_, h, i, d]| tensor.at([0, h, i, d]))
}

/// The inputs of a case on a device.
pub(super) struct DeviceInputs {
    pub q: Strided,
    pub k: Strided,
    pub v: Strided,
    pub d_out: Strided,
}

impl DeviceInputs {
    pub(super) fn of(case: &Case, inputs: &Inputs, client: &Client) -> Self {
        let Inputs { q, k, v, d_out } = inputs;
        let dtype = case.dtype;
        let place = |tensor: &HostTensor, strides| upload(client, tensor, strides, 0, dtype);
        let bhsd = |t: &HostTensor| place(t, contiguous_strides(t.shape));
        let bshd = |t: &HostTensor| place(t, bshd_strides(t.shape));
        let transposed = |t: &HostTensor| place(t, transposed_strides(t.shape));
        match case.layout {
            Layout::Bhsd => Self { q: bhsd(q), k: bhsd(k), v: bhsd(v), d_out: bhsd(d_out) },
            Layout::Bshd => Self { q: bshd(q), k: bshd(k), v: bshd(v), d_out: bshd(d_out) },
            Layout::Transposed => Self {
                q: transposed(q),
                k: transposed(k),
                v: transposed(v),
                d_out: transposed(d_out),
            },
            Layout::Broadcast => {
                let repeated = |t: &HostTensor, dimension: usize| {
                    let mut strides = contiguous_strides(t.shape);
                    strides[dimension] = 0;
                    place(t, strides)
                };
                let (k, v) = (repeated(k, 0), repeated(v, 0));
                Self { q: bhsd(q), k, v, d_out: repeated(d_out, 1) }
            }
            Layout::Mixed => {
                Self { q: bshd(q), k: transposed(k), v: bhsd(v), d_out: transposed(d_out) }
            }
            Layout::Packed => {
                let (q, k, v) = if q.shape[2] == k.shape[2] {
                    let [q, k, v] = packed([q, k, v], client, dtype);
                    (q, k, v)
                } else {
                    let [k, v] = packed([k, v], client, dtype);
                    (bshd(q), k, v)
                };
                Self { q, k, v, d_out: bshd(d_out) }
            }
        }
    }
}

pub(crate) fn bshd_strides([_, h, s, d]: [usize; 4]) -> [usize; 4] {
    [s * h * d, d, h * d, 1]
}

pub(crate) fn transposed_strides([_, h, s, d]: [usize; 4]) -> [usize; 4] {
    [h * d * s, d * s, 1, s]
}

/// Elements of NaN between the parts of a packed row: whoever reads beyond its part shows.
const GAP: usize = 8;

/// Tensors as slices of one buffer whose rows hold the rows of all of them.
fn packed<const N: usize>(
    tensors: [&HostTensor; N],
    client: &Client,
    dtype: DType,
) -> [Strided; N] {
    let width = |t: &HostTensor| t.shape[1] * t.shape[3] + GAP;
    let row: usize = tensors.iter().map(|t| width(t)).sum();
    let [batch, _, seq, _] = tensors[0].shape;
    let mut memory = vec![f64::NAN; batch * seq * row];
    let mut offset = 0;
    let parts = tensors.map(|tensor| {
        let strides = [seq * row, tensor.shape[3], row, 1];
        scatter(tensor, strides, &mut memory[offset..]);
        let part = (offset, tensor.shape, strides);
        offset += width(tensor);
        part
    });
    let handle = client.create_from_slice(&encode(&memory, dtype));
    parts.map(|(offset, shape, strides)| Strided {
        handle: handle.clone().offset_start((offset * dtype.bytes()) as u64),
        shape,
        strides,
        dtype,
    })
}

/// Copies a tensor to the device with these strides, after `lead` elements of NaN.
pub(crate) fn upload(
    client: &Client,
    tensor: &HostTensor,
    strides: [usize; 4],
    lead: usize,
    dtype: DType,
) -> Strided {
    let (shape, size) = (tensor.shape, dtype.bytes());
    let mut view = Strided { handle: client.empty(16), shape, strides, dtype };
    let mut memory = vec![f64::NAN; (lead + view.extent()).max(4)];
    scatter(tensor, strides, &mut memory[lead..]);
    let handle = client.create_from_slice(&encode(&memory, dtype));
    view.handle = if lead == 0 { handle } else { handle.offset_start((lead * size) as u64) };
    view
}

fn scatter(tensor: &HostTensor, strides: [usize; 4], memory: &mut [f64]) {
    HostTensor::from_fn(tensor.shape, |index| {
        let place: usize = index.iter().zip(strides).map(|(i, stride)| i * stride).sum();
        memory[place] = tensor.at(index);
        0.0
    });
}

fn encode(elements: &[f64], dtype: DType) -> Vec<u8> {
    match dtype {
        DType::F32 => elements.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect(),
        DType::F16 => elements.iter().flat_map(|&x| f16::from_f64(x).to_le_bytes()).collect(),
        DType::Bf16 => elements.iter().flat_map(|&x| bf16::from_f64(x).to_le_bytes()).collect(),
    }
}

/// Reads a tensor from the device, and its elements' bits.
pub(crate) fn download(
    client: &Client,
    tensor: &Strided,
    doing: &'static str,
) -> Result<(HostTensor, Vec<u8>), AttentionError> {
    let bytes = client
        .read_one(tensor.handle.clone())
        .map_err(|source| AttentionError::Device { doing, source: format!("{source}").into() })?;
    let size = tensor.dtype.bytes();
    let mut bits = Vec::with_capacity(tensor.len() * size);
    let host = HostTensor::from_fn(tensor.shape, |index| {
        let place: usize = index.iter().zip(tensor.strides).map(|(i, stride)| i * stride).sum();
        let element = &bytes[place * size..(place + 1) * size];
        bits.extend_from_slice(element);
        match tensor.dtype {
            DType::F32 => {
                f64::from(f32::from_le_bytes([element[0], element[1], element[2], element[3]]))
            }
            DType::F16 => f16::from_le_bytes([element[0], element[1]]).to_f64(),
            DType::Bf16 => bf16::from_le_bytes([element[0], element[1]]).to_f64(),
        }
    });
    Ok((host, bits))
}

/// Leaves memory of a size behind that holds NaN, for the next allocation of that size to find:
/// an output element that is never written then is no plausible number.
pub(crate) fn soil(client: &Client, sizes: &[usize]) {
    for &bytes in sizes {
        drop(client.create_from_slice(&vec![0xff; bytes.max(16)]));
    }
}
