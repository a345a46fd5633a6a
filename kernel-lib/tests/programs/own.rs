//! Kernels of a user: what the vocabulary says, on small matrices.

use tilewright::prelude::*;
use tilewright::program::{Gate, Order, Sizes, Trial, find_kernel, kernels};
use tilewright::reference::HostTensor;
use tilewright::{Device, open_device};

/// Root mean square normalisation with a weight for each column (arXiv 1910.07467).
#[kernel(reference = rms_norm_in_f64, example(n = 33, d = 20, epsilon = 0.001))]
pub fn rms_norm(
    #[shape(n, d)] x: &Tensor,
    #[shape(1, d)] weight: &Tensor<f32>,
    #[shape(n, d)] out: &mut Tensor,
    epsilon: f32,
    #[tune(1, 4)] rows: Rows,
    #[tune(32, 1)] units: Units,
) {
    let tile = x.load(rows);
    let squares = tile.clone() * tile.clone();
    let scale = (squares.row_mean() + epsilon).sqrt().recip();
    // Every row of the block reads the only row of the weights.
    out.store(rows, tile * scale * weight.load(rows));
}

fn rms_norm_in_f64(x: &HostTensor, weight: &HostTensor, epsilon: f64) -> HostTensor {
    let dim = x.shape[3];
    HostTensor::from_fn(x.shape, |[b, h, n, d]| {
        let mean: f64 = (0..dim).map(|j| x.at([b, h, n, j]).powi(2)).sum::<f64>() / dim as f64;
        x.at([b, h, n, d]) / (mean + epsilon).sqrt() * weight.at([0, 0, 0, d])
    })
}

/// Every operator and method, and two outputs.
#[kernel(reference = words_in_f64, example(batch = 2, heads = 1, rows = 19, dim = 6, times = 3))]
pub fn words(
    x: &Tensor,
    y: &Tensor,
    out: &mut Tensor,
    second: &mut Tensor,
    times: u32,
    #[tune(2, 1, 16)] rows: Rows,
) {
    let a = x.load(rows);
    let b = y.load(rows);
    let low = a.row_min();
    let high = a.row_max();
    let mut column = high - low;
    column *= 2.0;
    column += 1.0;
    column = column / (low.abs() + high.min_of(low).max(-1.0).exp()) - 0.5;
    let mut tile = (a - low) * b.clone() / (b.clone() * b.clone() + 1.0);
    tile += b;
    tile -= 0.25;
    tile /= column.max_of(-low);
    for _ in 0..times {
        tile *= 1.5;
    }
    if times > 2 {
        tile += high;
    }
    second.store(rows, tile.clone().map(|x| x.tanh() + x.sigmoid() * (x.abs() + 1.0).ln()));
    out.store(rows, -tile.map(|x| x.greater(0.0, x.sqrt(), -x)));
}

fn words_in_f64(x: &HostTensor, y: &HostTensor, times: f64) -> [HostTensor; 2] {
    let (mut out, mut second) = (x.clone(), x.clone());
    let dim = x.shape[3];
    for row in 0..x.data.len() / dim {
        let cells = row * dim..(row + 1) * dim;
        let low = x.data[cells.clone()].iter().copied().fold(f64::INFINITY, f64::min);
        let high = x.data[cells.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let column = ((high - low) * 2.0 + 1.0) / (low.abs() + low.max(-1.0).exp()) - 0.5;
        for i in cells {
            let (a, b) = (x.data[i], y.data[i]);
            let mut cell = (a - low) * b / (b * b + 1.0) + b - 0.25;
            cell /= column.max(-low);
            cell *= 1.5_f64.powf(times);
            if times > 2.0 {
                cell += high;
            }
            second.data[i] = cell.tanh() + 1.0 / (1.0 + (-cell).exp()) * (cell.abs() + 1.0).ln();
            out.data[i] = -if cell > 0.0 { cell.sqrt() } else { -cell };
        }
    }
    [out, second]
}

/// Cumulative over blocks: a kernel that assigns, and reads what it wrote.
#[kernel(program = heads(x), reference = doubled_in_f64, valid = only_small_blocks)]
pub fn doubled(
    x: &Tensor,
    out: &mut Tensor,
    #[tune(1, 8)] rows: Rows,
    #[tune(4, 64)] block: usize,
) {
    for part in rows.blocks(x.rows()) {
        let mut tile = part.zeros(x.dim());
        tile = tile + x.load(part);
        out.store(part, tile);
    }
    for part in rows.blocks(x.rows()) {
        let tile = out.load(part) * 2.0;
        out.store(part, tile);
    }
}

fn doubled_in_f64(x: &HostTensor) -> HostTensor {
    x.map(|x| 2.0 * x)
}

fn only_small_blocks(tune: &DoubledTune, sizes: &Sizes, device: &Device) -> bool {
    tune.block < 16 && sizes.get("dim").is_some() && device.units > 0
}

#[test]
fn kernels_of_a_user_are_their_references() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    for name in ["rms_norm", "words", "doubled"] {
        let kernel = find_kernel(name).expect(name);
        for example in kernel.examples {
            let sizes = Sizes::new(example.sizes.iter().copied());
            for order in Order::ALL {
                let scalars = example.scalars.to_vec();
                let trial =
                    Trial { sizes: sizes.clone(), scalars, dtype: DType::F32, order, seed: 3 };
                let gate = Gate::new(&client, kernel, trial).expect(name);
                for tuning in kernel.space() {
                    if kernel.check(&tuning, &sizes, &Device::of(&client)).is_ok() {
                        let verdict = gate.judge(Some(&tuning)).expect(name);
                        assert!(verdict.is_right(), "{name} {order:?} {tuning}: {verdict:?}");
                    }
                }
                assert!(gate.judge(None).expect(name).is_right(), "{name} {order:?}");
            }
        }
    }
}

#[test]
fn a_kernel_that_is_wrong_is_found() {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let kernel = find_kernel("rms_norm").expect("registered");
    let sizes = Sizes::new([("n", 5), ("d", 8)]);
    // The reference gets another epsilon than the kernel: by a rounding to f32.
    let verdict = |epsilon: f64| {
        let trial = Trial {
            sizes: sizes.clone(),
            scalars: vec![epsilon],
            dtype: DType::F32,
            order: Order::Bhsd,
            seed: 3,
        };
        let gate = Gate::new(&client, kernel, trial).expect("sizes");
        gate.judge(None).expect("it runs")
    };
    assert!(verdict(0.5).is_right());
    // As `f32` this is infinite, as `f64` it is not.
    assert!(!verdict(1e300).is_right());
}

#[test]
fn kernels_of_a_user_are_in_the_registry() {
    let names: Vec<&str> = kernels().map(|kernel| kernel.name).collect();
    assert!(names.is_sorted());
    for name in ["fused_softmax", "linear_attention", "rms_norm", "sigmoid_attention", "words"] {
        assert!(names.contains(&name), "{name}");
    }
    let kernel = find_kernel("rms_norm").expect("registered");
    assert_eq!(kernel.module, module_path!());
    assert!(kernel.doc.starts_with("Root mean square"), "{}", kernel.doc);
    assert_eq!(
        kernel.signature(),
        "rms_norm(x[n, d], weight[1, d], mut out[n, d], epsilon: f32; rows in 1 4, units in 32 1)"
    );
    assert_eq!(kernel.floor_bytes(&Sizes::new([("n", 10), ("d", 4)]), DType::Bf16).ok(), Some(176));
    let error = find_kernel("rms_nrom").expect_err("unknown").to_string();
    assert!(error.contains("rms_norm"), "{error}");
    let other = find_kernel("words").expect("registered");
    assert_ne!(kernel.source_hash, other.source_hash);
}

#[test]
fn tunings_are_typed_and_have_a_space() {
    let space: Vec<RmsNormTune> = RmsNormTune::space().collect();
    assert_eq!(space.len(), 4);
    assert_eq!(space[0], RmsNormTune { rows: 1, units: 32 });
    let tuning = tilewright::program::Tuning::from(space[3]);
    assert_eq!(tuning.to_string(), "rows=4 units=1");
    assert_eq!(RmsNormTune::from(&tuning), space[3]);

    let sizes = Sizes::new([("batch", 1), ("heads", 1), ("rows", 9), ("dim", 8)]);
    let refused = |tune: DoubledTune| {
        let cpu = Device::of(&open_device("cpu").expect("built in").0);
        let checked = DoubledTune::kernel().check(&tune.into(), &sizes, &cpu);
        checked.err().map(|reason| reason.to_string())
    };
    assert_eq!(refused(DoubledTune { rows: 8, block: 4 }), None);
    let condition = refused(DoubledTune { rows: 8, block: 64 });
    assert_eq!(
        condition.as_deref(),
        Some("the kernel's condition `only_small_blocks` does not hold")
    );
    let value = refused(DoubledTune { rows: 8, block: 5 });
    assert_eq!(value.as_deref(), Some("`block` is 5, but may be 4, 64"));
}
