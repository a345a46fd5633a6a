//! The primitives on the CPU, in Burn's own operations.

use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;

use super::extension::ModelBackend;

type Host = FloatTensor<Flex>;

impl ModelBackend for Flex {
    fn product(lhs: Host, rhs: Host) -> Host {
        Flex::float_matmul(lhs, rhs)
    }

    fn column_sums(x: Host) -> Host {
        Flex::float_sum_dim(x, 0)
    }

    fn column_statistics(x: Host) -> (Host, Host) {
        let mean = Flex::float_mean_dim(x.clone(), 0);
        let centred = Flex::float_sub(x, mean.clone());
        let variance = Flex::float_mean_dim(Flex::float_mul(centred.clone(), centred), 0);
        (mean, variance)
    }

    fn normalised_sums(x: Host, mean: Host, inverse: Host, dy: Host) -> (Host, Host) {
        let normal = Flex::float_mul(Flex::float_sub(x, mean), inverse);
        (Flex::float_sum_dim(dy.clone(), 0), Flex::float_sum_dim(Flex::float_mul(dy, normal), 0))
    }
}
