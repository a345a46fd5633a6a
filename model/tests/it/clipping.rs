//! Gradient clipping by the common norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::config::presets;
use tilewright_patchtst::train::clip;

use crate::support::{random, values};

/// All gradients in one row.
struct Flat<'a>(&'a GradientsParams, Vec<f32>);

impl ModuleVisitor for Flat<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.get::<D>(param.id) {
            self.1.extend(values(&gradient));
        }
    }
}

fn flat(model: &PatchTst, gradients: &GradientsParams) -> Vec<f32> {
    let mut flat = Flat(gradients, Vec::new());
    model.visit(&mut flat);
    flat.1
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_common_norm_is_bounded_and_the_direction_kept() {
    let mut config = presets::by_name("tiny").unwrap().model;
    config.attention = tilewright_patchtst::config::AttentionKind::Vanilla;
    let device = Device::flex().autodiff();
    let model = PatchTst::new(&config, 3, 7, &device);
    let x = random([2, 3, config.context], 1, &device);
    let loss = || model.forward(x.clone(), None).square().sum();
    let gradients = || GradientsParams::from_grads(loss().backward(), &model);
    let free = flat(&model, &gradients());
    let whole = norm(&free);
    assert!(whole > 1.0, "{whole}");

    let mut clipped = gradients();
    clip::clip(&model, &mut clipped, whole / 8.0);
    let clipped = flat(&model, &clipped);
    assert!((norm(&clipped) / (whole / 8.0) - 1.0).abs() < 1e-5, "{}", norm(&clipped));
    for (found, free) in clipped.iter().zip(&free) {
        assert!((found - free / 8.0).abs() <= 1e-6 * free.abs() + 1e-12, "{found} {free}");
    }

    let mut kept = gradients();
    clip::clip(&model, &mut kept, whole * 2.0);
    assert_eq!(flat(&model, &kept), free, "a norm that is small enough is left alone");
}
