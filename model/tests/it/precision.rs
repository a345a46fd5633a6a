//! Mixed precision: bf16 activations, f32 weights and sums.

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::config::{AttentionKind, Config, Precision, Task, presets};
use tilewright_patchtst::heads::Heads;
use tilewright_patchtst::ops::{self, control};
use tilewright_patchtst::pass::TrainingPass;
use tilewright_patchtst::patching::patches;
use tilewright_patchtst::tensors::{self, NamedTensors};
use tilewright_patchtst::train::adam::Adam;
use tilewright_patchtst::train::batch::BatchShape;
use tilewright_patchtst::train::checkpoint::Checkpoint;
use tilewright_patchtst::train::report::read_losses;
use tilewright_patchtst::train::schedule::StepRate;
use tilewright_patchtst::train::step::Stepper;
use tilewright_patchtst::train::training_loop::Outcome;

use crate::support::{gradients, random, tiny, train, values};

/// The tiny preset with these keys set, on plain attention unless they say otherwise.
fn config(assignments: &[&str]) -> Config {
    let mut config = presets::by_name("tiny").unwrap();
    config.model.attention = AttentionKind::Vanilla;
    for assignment in assignments {
        config.set(assignment).unwrap();
    }
    config.check().unwrap();
    config
}

/// A loss, and the gradients of all that is learned.
fn loss_and_gradients(config: &Config, precision: Precision) -> (f32, NamedTensors) {
    const BATCH: usize = 8;
    const CHANNELS: usize = 3;
    let mut model = config.model.clone();
    model.precision = precision;
    let plain = Device::flex();
    let named = config.prune.named(model.layers);
    let heads = Heads::all(&model).without(&named);
    let network = PatchTst::with_heads(&model, CHANNELS, &heads, 5, &plain.clone().autodiff());
    let x = random([BATCH, CHANNELS, model.context], 6, &plain) * 2.0 + 1.0;
    let y = match model.task {
        Task::Forecast => random([BATCH, CHANNELS, model.horizon], 7, &plain).abs(),
        Task::Pretrain => {
            random([BATCH, CHANNELS, model.patches()], 7, &plain).sign().clamp_min(0.0)
        }
        Task::Classification => {
            Tensor::<1>::from_data([1.0, 0.0, 0.0], &plain).reshape([1, 1, 3]).expand([BATCH, 1, 3])
        }
        Task::Regression => random([BATCH, 1, 1], 7, &plain),
    };
    let rate = StepRate { learning_rate: 1e-3, beta1: 0.9 };
    let control = control::values(1, 1, rate, 0.999, 1e-8, 1).to_vec();
    let pass =
        TrainingPass::new(Tensor::from_data(TensorData::new(control, [control::LENGTH]), &plain));
    let loss = network.loss(x, y, None, Some(&pass));
    assert_eq!(loss.dtype(), DType::F32);
    let value = values(&loss)[0];
    (value, gradients(&network, &loss.backward()))
}

/// The largest relative distance between the gradients of a parameter in both precisions, by the
/// Euclidean norm, and whose it is. A bias is measured by its weight's gradient beside its own: the
/// gradients of a key's bias and of biases ahead of batch normalisation are zero but for rounding.
fn distance(config: &Config) -> (f64, String) {
    let (loss, expected) = loss_and_gradients(config, Precision::F32);
    let (rounded, found) = loss_and_gradients(config, Precision::Bf16);
    assert!((loss - rounded).abs() < 0.005 * loss.abs(), "{rounded} instead of {loss}");
    assert_eq!(found.len(), expected.len());
    let squares = |data: &TensorData| data.iter::<f64>().map(|value| value * value).sum::<f64>();
    let distance = |(name, wanted): (&String, &TensorData)| {
        assert_eq!(found[name].dtype(), DType::F32, "{name}");
        let layer = name.rsplit_once('.').map_or(name.as_str(), |(layer, _)| layer);
        let size: f64 = expected
            .iter()
            .filter(|(other, _)| other.rsplit_once('.').is_some_and(|(of, _)| of == layer))
            .map(|(_, data)| squares(data))
            .sum();
        let pairs = wanted.iter::<f64>().zip(found[name].iter::<f64>());
        let difference: f64 = pairs.map(|(wanted, found)| (wanted - found).powi(2)).sum();
        ((difference / size).sqrt(), name.clone())
    };
    expected.iter().map(distance).max_by(|a, b| a.0.total_cmp(&b.0)).expect("parameters")
}

/// A number is rounded to bf16 by at most 2^-9, 0.2 %, of itself. On its way from the patches to the
/// loss and back to a weight of the first of two layers it is rounded some fifty times, each time
/// independently: sqrt(50) * 0.2 % is 1.4 %. Twice that is allowed.
const ROUNDING: f64 = 0.03;

#[test]
fn gradients_are_those_of_f32_but_for_rounding() {
    for assignments in OPTIONS {
        let (distance, name) = distance(&config(assignments));
        assert!(distance < ROUNDING, "{assignments:?}: {name} is {distance} away");
        // That far, or bf16 was not there.
        assert!(distance > 1e-3, "{assignments:?}: {distance}");
    }
}

/// Rounding sends some numbers past a kink or to another maximum, and their gradients elsewhere.
#[test]
fn gradients_of_kinked_functions_are_near() {
    for assignments in KINKED {
        let (distance, name) = distance(&config(assignments));
        assert!(distance < 0.3, "{assignments:?}: {name} is {distance} away");
        assert!(distance > 1e-3, "{assignments:?}: {distance}");
    }
}

#[test]
fn activations_are_bf16_and_outputs_f32() {
    let device = Device::flex();
    for (precision, dtype) in [(Precision::F32, DType::F32), (Precision::Bf16, DType::BF16)] {
        for assignments in OPTIONS.iter().chain(KINKED) {
            let mut model = config(assignments).model;
            model.precision = precision;
            let network = PatchTst::new(&model, 2, 1, &device).network;
            let x = patches(random([3, 2, model.context], 1, &device), &model);
            let hidden = network.encode(x, &model, None);
            assert_eq!(hidden.dtype(), dtype, "{assignments:?}");
            for output in network.head.forward(hidden, &model, None) {
                assert_eq!(output.dtype(), DType::F32, "{assignments:?}");
            }
        }
    }
}

/// 1001 is no bf16, and neither is 1 + 1/1001: sums in bf16, or written as such, would differ.
#[test]
fn sums_are_f32() {
    const ROWS: usize = 1001;
    let device = Device::flex();
    let bf16 = |x: Tensor<2>| x.cast(FloatDType::BF16);
    let ones = bf16(Tensor::ones([ROWS, 2], &device));
    assert_eq!(values(&ops::column_sums(ones.clone())), [ROWS as f32; 2]);

    let tracked = device.clone().autodiff();
    let weight = Tensor::<2>::zeros([2, 3], &tracked).require_grad();
    let bias = Tensor::<1>::zeros([3], &tracked).require_grad();
    let y = ops::linear(ones.clone(), weight.clone(), bias.clone(), FloatDType::BF16);
    assert_eq!(y.dtype(), DType::BF16);
    let all = y.cast(FloatDType::F32).sum().backward();
    assert_eq!(values(&weight.grad(&all).unwrap()), [ROWS as f32; 6]);
    assert_eq!(values(&bias.grad(&all).unwrap()), [ROWS as f32; 3]);

    let odd = Tensor::cat(vec![ones, bf16(Tensor::full([1, 2], 2.0, &device))], 0);
    let one = || Tensor::<1>::ones([2], &device);
    let normed = ops::batch_norm_train(odd, one(), one(), 1e-5);
    let mean = 1003.0 / 1002.0_f32;
    assert!((values(&normed.mean)[0] - mean).abs() < 1e-6, "{:?}", values(&normed.mean));
    assert_eq!(normed.output.dtype(), DType::BF16);
}

/// A stepper of two channels, and a batch for it.
fn stepper(config: &Config, device: &Device) -> (Stepper, Vec<f32>, Vec<f32>) {
    let (context, horizon) = (config.model.context, config.model.horizon);
    let shape =
        BatchShape { batch: 4, context, horizon, channels: 2, channels_out: 2, output: None };
    let host = Device::flex();
    let (x, y) = (random([4, context, 2], 7, &host), random([4, horizon, 2], 8, &host));
    let tracked = device.clone().autodiff();
    let model = PatchTst::new(&config.model, 2, 3, &tracked);
    let adam = Adam::new(0.999, 1e-8);
    let stepper = Stepper::new(model, adam, &tracked, shape, 1, true).unwrap();
    (stepper, values(&x), values(&y))
}

/// One step moves weights by less than the distance of neighbouring bf16 numbers: held in bf16, they
/// would not move, or by much more.
#[test]
fn weights_move_by_less_than_bf16_can_say() {
    const RATE: f64 = 1e-6;
    let mut config = config(&["model.precision=bf16"]);
    config.model.set_dropout(0.0);
    let (mut stepper, x, y) = stepper(&config, &Device::flex());
    let before = tensors::of_module(stepper.model().unwrap());
    let rate = StepRate { learning_rate: RATE, beta1: 0.9 };
    stepper.step(x, y, rate, 0).unwrap();
    let (mut moved, mut silent, mut all) = (0, 0, 0);
    for (name, after) in tensors::of_module(stepper.model().unwrap()) {
        assert_eq!(after.dtype(), DType::F32, "{name}");
        if name.contains("running_") {
            continue;
        }
        for (before, after) in before[&name].iter::<f32>().zip(after.iter::<f32>()) {
            // Adam's first step is the rate itself, whatever the gradient's size.
            let change = (after - before).abs();
            assert!(f64::from(change) < 1.2 * RATE, "{name} moved by {change}");
            moved += usize::from(change > 0.0);
            silent += usize::from(bf16(before) == bf16(after));
            all += 1;
        }
    }
    assert!(moved > all * 9 / 10, "{moved} of {all} moved");
    assert!(silent > all * 9 / 10, "{silent} of {all} are the same bf16");
}

/// The upper half of an f32, to nearest.
fn bf16(value: f32) -> u32 {
    (value.to_bits() + 0x8000) >> 16
}

#[test]
fn a_run_learns_as_in_f32_and_goes_on_in_either() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, precision| {
        let mut config = tiny(folder.path(), name);
        config.model.precision = precision;
        config.train.epochs = 3;
        config
    };
    let (full, half) = (run("full", Precision::F32), run("half", Precision::Bf16));
    let Outcome::Finished(expected) = train(&full, false, None) else { panic!("not interrupted") };
    let Outcome::Finished(found) = train(&half, false, None) else { panic!("not interrupted") };
    assert_eq!(found.precision, Precision::Bf16);
    let close = |found: f64, expected: f64| (found - expected).abs() < 0.02 * expected;
    assert!(close(found.test.loss(), expected.test.loss()), "{:?} {:?}", found.test, expected.test);
    let losses = |name| read_losses(&folder.path().join(name).join("losses.csv")).unwrap();
    let (expected, found) = (losses("full"), losses("half"));
    assert!(found[2].train < 0.9 * found[0].train, "{found:?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(close(found.train, expected.train), "{found:?} instead of {expected:?}");
        assert_ne!(found.train, expected.train, "bf16 was not there");
    }

    // Stopped and resumed it is the same run, bit for bit.
    let parts = run("parts", Precision::Bf16);
    assert!(matches!(train(&parts, false, Some(7)), Outcome::Interrupted));
    train(&parts, true, None);
    let weights = |name: &str| {
        let file = folder.path().join(name).join("checkpoint.safetensors");
        Checkpoint::read(&file).unwrap().weights()
    };
    assert!(weights("parts") == weights("half"), "weights differ");

    // A run may go on in the other precision: its file holds f32.
    assert!(weights("half").values().all(|data| data.dtype() == DType::F32));
    let mut longer = run("half", Precision::F32);
    longer.train.epochs = 4;
    let Outcome::Finished(more) = train(&longer, true, None) else { panic!("not interrupted") };
    assert_eq!((more.precision, more.epochs), (Precision::F32, 4));
    assert!(more.test.loss().is_finite());
}

#[test]
fn heads_are_pruned_and_gradients_clipped_in_bf16() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = tiny(folder.path(), "pruned");
    config.model.precision = Precision::Bf16;
    config.prune.dynamic = 2;
    config.train.clip_norm = 0.1;
    let Outcome::Finished(metrics) = train(&config, false, None) else { panic!("not interrupted") };
    let file = folder.path().join("pruned/checkpoint.safetensors");
    let heads = Checkpoint::read(&file).unwrap().model(&config, &Device::flex()).unwrap().heads();
    assert_eq!(heads.count(), config.model.layers * (config.model.heads - 2));
    let naive = metrics.naive.unwrap().last_value.mse;
    assert!(metrics.test.loss() < 2.0 * naive, "{:?}", metrics.test);
}

#[test]
fn refusals_name_the_key() {
    let error = Config::default().set("model.precision=fp16").unwrap_err();
    insta::assert_snapshot!(error, @r#"model.precision = "fp16": unknown variant `fp16`, expected `f32` or `bf16`"#);
    let refused = Precision::Bf16.check("cuda:0 (Tesla V100)", |_| false).unwrap_err();
    insta::assert_snapshot!(refused, @"model.precision = bf16: cuda:0 (Tesla V100) does not compute in bf16; set model.precision=f32");
    Precision::F32.check("cuda:0 (Tesla V100)", |_| false).unwrap();
    Precision::Bf16.check("cpu", |dtype| Device::flex().supports_dtype(dtype)).unwrap();
}

/// Every option of the model that touches an activation, a few at a time.
const OPTIONS: &[&[&str]] = &[
    &[],
    &["model.attention=tuned"],
    &["model.attention=saved"],
    &["model.attention=tuned", "model.residual_attention=false"],
    &["model.attention=tuned", "model.attention_dropout=0.2"],
    &["model.attention_dropout=0.2", "model.residual_attention=false"],
    &["model.attention=tuned", "model.variant=causal"],
    &["model.norm=layer", "model.norm_order=pre"],
    &["model.norm_order=pre-residual", "model.ff_bias=false"],
    &["model.shared_embedding=false", "model.individual_head=true", "model.revin_affine=true"],
    &["model.cls_token=true", "model.position=sincos"],
    &["model.position=zero", "model.pooling=mean", "model.scaling=last"],
    &["model.position=none", "model.scaling=mean"],
    &["model.channel_attention=true", "model.pooling=last", "model.head_dropout=0.1"],
    &["model.decomposition=5", "model.loss=mae", "model.scaling=none"],
    &["model.output=normal", "model.head_dropout=0.1", "model.head_dropout_first=true"],
    &["model.output=student-t", "model.d_k=3", "model.d_v=5"],
    &["model.output=negative-binomial"],
    &["model.task=pretrain", "model.end_padding=false"],
    &["model.task=classification", "model.targets=3", "model.pooling=mean"],
    &["model.task=regression", "model.pooling=mean", "model.output_range=[-1.0, 1.0]"],
    &["prune.heads={ 0 = [1, 3], 1 = [0] }"],
    &["prune.heads={ 0 = [1], 1 = [0] }", "model.attention=tuned"],
];

/// Options whose gradients jump.
const KINKED: &[&[&str]] = &[
    &["model.activation=relu"],
    &["model.pooling=max"],
    &["model.task=regression", "model.pooling=max"],
];
