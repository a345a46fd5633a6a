//! Pruned heads: the same numbers as heads whose outputs are zero, with less to compute.

use burn::tensor::{Device, Tensor, TensorData};
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::config::{AttentionKind, ModelConfig, presets};
use tilewright_patchtst::heads::{self, Heads};
use tilewright_patchtst::ops::control;
use tilewright_patchtst::pass::TrainingPass;
use tilewright_patchtst::tensors;
use tilewright_patchtst::train::training_loop::learned;

use crate::support::{assert_close, random, values};

fn config(kind: AttentionKind, residual: bool) -> ModelConfig {
    let mut config = presets::by_name("tiny").unwrap().model;
    config.attention = kind;
    config.residual_attention = residual;
    config.layers = 3;
    config
}

/// The whole model with nothing but zeros where the output projection reads a pruned head.
fn silenced(config: &ModelConfig, pruned: &[Vec<usize>]) -> PatchTst {
    let model = PatchTst::new(config, 2, 1, &Device::flex());
    let mut weights = tensors::of_module(&model);
    let (width, d) = (config.value_dim(), config.d_model);
    for (layer, pruned) in pruned.iter().enumerate() {
        let name = format!("network.encoder.layers.{layer}.output.weight");
        let data = weights.get_mut(&name).unwrap();
        let mut values: Vec<f32> = data.iter::<f32>().collect();
        for head in pruned {
            values[head * width * d..(head + 1) * width * d].fill(0.0);
        }
        *data = TensorData::new(values, [config.heads * width, d]);
    }
    tensors::into_module(model, weights).unwrap()
}

#[test]
fn pruned_heads_are_gone_and_the_rest_is_as_before() {
    let device = Device::flex();
    let pruned = [vec![1], vec![], vec![0, 3]];
    for residual in [true, false] {
        for kind in [AttentionKind::Vanilla, AttentionKind::Tuned] {
            let config = config(kind, residual);
            let whole = PatchTst::new(&config, 2, 1, &device);
            let heads = Heads::all(&config).without(&pruned);
            let smaller = heads::prune(&whole, &heads, 2, &device).unwrap();
            assert!(learned(&smaller) < learned(&whole));
            assert_eq!(smaller.heads(), heads);
            let x = random([3, 2, config.context], 5, &device);
            let expected = values(&silenced(&config, &pruned).forward(x.clone(), None));
            assert_close(&values(&smaller.forward(x, None)), &expected, 1e-5);
        }
    }
}

#[test]
fn a_head_that_no_layer_keeps_has_no_queries_either() {
    let config = config(AttentionKind::Vanilla, true);
    let heads = Heads::all(&config).without(&[vec![2], vec![2, 1], vec![2]]);
    assert_eq!(heads.scored(&config), vec![vec![0, 1, 3]; 3]);
    let whole = PatchTst::new(&config, 2, 1, &Device::flex());
    let smaller = heads::prune(&whole, &heads, 2, &Device::flex()).unwrap();
    let layer = &smaller.network.encoder.layers[1];
    assert_eq!(layer.query.weight.val().dims(), [16, 12]);
    assert_eq!(layer.value.weight.val().dims(), [16, 8]);
    assert_eq!(layer.output.weight.val().dims(), [8, 16]);
}

#[test]
fn importance_is_the_gradient_of_a_gain() {
    let device = Device::flex().autodiff();
    let config = config(AttentionKind::Vanilla, true);
    let model = PatchTst::new(&config, 2, 1, &device);
    let (x, y) = (random([3, 2, config.context], 5, &device), random([3, 2, 12], 6, &device));
    let importance =
        heads::importance(&model, &model.loss(x.clone(), y.clone(), None, None).backward());
    // Central differences of the loss for a gain on one head's rows of the output projection.
    let loss = |layer: usize, head: usize, gain: f32| {
        let mut weights = tensors::of_module(&model);
        let data =
            weights.get_mut(&format!("network.encoder.layers.{layer}.output.weight")).unwrap();
        let mut values: Vec<f32> = data.iter::<f32>().collect();
        let rows = config.value_dim() * config.d_model;
        values[head * rows..(head + 1) * rows].iter_mut().for_each(|value| *value *= gain);
        *data = TensorData::new(values, data.shape().clone());
        let plain = PatchTst::new(&config, 2, 1, &Device::flex());
        let plain = tensors::into_module(plain, weights).unwrap();
        let (x, y) = (x.clone().without_autodiff(), y.clone().without_autodiff());
        f64::from(crate::support::values(&plain.loss(x, y, None, None))[0])
    };
    for (layer, head) in [(0, 0), (1, 3), (2, 2)] {
        let step = 0.05;
        let slope =
            (loss(layer, head, 1.0 + step) - loss(layer, head, 1.0 - step)) / f64::from(2.0 * step);
        let found = importance[layer][head];
        assert!((found - slope.abs()).abs() < 2e-5 + 0.02 * slope.abs(), "{found} {slope}");
    }
}

#[test]
fn the_least_important_go() {
    let config = config(AttentionKind::Vanilla, true);
    let heads = Heads::all(&config);
    let importance = vec![vec![0.3, 0.1, 0.2, 0.4], vec![1.0, 2.0, 0.0, 0.5], vec![1.0; 4]];
    assert_eq!(heads.least(&importance, 2), vec![vec![1, 2], vec![2, 3], vec![0, 1]]);
    let left = heads.without(&heads.least(&importance, 2));
    assert_eq!((left.count(), &left.kept[0]), (6, &vec![0, 3]));
}

#[test]
fn attention_dropout_is_the_same_twice_and_other_in_the_next_step() {
    let mut config = config(AttentionKind::Tuned, false);
    config.layers = 1;
    config.set_dropout(0.0);
    config.attention_dropout = 0.5;
    let model = PatchTst::new(&config, 2, 1, &Device::flex());
    let x = random([3, 2, config.context], 5, &Device::flex());
    let draw = |seed: f32| {
        let mut values = vec![0.0; control::LENGTH];
        values[control::SEED_LOW] = seed;
        let control =
            Tensor::from_data(TensorData::new(values, [control::LENGTH]), &Device::flex());
        // A pass that is made anew: its sites are counted from the start.
        let pass = TrainingPass::new(control);
        crate::support::values(&model.forward(x.clone(), Some(&pass)))
    };
    assert_eq!(draw(1.0), draw(1.0));
    assert_ne!(draw(1.0), draw(2.0));
}
