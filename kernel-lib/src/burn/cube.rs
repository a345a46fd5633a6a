//! The operator on CubeCL devices: the kernels run where the tensors are.

use burn::backend::TensorMetadata;
use burn::tensor::{DType as BurnDType, Shape};
use burn_cubecl::kernel::{into_contiguous, untile};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};
use cubecl::client::Client;
use cubecl::zspace::metadata::Metadata;

use super::extension::{AttentionBackend, NO_SCORES};
use super::parameters::Bound;
use super::{Operation, refused};
use crate::language::Table;
use crate::{AttentionOutput, DType, LearnedGradient, Strided, attention, attention_backward};

impl AttentionBackend for CubeBackend {
    fn attention_forward(
        q: CubeTensor,
        k: CubeTensor,
        v: CubeTensor,
        parameters: CubeTensor,
        operation: Operation,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let (client, device) = (q.client.clone(), q.device.clone());
        let [q, k, v] = [q, k, v].map(strided);
        let variant = bind(&client, parameters, &operation).variant;
        let output = attention(&client, &q, &k, &v, &variant, &operation.options)
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
        parameters: CubeTensor,
        out: CubeTensor,
        lse: CubeTensor,
        scores: CubeTensor,
        d_out: CubeTensor,
        operation: Operation,
    ) -> (CubeTensor, CubeTensor, CubeTensor, CubeTensor) {
        let (client, device) = (q.client.clone(), q.device.clone());
        let [q, k, v, out, lse, scores, d_out] = [q, k, v, out, lse, scores, d_out].map(strided);
        let bound = bind(&client, parameters, &operation);
        let options = &operation.options;
        let output = AttentionOutput {
            out,
            // Burn keeps the output alone.
            raw: None,
            lse,
            scores: options.save_scores.then_some(scores),
        };
        let gradients =
            attention_backward(&client, &q, &k, &v, &output, &d_out, &bound.variant, options)
                .unwrap_or_else(|error| refused(error));
        let learned: Vec<CubeTensor> = gradients
            .learned
            .into_iter()
            .map(|gradient| vector(&client, &device, gradient))
            .collect();
        (
            tensor(&client, &device, gradients.q),
            tensor(&client, &device, gradients.k),
            tensor(&client, &device, gradients.v),
            bound.gradient::<CubeBackend>(&learned, &device),
        )
    }
}

/// The variant, reading the parameters where they lie.
fn bind(client: &Client, parameters: CubeTensor, operation: &Operation) -> Bound {
    let memory = if operation.len() > 0 {
        into_contiguous(untile(parameters)).handle
    } else {
        parameters.handle
    };
    let table = |first: usize, shape: &[usize]| {
        let handle = memory.clone().offset_start((first * size_of::<f32>()) as u64);
        Table::dense_on_device(client, handle, shape)
    };
    operation.bind(table).unwrap_or_else(|error| refused(error))
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

/// The elements of a learned parameter's gradient.
fn vector(client: &Client, device: &CubeDevice, gradient: LearnedGradient) -> CubeTensor {
    let metadata = Metadata::new(Shape::new([gradient.param.len()]), [1]);
    CubeTensor::new(client.clone(), gradient.values, metadata, device.clone(), BurnDType::F32)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use std::sync::Arc;

    use burn::backend::Flex;
    use burn::tensor::{Device, Tensor, TensorData};
    use cubecl::CubeElement as _;

    use super::*;
    use crate::AttentionOptions;
    use crate::burn::Parameter;
    use crate::burn::parameters::packed;
    use crate::language::{AnyVariant, Variant as _};
    use crate::variants::{per_head_scale, relative_bias};

    const SHAPE: [usize; 4] = [2, 2, 5, 4];
    const BIAS: usize = 2 * 9;

    fn numbers(len: usize, seed: f32) -> Vec<f32> {
        (0..len).map(|i| (seed + 0.7 * i as f32).sin()).collect()
    }

    /// The gradients of q and of the parameters; `tensor` makes tensors, `values` reads them.
    fn gradients<B: AttentionBackend>(
        operation: &Operation,
        parameters: &[f32],
        tensor: impl Fn(&[f32], &[usize]) -> burn::backend::tensor::FloatTensor<B>,
        values: impl Fn(burn::backend::tensor::FloatTensor<B>) -> Vec<f32>,
    ) -> [Vec<f32>; 2] {
        let len = SHAPE.iter().product();
        let input = |seed| tensor(&numbers(len, seed), &SHAPE);
        let parameters = || tensor(parameters, &[parameters.len()]);
        let (out, lse, scores) = B::attention_forward(
            input(1.0),
            input(2.0),
            input(3.0),
            parameters(),
            operation.clone(),
        );
        let (d_q, _, _, d_parameters) = B::attention_backward(
            input(1.0),
            input(2.0),
            input(3.0),
            parameters(),
            out,
            lse,
            scores,
            input(4.0),
            operation.clone(),
        );
        [values(d_q), values(d_parameters)]
    }

    /// Two parameters, the second in two functions: one lies behind the other in memory.
    #[test]
    fn parameters_are_read_where_they_lie() {
        let device = Device::flex();
        let (bias, scales) = (numbers(BIAS, 5.0), vec![0.8, -1.3]);
        let given: [Parameter; 2] = [
            Tensor::<2>::from_data(TensorData::new(bias, [2, 9]), &device).into(),
            Tensor::<1>::from_data(TensorData::new(scales, [2]), &device).into(),
        ];
        let make = |tables: Vec<Table>| -> AnyVariant {
            let scaled = || per_head_scale(tables[1].clone());
            scaled().and(relative_bias(tables[0].clone())).and(scaled()).into()
        };
        let operation = Operation::new(Arc::new(make), &given, AttentionOptions::default());
        let parameters = packed(&given).expect("two").into_data().try_to_vec::<f32>();
        let parameters = parameters.expect("f32");

        let device = cubecl::Device::Cpu(Default::default());
        let client = device.client();
        let on_cube = gradients::<CubeBackend>(
            &operation,
            &parameters,
            |values, shape| {
                let mut strides = vec![1; shape.len()];
                for d in (1..shape.len()).rev() {
                    strides[d - 1] = strides[d] * shape[d];
                }
                let handle = client.create_from_slice(f32::as_bytes(values));
                let metadata = Metadata::new(Shape::from(shape.to_vec()), strides);
                CubeTensor::new(client.clone(), handle, metadata, device.clone(), BurnDType::F32)
            },
            |tensor| {
                let bytes = client.read_one(into_contiguous(tensor).handle).expect("it ran");
                f32::from_bytes(&bytes).to_vec()
            },
        );
        let on_flex = gradients::<Flex>(
            &operation,
            &parameters,
            |values, shape| {
                let data = TensorData::new(values.to_vec(), shape.to_vec());
                burn::backend::tensor::FloatTensor::<Flex>::from_data(data)
            },
            |tensor| {
                let start = tensor.layout().start_offset();
                f32::from_bytes(tensor.to_contiguous().bytes())[start..].to_vec()
            },
        );
        assert_eq!(on_cube[1].len(), BIAS + 2);
        assert_eq!(on_cube, on_flex);
        assert!(on_cube[1].iter().any(|gradient| *gradient != 0.0));
    }
}
