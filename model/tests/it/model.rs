//! The parts of the model and the whole.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::batch_norm::BatchNorm;
use tilewright_patchtst::config::{Alignment, AttentionKind, ModelConfig, Scaling, presets};
use tilewright_patchtst::ops::control;
use tilewright_patchtst::pass::{TrainingPass, dropout};
use tilewright_patchtst::patching::patches;
use tilewright_patchtst::revin::RevIn;
use tilewright_patchtst::tensors;
use tilewright_patchtst::train::adam::Adam;
use tilewright_patchtst::train::batch::BatchShape;
use tilewright_patchtst::train::schedule::StepRate;
use tilewright_patchtst::train::step::Stepper;
use tilewright_patchtst::train::training_loop::learned;

use crate::support::{assert_close, random, values};

#[test]
fn shapes_for_shared_and_individual_heads() {
    let device = Device::flex();
    for individual in [false, true] {
        let mut config = presets::by_name("tiny").unwrap().model;
        config.attention = AttentionKind::Vanilla;
        config.individual_head = individual;
        config.revin_affine = individual;
        config.scaling = if individual { Scaling::Last } else { Scaling::Std };
        let model = PatchTst::new(&config, 3, 1, &device);
        let y = model.forward(random([5, 3, config.context], 2, &device), None);
        assert_eq!(y.dims(), [5, 3, config.horizon]);
        assert!(values(&y).iter().all(|v| v.is_finite()));
    }
}

#[test]
fn parameter_count_of_the_paper_configurations() {
    // Counted by hand from the official code for ETTh1: embedding 16*16+16, position 42*16, per
    // layer 4 (16*16+16) + 2*2*16 + (16*128+128) + (128*16+16), head 42*16*96+96.
    let config = presets::by_name("etth1").unwrap().model;
    assert_eq!(config.tokens(), 42);
    let layer = 4 * (16 * 16 + 16) + 4 * 16 + (16 * 128 + 128) + (128 * 16 + 16);
    let expected = (16 * 16 + 16) + 42 * 16 + 3 * layer + 42 * 16 * 96 + 96;
    assert_eq!(learned(&PatchTst::new(&config, 7, 1, &Device::flex())), expected);
}

#[test]
fn patches_overlap_and_the_end_is_repeated() {
    let device = Device::flex();
    let x = Tensor::<3>::from_data(
        TensorData::new((0..10).map(|v| v as f32).collect(), [1, 1, 10]),
        &device,
    );
    let mut config = presets::by_name("tiny").unwrap().model;
    (config.context, config.patch_len, config.stride, config.end_padding) = (10, 4, 2, true);
    let cut = patches(x.clone(), &config);
    assert_eq!(cut.dims(), [1, 1, 5, 4]);
    assert_eq!(&values(&cut)[16..], [8.0, 9.0, 9.0, 9.0]);
    config.end_padding = false;
    let cut = patches(x.clone(), &config);
    assert_eq!(cut.dims(), [1, 1, 4, 4]);
    assert_eq!(&values(&cut)[..8], [0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0, 5.0]);
    // Ten steps are two patches of four and two steps over, at either end.
    config.stride = 4;
    assert_eq!(values(&patches(x.clone(), &config))[0], 0.0);
    config.patch_from = Alignment::End;
    assert_eq!(values(&patches(x, &config))[0], 2.0);
}

#[test]
fn revin_comes_back() {
    let device = Device::flex();
    for (affine, scaling) in [
        (false, Scaling::Std),
        (true, Scaling::Std),
        (false, Scaling::Last),
        (true, Scaling::Last),
        (false, Scaling::Mean),
    ] {
        let revin = RevIn::new(2, scaling, affine, &device);
        let x = random([3, 2, 20], 4, &device) * 7.0 + 100.0;
        let (normal, window) = revin.normalise(x.clone());
        let deviation = values(&normal.clone().square().mean());
        match scaling {
            Scaling::Last => {
                let last = values(&normal.clone().narrow(2, 19, 1));
                assert!(last.iter().all(|v| v.abs() < 1e-4), "{last:?}");
            }
            Scaling::Mean => {
                assert!((values(&normal.clone().abs().mean())[0] - 1.0).abs() < 1e-5);
            }
            _ => {
                assert!((deviation[0] - 1.0).abs() < 1e-2, "{deviation:?}");
                assert!(values(&normal.clone().mean())[0].abs() < 1e-4);
            }
        }
        assert_close(&values(&revin.denormalise(normal, &window)), &values(&x), 1e-5);
    }
}

#[test]
fn batch_norm_follows_the_batches_as_pytorch_does() {
    let device = Device::flex().autodiff();
    let norm = BatchNorm::new(2, &device);
    // Columns 1..4 and 10, 10, 10, 14: means 2.5 and 11, unbiased variances 5/3 and 4.
    let x = [1.0_f32, 10.0, 2.0, 10.0, 3.0, 10.0, 4.0, 14.0];
    let x = Tensor::<2>::from_data(TensorData::new(x.to_vec(), [4, 2]), &device);
    let pass = TrainingPass::new(Tensor::zeros([control::LENGTH], &Device::flex()));
    let y = values(&norm.forward(x, Some(&pass)));
    assert_close(&values(&norm.running_mean.value()), &[0.25, 1.1], 1e-6);
    assert_close(&values(&norm.running_var.value()), &[0.9 + 0.1 * 5.0 / 3.0, 0.9 + 0.4], 1e-6);
    let deviation = (1.25_f32 + 1e-5).sqrt();
    assert_close(&[y[0], y[6]], &[-1.5 / deviation, 1.5 / deviation], 1e-6);
    // In inference the running statistics are used and left alone.
    let norm = norm.valid();
    let x = Tensor::<2>::from_data(TensorData::new(vec![0.25_f32, 1.1], [1, 2]), &Device::flex());
    assert_close(&values(&norm.forward(x, None)), &[0.0, 0.0], 1e-6);
    assert_close(&values(&norm.running_mean.value()), &[0.25, 1.1], 1e-6);
}

#[test]
fn masks_are_a_function_of_seed_step_and_site() {
    let device = Device::flex();
    let x = Tensor::<1>::ones([40_000], &device);
    let rate = StepRate { learning_rate: 1e-3, beta1: 0.9 };
    let pass = |seed, step| {
        let control = control::values(seed, step, rate, 0.999, 1e-8, 1).to_vec();
        TrainingPass::new(Tensor::from_data(TensorData::new(control, [control::LENGTH]), &device))
    };
    let draw = |seed, step| values(&dropout(x.clone(), 0.3, Some(&pass(seed, step))));
    let first = draw(1, 5);
    assert_eq!(first, draw(1, 5));
    let same_pass = pass(1, 5);
    let _ = dropout(x.clone(), 0.3, Some(&same_pass));
    for other in [draw(1, 6), draw(2, 5), values(&dropout(x.clone(), 0.3, Some(&same_pass)))] {
        // Independent masks agree on 0.7 * 0.7 + 0.3 * 0.3 of the elements.
        let equal =
            first.iter().zip(&other).filter(|(a, b)| a == b).count() as f32 / first.len() as f32;
        assert!((equal - 0.58).abs() < 0.015, "{equal}");
    }
    let kept = first.iter().filter(|v| **v > 0.0).count() as f32 / first.len() as f32;
    assert!((kept - 0.7).abs() < 0.01, "{kept}");
    assert!(first.iter().all(|v| *v == 0.0 || (*v - 1.0 / 0.7).abs() < 1e-6));
    assert_eq!(values(&dropout(x.clone(), 0.3, None)), values(&x));
}

#[test]
fn gradients_pass_where_elements_were_kept() {
    let device = Device::flex();
    let x = random([1000], 3, &device.clone().autodiff()).require_grad();
    let pass = TrainingPass::new(Tensor::ones([control::LENGTH], &device));
    let y = dropout(x.clone(), 0.5, Some(&pass));
    let gradients = values(&x.grad(&y.clone().sum().backward()).unwrap());
    for ((x, y), gradient) in values(&x).iter().zip(values(&y)).zip(gradients) {
        assert_eq!(gradient, if y == 0.0 { 0.0 } else { 2.0 }, "{x} {y}");
    }
}

/// A stepper for `model` on the CPU, and steps on the same small batch.
fn steps(config: &ModelConfig, model: PatchTst, rate: f64, count: u64) -> (Stepper, Vec<f32>) {
    let device = Device::flex();
    let (x, y) =
        (random([4, config.context, 2], 7, &device), random([4, config.horizon, 2], 8, &device));
    let shape = BatchShape {
        batch: 4,
        context: config.context,
        horizon: config.horizon,
        channels: 2,
        channels_out: 2,
        output: None,
    };
    let mut stepper =
        Stepper::new(model, Adam::new(0.999, 1e-8), &device.autodiff(), shape, 1, true).unwrap();
    let rate = StepRate { learning_rate: rate, beta1: 0.9 };
    for index in 0..count {
        stepper.step(values(&x), values(&y), rate, index).unwrap();
    }
    let losses = stepper.read_losses().unwrap();
    (stepper, losses)
}

#[test]
fn a_tiny_batch_is_learned_by_heart() {
    let mut config = presets::by_name("tiny").unwrap().model;
    config.attention = AttentionKind::Vanilla;
    config.set_dropout(0.0);
    let model = PatchTst::new(&config, 2, 3, &Device::flex().autodiff());
    let (_, losses) = steps(&config, model, 3e-3, 300);
    assert_eq!(losses.len(), 300);
    assert!(losses[0] > 0.2, "{}", losses[0]);
    assert!(losses[299] < 0.01, "{}", losses[299]);
}

#[test]
fn every_parameter_is_trained() {
    let mut config = presets::by_name("tiny").unwrap().model;
    config.attention = AttentionKind::Vanilla;
    config.revin_affine = true;
    let model = PatchTst::new(&config, 2, 3, &Device::flex().autodiff());
    let before = tensors::of_module(&model);
    let (stepper, _) = steps(&config, model, 1e-2, 1);
    for (name, data) in tensors::of_module(stepper.model().unwrap()) {
        assert_ne!(data, before[&name], "{name} did not move");
    }
}

#[test]
fn a_seed_gives_the_same_weights() {
    let config = presets::by_name("tiny").unwrap().model;
    let weights = |seed| tensors::of_module(&PatchTst::new(&config, 2, seed, &Device::flex()));
    assert_eq!(weights(1), weights(1));
    assert_ne!(weights(1), weights(2));
}
