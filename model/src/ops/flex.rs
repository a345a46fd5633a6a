//! The primitives on the CPU, in Burn's own operations.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, TensorData};

use super::extension::{ModelBackend, cast, wide};
use super::mask;

type Host = FloatTensor<Flex>;

impl ModelBackend for Flex {
    fn product(lhs: Host, rhs: Host, dtype: DType) -> Host {
        // Flex multiplies bf16 in f32 too, but can only write the result as bf16.
        cast::<Self>(Flex::float_matmul(wide::<Self>(lhs), wide::<Self>(rhs)), dtype)
    }

    fn column_sums(x: Host) -> Host {
        Flex::float_sum_dim(wide::<Self>(x), 0)
    }

    fn column_statistics(x: Host) -> (Host, Host) {
        let x = wide::<Self>(x);
        let mean = Flex::float_mean_dim(x.clone(), 0);
        let centred = Flex::float_sub(x, mean.clone());
        let variance = Flex::float_mean_dim(Flex::float_mul(centred.clone(), centred), 0);
        (mean, variance)
    }

    fn masked(x: Host, control: Host, site: u32, keep: f64) -> Host {
        let control = control.to_contiguous();
        let Some(control) = control.as_slice::<f32>() else {
            panic!("the control values are f32");
        };
        let seed = mask::Seed::new(control, site);
        let (threshold, scale) = (mask::threshold(keep), (1.0 / keep) as f32);
        let values: Vec<f32> = (0..x.shape().num_elements())
            .map(|index| if seed.kept(index as u32, threshold) { scale } else { 0.0 })
            .collect();
        let mask = Host::from_data(TensorData::new(values, x.shape()));
        let dtype = x.dtype();
        cast::<Self>(Flex::float_mul(wide::<Self>(x), mask), dtype)
    }

    fn normalised_sums(x: Host, mean: Host, inverse: Host, dy: Host) -> (Host, Host) {
        let (x, dy) = (wide::<Self>(x), wide::<Self>(dy));
        let normal = Flex::float_mul(Flex::float_sub(x, mean), inverse);
        (Flex::float_sum_dim(dy.clone(), 0), Flex::float_sum_dim(Flex::float_mul(dy, normal), 0))
    }
}
