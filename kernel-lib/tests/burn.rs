//! The operator for Burn on the CPU. On a GPU `bench-suite conformance` runs the same check.
#![cfg(feature = "burn")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::module::{Module, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Tensor};
use tilewright::burn::{Attention, attention};
use tilewright::prelude::{
    Position, Table, Variant as _, causal, dropout, relative_bias, score_mod, temperature,
};

#[test]
fn views_and_learned_parameters_agree_with_plain_operations() {
    let checked = tilewright::burn::check(&Device::flex());
    assert_eq!(checked, Ok(13));
}

/// Attention whose scores know distances only by what it learns.
#[derive(Module, Debug)]
struct Biased {
    bias: Param<Tensor<2>>,
    temperature: Param<Tensor<1>>,
}

const HEADS: usize = 2;
const SEQ: usize = 6;

impl Biased {
    fn new(device: &Device) -> Self {
        Self {
            bias: Param::from_tensor(Tensor::zeros([HEADS, 2 * SEQ - 1], device)),
            temperature: Param::from_tensor(Tensor::ones([1], device)),
        }
    }

    fn forward(&self, x: Tensor<4>, seed: u32) -> Tensor<4> {
        let parameters = [(&self.bias).into(), (&self.temperature).into()];
        let operator = Attention::learned(parameters, move |[bias, t]| {
            temperature(t).and(relative_bias(bias)).and(causal()).and(dropout(0.1, seed))
        });
        attention(x.clone(), x.clone(), x, &operator)
    }
}

/// Every row's target is the row before it: a bias for distance 1 solves it.
#[test]
fn a_module_learns_a_bias() {
    let device = Device::flex().autodiff();
    let mut module = Biased::new(&device);
    let mut optimizer = AdamConfig::new().init();
    let x = Tensor::<4>::random([4, HEADS, SEQ, 4], Distribution::Normal(0.0, 1.0), &device);
    let target = x.clone().slice([0..4, 0..HEADS, 0..SEQ - 1]);
    let loss = |module: &Biased, seed| {
        let out = module.forward(x.clone(), seed).slice([0..4, 0..HEADS, 1..SEQ]);
        (out - target.clone()).square().mean()
    };
    let first = loss(&module, 0).into_scalar::<f32>();
    for step in 0..60 {
        let gradients = loss(&module, step).backward();
        let gradients = GradientsParams::from_grads(gradients, &module);
        module = optimizer.step(0.1, module, gradients);
    }
    let last = loss(&module, 0).into_scalar::<f32>();
    assert!(last < 0.5 * first, "from {first} to {last}");
    let bias = module.bias.val().into_data().try_to_vec::<f32>().expect("f32");
    let largest = (0..SEQ).max_by(|&a, &b| bias[a].total_cmp(&bias[b]));
    assert_eq!(largest, Some(SEQ - 2), "the key before the query: {bias:?}");
}

#[test]
fn a_parameter_on_a_plain_device_is_a_constant() {
    let device = Device::flex();
    let module = Biased::new(&device);
    let x = Tensor::<4>::ones([1, HEADS, SEQ, 4], &device.clone().autodiff()).require_grad();
    let gradients = module.forward(x.clone(), 3).sum().backward();
    assert_eq!(x.grad(&gradients).map(|gradient| gradient.dims()), Some([1, HEADS, SEQ, 4]));
}

/// Reads a table that it does not learn.
#[score_mod(example(slopes = table(heads)))]
fn sloped(score: f32, at: Position, slopes: Table) -> f32 {
    score - slopes[at.head] * at.query.abs_diff(at.key) as f32
}

/// What the operator says when it refuses.
fn refusal(operator: impl Fn(&Device) -> Attention) -> String {
    let device = Device::flex().autodiff();
    let x = Tensor::<4>::ones([1, HEADS, SEQ, 4], &device);
    let refused = catch_unwind(AssertUnwindSafe(|| {
        attention(x.clone(), x.clone(), x.clone(), &operator(&device))
    }));
    let panic = refused.expect_err("refused");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn what_is_refused_names_the_parameter_and_what_to_do() {
    let slopes = |device: &Device| Tensor::<1>::ones([HEADS], device);
    let message = refusal(|device| {
        Attention::learned([slopes(device).require_grad().into()], |[slopes]| sloped(slopes))
    });
    assert_eq!(
        message,
        "attention: parameter 0, a tensor [2], wants a gradient, but sloped(slopes=[2]) does not \
         learn it: mark the function's parameter `#[learned]`, or detach the tensor"
    );
    // Without a gradient it may be read.
    let device = Device::flex();
    let x = Tensor::<4>::ones([1, HEADS, SEQ, 4], &device);
    let operator = Attention::learned([slopes(&device).into()], |[slopes]| sloped(slopes));
    assert_eq!(attention(x.clone(), x.clone(), x, &operator).dims(), [1, HEADS, SEQ, 4]);

    let message = refusal(|device| {
        let bias = Tensor::<2>::zeros([HEADS, SEQ], device).require_grad();
        Attention::learned([bias.into()], |[bias]| relative_bias(bias))
    });
    assert!(
        message.starts_with("attention: relative_bias: bias is [2, 6], but at batch 0, head 0")
            && message.ends_with("these sizes need [2, 11]"),
        "{message}"
    );
    let message = refusal(|device| {
        Attention::learned([Tensor::<5>::zeros([1, 1, 1, 1, 1], device).into()], |[t]| {
            temperature(t)
        })
    });
    assert_eq!(
        message,
        "attention: parameter 0: a table has 1 to 4 dimensions, and [1, 1, 1, 1, 1] has 5"
    );
    assert_eq!(
        refusal(|_| Attention::new(causal().and(dropout(1.5, 7)))),
        "attention: `dropout`: `p` is 1.5, but must be a number, at least 0 and less than 1"
    );
}
