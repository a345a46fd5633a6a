//! The library's kernels against their references: every tuning, ragged sizes, every element type
//! and order in memory.

use tilewright::program::{Gate, Kernel, Order, Sizes, Trial, Tuning, find_kernel};
use tilewright::{DType, Device, open_device};

/// Runs one tuning in `every` that the CPU has for these sizes.
fn check(kernel: &'static Kernel, sizes: &Sizes, dtype: DType, order: Order, every: usize) {
    let (client, _) = open_device("cpu").expect("the CPU runtime is built in");
    let device = Device::of(&client);
    let scalars = kernel.examples[0].scalars.to_vec();
    let trial = Trial { sizes: sizes.clone(), scalars, dtype, order, seed: 7 };
    let gate = Gate::new(&client, kernel, trial).expect("every size is given");
    let fits = |tuning: &Tuning| kernel.check(tuning, sizes, &device).is_ok();
    let tunings: Vec<Tuning> = kernel.space().into_iter().filter(fits).collect();
    assert!(tunings.len() >= 4, "{} {sizes}: {} tunings", kernel.name, tunings.len());
    for tuning in tunings.into_iter().step_by(every) {
        let verdict = gate.judge(Some(&tuning)).expect("the kernel runs");
        let place = format!("{} {sizes} {dtype} {order:?} {tuning}", kernel.name);
        assert!(verdict.error.is_some(), "{place} has a reference");
        assert!(verdict.is_right(), "{place}: {verdict:?}");
    }
}

/// All sizes in `f32` with every tuning; the other types and orders in turns, with some.
fn check_all(name: &str, names: &[&'static str], shapes: &[&[usize]]) {
    let kernel = find_kernel(name).expect("a kernel of the library");
    assert_eq!(kernel.size_names(), names);
    let others = [
        (DType::Bf16, Order::Bshd),
        (DType::F16, Order::Bhds),
        (DType::F32, Order::Bhds),
        (DType::Bf16, Order::Bhsd),
        (DType::F16, Order::Bshd),
    ];
    for (shape, (dtype, order)) in shapes.iter().zip(others.into_iter().cycle()) {
        let sizes = Sizes::new(names.iter().copied().zip(shape.iter().copied()));
        check(kernel, &sizes, DType::F32, Order::Bhsd, 1);
        check(kernel, &sizes, dtype, order, 3);
    }
}

#[test]
fn fused_softmax_is_its_reference() {
    let shapes: &[&[usize]] =
        &[&[2, 3, 37, 50], &[1, 1, 1, 1], &[1, 2, 17, 7], &[1, 1, 33, 257], &[3, 1, 5, 128]];
    check_all("fused_softmax", &["batch", "heads", "rows", "dim"], shapes);
}

#[test]
fn sigmoid_attention_is_its_reference() {
    let shapes: &[&[usize]] = &[
        // b, h, n, d, m, e
        &[2, 3, 42, 8, 42, 8],
        &[1, 1, 1, 1, 1, 1],
        &[1, 2, 17, 12, 37, 5],
        &[1, 1, 50, 64, 9, 64],
    ];
    check_all("sigmoid_attention", &["b", "h", "n", "d", "m", "e"], shapes);
}

#[test]
fn linear_attention_is_its_reference() {
    let shapes: &[&[usize]] = &[
        // b, h, n, d, m, e
        &[2, 3, 42, 8, 42, 8],
        &[1, 2, 17, 4, 37, 4],
        &[1, 1, 50, 64, 9, 64],
        &[2, 1, 1, 20, 65, 6],
    ];
    check_all("linear_attention", &["b", "h", "n", "d", "m", "e"], shapes);
}
