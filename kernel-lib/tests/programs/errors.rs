//! What a launch refuses, and how it says so.

use cubecl::client::Client;
use tilewright::program::{KernelError, TuningRefusal};
use tilewright::programs::{
    FusedSoftmaxTune, LinearAttentionTune, SigmoidAttentionTune, fused_softmax, linear_attention,
    sigmoid_attention,
};
use tilewright::{DType, Strided, open_device};

fn client() -> Client {
    open_device("cpu").expect("the CPU runtime is built in").0
}

fn tensor(client: &Client, shape: [usize; 4]) -> Strided {
    Strided::empty(client, shape, DType::F32)
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let client = client();
    let (x, out) = (tensor(&client, [2, 3, 8, 4]), tensor(&client, [2, 3, 8, 5]));
    let error = fused_softmax(&client, &x, &out, None).expect_err("other dim");
    assert_eq!(
        error.to_string(),
        "`fused_softmax`: dimension 3 of `out` is 5, but `dim` is 4 in `x`"
    );

    let q = tensor(&client, [2, 3, 8, 4]);
    let k = tensor(&client, [2, 3, 7, 4]);
    let v = tensor(&client, [2, 3, 6, 4]);
    let error = linear_attention(&client, &q, &k, &v, &q, None).expect_err("other keys");
    assert_eq!(
        error.to_string(),
        "`linear_attention`: dimension 2 of `v` is 6, but `m` is 7 in `k`"
    );
}

#[test]
fn element_types_and_memory_are_checked() {
    let client = client();
    let shape = [1, 2, 8, 4];
    let x = tensor(&client, shape);
    let out = Strided::empty(&client, shape, DType::Bf16);
    let error = fused_softmax(&client, &x, &out, None).expect_err("another type");
    assert_eq!(
        error.to_string(),
        "`fused_softmax`: `out` is bf16, but the tensors before it are f32"
    );

    let short = Strided { shape: [1, 2, 8, 4], ..tensor(&client, [1, 1, 1, 4]) };
    let error = fused_softmax(&client, &short, &x, None).expect_err("too little memory");
    assert!(matches!(error, KernelError::Memory { tensor: "x", .. }), "{error}");

    let repeated = Strided { strides: [64, 0, 4, 1], ..tensor(&client, shape) };
    let error = fused_softmax(&client, &x, &repeated, None).expect_err("written twice");
    assert_eq!(error.to_string(), "`fused_softmax` writes `out`, whose stride in dimension 1 is 0");
    fused_softmax(&client, &repeated, &x, None).expect("read twice");
    client.read_one(x.handle).expect("the kernel ran");
}

#[test]
fn empty_tensors_are_nothing_to_do_or_refused() {
    let client = client();
    let empty = tensor(&client, [0, 3, 8, 4]);
    fused_softmax(&client, &empty, &empty, None).expect("nothing to do");
    let q = tensor(&client, [1, 1, 8, 4]);
    let none = tensor(&client, [1, 1, 0, 4]);
    let error = sigmoid_attention(&client, &q, &none, &none, &q, 1.0, 0.0, None);
    let error = error.expect_err("no keys");
    assert_eq!(error.to_string(), "`sigmoid_attention`: `k` has no elements");
}

#[test]
fn a_tuning_that_cannot_run_says_why() {
    let client = client();
    let x = tensor(&client, [1, 1, 8, 4]);
    let error = |tune: FusedSoftmaxTune| {
        fused_softmax(&client, &x, &x, Some(tune)).expect_err("refused").to_string()
    };
    let other = error(FusedSoftmaxTune { rows: 3, units: 1, split: 1 });
    assert_eq!(
        other,
        "`fused_softmax` cannot run with rows=3 units=1 split=1: `rows` is 3, but may be 1, 2, 4, 16"
    );
    let gpu = error(FusedSoftmaxTune { rows: 1, units: 128, split: 1 });
    assert!(gpu.ends_with("on a CPU a program is one unit"), "{gpu}");
}

#[test]
fn the_description_refuses_what_a_typed_call_cannot_say() {
    let client = client();
    let x = tensor(&client, [1, 1, 8, 4]);
    let kernel = SigmoidAttentionTune::kernel();
    let error = kernel.launch(&client, &[&x], &[1.0, 0.0], None).expect_err("three missing");
    assert_eq!(error.to_string(), "`sigmoid_attention` takes 4 tensors, and 1 were given");
    let error = kernel.launch(&client, &[&x, &x, &x, &x], &[1.0], None).expect_err("no bias");
    assert_eq!(error.to_string(), "`sigmoid_attention` takes 2 scalars, and 1 were given");
    let sizes = tilewright::program::Sizes::new([("b", 1), ("h", 1)]);
    let error = LinearAttentionTune::kernel().shapes(&sizes).expect_err("sizes are missing");
    assert_eq!(
        error.to_string(),
        "`linear_attention` needs the size `n`; its sizes are b, h, n, d, m, e"
    );
    let tune = FusedSoftmaxTune { rows: 1, units: 1, split: 1 };
    let kernel = FusedSoftmaxTune::kernel();
    let wide = tilewright::program::Sizes::new([
        ("batch", 1),
        ("heads", 1),
        ("rows", 1),
        ("dim", 2_000_000),
    ]);
    let device = tilewright::Device::of(&client);
    let refusal = kernel.check(&tune.into(), &wide, &device).expect_err("too wide");
    assert!(matches!(&refusal, TuningRefusal::Device(why) if why.contains("of `x`")), "{refusal}");
}
