//! What the tests share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::config::{AttentionKind, Config, presets};
use tilewright_patchtst::data::Data;
use tilewright_patchtst::progress::Progress;
use tilewright_patchtst::runtime;
use tilewright_patchtst::tensors::{self, NamedTensors};
use tilewright_patchtst::train::run_folder::RunFolder;
use tilewright_patchtst::train::training_loop::{Outcome, Trainer};

/// The smallest preset, on the CPU, in `runs`, with plain attention: no kernel has to be compiled.
pub fn tiny(runs: &Path, name: &str) -> Config {
    let mut config = presets::by_name("tiny").expect("a preset");
    config.model.attention = AttentionKind::Vanilla;
    config.data.max_windows = 320;
    config.runtime.device = "cpu".into();
    config.runtime.cache = "off".into();
    config.runtime.runs = runs.display().to_string();
    config.runtime.name = name.into();
    config
}

/// Trains `config`, new or resumed, asking it to stop once `stop_after` steps are done.
pub fn train(config: &Config, resume: bool, stop_after: Option<u64>) -> Outcome {
    let folder = if resume {
        RunFolder::open(&Path::new(&config.runtime.runs).join(&config.runtime.name)).expect("a run")
    } else {
        RunFolder::create(config).expect("a new run")
    };
    let data = Data::open(config).expect("the synthetic series");
    let runtime = runtime::open(config).expect("the CPU");
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    Trainer::new(config.clone(), folder, &runtime, data, resume, stop)
        .expect("a trainer")
        .after_step(move |steps| {
            if Some(steps) == stop_after {
                asked.store(true, Ordering::Relaxed);
            }
        })
        .run(&mut Progress::new(true))
        .expect("a run without errors")
}

/// Numbers from U(-1, 1).
pub fn random<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_into_vec::<f32>().expect("f32")
}

/// Fails unless all values agree to `tolerance`, relative to the largest of `expected`.
#[track_caller]
pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "different lengths");
    let size = expected.iter().fold(1e-6_f32, |size, v| size.max(v.abs()));
    for (index, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * size,
            "value {index}: {f} instead of {e} (largest {size}, tolerance {tolerance})"
        );
    }
}

/// The gradients of all that is learned, by name.
pub fn gradients(model: &PatchTst, gradients: &Gradients) -> NamedTensors {
    struct Collect<'a>(tensors::Path, &'a Gradients, NamedTensors);
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.1) {
                self.2.insert(self.0.name(), gradient.to_data());
            }
        }
    }
    let mut collect = Collect(tensors::Path::default(), gradients, NamedTensors::new());
    model.visit(&mut collect);
    collect.2
}
