//! The way that programs take on a GPU, run on a CPU: tiles in registers, rows brought on chip, and
//! two units that work together, or share rows. A plane has one unit here, so those exchange what
//! they know through memory on chip; the exchange within a plane is compiled in other tests, and
//! run on a GPU.

use tilewright_macros::kernel;

use super::{Gate, Kernel, Order, Sizes, Trial, Tuning};
use crate::programs::{FusedSoftmaxTune, LinearAttentionTune, SigmoidAttentionTune};
use crate::reference::HostTensor;
use crate::{DType, Device, DeviceKind, open_device};

/// `out = relu(Q Kᵀ) V`, every row of `q` in one of two units.
#[kernel(program = rows(q), reference = attend)]
fn relu_attention(
    #[shape(b, h, n, d)] q: &Tensor,
    #[shape(b, h, m, d)] k: &Tensor,
    #[shape(b, h, m, e)] v: &Tensor,
    #[shape(b, h, n, e)] out: &mut Tensor,
    #[tune(1, 2)] rows: Rows,
    #[tune(2)] units: Units,
    #[tune(4, 8)] block: usize,
) {
    let queries = q.load(rows);
    let mut sum = rows.zeros(v.dim());
    for keys in k.blocks(block) {
        let weights = queries.dot_t(k, keys).map(|x| x.max(0.0));
        sum += weights.dot(v, keys);
    }
    out.store(rows, sum);
}

fn attend(q: &HostTensor, k: &HostTensor, v: &HostTensor) -> HostTensor {
    let ([batch, heads, queries, dim], [_, _, keys, value_dim]) = (q.shape, v.shape);
    HostTensor::from_fn([batch, heads, queries, value_dim], |[b, h, i, e]| {
        let product = |j, d| q.at([b, h, i, d]) * k.at([b, h, j, d]);
        let weight = |j| (0..dim).map(|d| product(j, d)).sum::<f64>().max(0.0);
        (0..keys).map(|j| weight(j) * v.at([b, h, j, e])).sum()
    })
}

/// `out = Q (Kᵀ V)`: two units make the matrix that both read.
#[kernel(program = heads(q), reference = associated)]
fn associated_products(
    #[shape(b, h, n, d)] q: &Tensor,
    #[shape(b, h, m, d)] k: &Tensor,
    #[shape(b, h, m, e)] v: &Tensor,
    #[shape(b, h, n, e)] out: &mut Tensor,
    #[tune(1, 4)] rows: Rows,
    #[tune(2)] units: Units,
    #[tune(4, 8)] block: usize,
) {
    let mut state = rows.matrix(k.dim(), v.dim());
    for features in rows.blocks(k.dim()) {
        let mut sum = features.zeros(v.dim());
        for keys in k.blocks(block) {
            let columns = k.load_t(features, keys);
            sum += columns.dot(v, keys);
        }
        state.store(features, sum);
    }
    for queries in rows.blocks(q.rows()) {
        let tile = q.load(queries);
        out.store(queries, tile.times(&state));
    }
}

fn associated(q: &HostTensor, k: &HostTensor, v: &HostTensor) -> HostTensor {
    let ([batch, heads, queries, dim], [_, _, keys, value_dim]) = (q.shape, v.shape);
    HostTensor::from_fn([batch, heads, queries, value_dim], |[b, h, i, e]| {
        let state = |d| (0..keys).map(|j| k.at([b, h, j, d]) * v.at([b, h, j, e])).sum::<f64>();
        (0..dim).map(|d| q.at([b, h, i, d]) * state(d)).sum()
    })
}

/// The largest of each row of `x` plus its mean, less the smallest: rows in halves.
#[kernel(reference = spread_in_f64)]
fn spread(
    x: &Tensor,
    out: &mut Tensor,
    #[tune(1, 2)] rows: Rows,
    #[tune(2)] units: Units,
    #[tune(2, 1)] split: Split,
) {
    let tile = x.load(rows);
    let shift = tile.row_max() - tile.row_min() + tile.row_mean();
    out.store(rows, tile + shift);
}

fn spread_in_f64(x: &HostTensor) -> HostTensor {
    let dim = x.shape[3];
    let mut out = x.clone();
    for row in out.data.chunks_mut(dim) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = row.iter().copied().fold(f64::INFINITY, f64::min);
        let shift = largest - smallest + row.iter().sum::<f64>() / dim as f64;
        row.iter_mut().for_each(|x| *x += shift);
    }
    out
}

/// Every row times a row of weights, which are `f32` and so come in narrower vectors.
#[kernel(reference = weighted_in_f64)]
fn weighted(
    x: &Tensor,
    #[shape(1, dim)] weight: &Tensor<f32>,
    out: &mut Tensor,
    #[tune(1, 2)] rows: Rows,
    #[tune(2)] units: Units,
    #[tune(2, 1)] split: Split,
) {
    let weights = weight.load(rows);
    out.store(rows, x.load(rows) * weights);
}

fn weighted_in_f64(x: &HostTensor, weight: &HostTensor) -> HostTensor {
    HostTensor::from_fn(x.shape, |[b, h, i, d]| x.at([b, h, i, d]) * weight.at([0, 0, 0, d]))
}

fn gpu() -> Device {
    Device {
        kind: DeviceKind::Gpu,
        units: 2,
        plane: 1,
        shared_memory: 32_768,
        lanes: 4,
        multiprocessors: 1,
        tensor_cores: false,
    }
}

/// Runs the tunings that the pretended device has, and says how many.
fn check(kernel: &'static Kernel, sizes: &[(&'static str, usize)], order: Order) -> usize {
    check_dtype(kernel, sizes, order, DType::F32)
}

fn check_dtype(
    kernel: &'static Kernel,
    sizes: &[(&'static str, usize)],
    order: Order,
    dtype: DType,
) -> usize {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let sizes = Sizes::new(sizes.iter().copied());
    let scalars = kernel.examples[0].scalars.to_vec();
    let trial = Trial { sizes: sizes.clone(), scalars, dtype, order, seed: 5 };
    let gate = Gate::new(&client, kernel, trial).expect("every size is given").pretending(gpu());
    let fits = |tuning: &Tuning| kernel.check(tuning, &sizes, &gpu()).is_ok();
    let tunings: Vec<Tuning> = kernel.space().into_iter().filter(fits).collect();
    for tuning in &tunings {
        let verdict = gate.judge(Some(tuning)).expect("the kernel runs");
        assert!(verdict.is_right(), "{} {sizes} {order:?} {tuning}: {verdict:?}", kernel.name);
    }
    tunings.len()
}

const SHAPES: [[(&str, usize); 6]; 3] = [
    [("b", 2), ("h", 3), ("n", 7), ("d", 8), ("m", 11), ("e", 4)],
    [("b", 1), ("h", 1), ("n", 1), ("d", 3), ("m", 17), ("e", 5)],
    [("b", 1), ("h", 2), ("n", 18), ("d", 4), ("m", 3), ("e", 12)],
];

#[test]
fn two_units_read_what_they_brought_on_chip() {
    for (shape, order) in SHAPES.iter().zip(Order::ALL) {
        assert_eq!(check(ReluAttentionTune::kernel(), shape, order), 4);
    }
}

#[test]
fn two_units_make_a_matrix_that_both_read() {
    for (shape, order) in SHAPES.iter().zip(Order::ALL) {
        assert_eq!(check(AssociatedProductsTune::kernel(), shape, order), 4);
    }
}

#[test]
fn two_units_share_rows() {
    // Vectors of four, two and one elements; halves that are even and not; more units than vectors.
    for (dim, order) in [24, 20, 6, 7, 1, 4].into_iter().zip(Order::ALL.into_iter().cycle()) {
        let shape = [("batch", 2), ("heads", 1), ("rows", 5), ("dim", dim)];
        assert_eq!(check(SpreadTune::kernel(), &shape, order), 4);
    }
}

#[test]
fn units_hold_the_same_columns_of_every_tensor() {
    for (dim, order) in [48, 16, 8].into_iter().zip([Order::Bhsd, Order::Bshd, Order::Bhds]) {
        let shape = [("batch", 2), ("heads", 1), ("rows", 3), ("dim", dim)];
        for dtype in [DType::F16, DType::F32] {
            assert_eq!(check_dtype(WeightedTune::kernel(), &shape, order, dtype), 4);
        }
    }
}

#[test]
fn the_library_s_kernels_in_registers() {
    for (shape, order) in SHAPES.iter().zip(Order::ALL) {
        assert!(check(LinearAttentionTune::kernel(), shape, order) >= 9);
        assert!(check(SigmoidAttentionTune::kernel(), shape, order) >= 9);
    }
    let shape = [("batch", 1), ("heads", 2), ("rows", 5), ("dim", 10)];
    assert!(check(FusedSoftmaxTune::kernel(), &shape, Order::Bshd) >= 3);
}
