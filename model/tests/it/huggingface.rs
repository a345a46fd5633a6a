//! Parity with Hugging Face's PatchTST: the same weights and inputs give the same outputs, losses
//! and gradients. `tests/reference/huggingface.py` wrote the files.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use tilewright_patchtst::PatchTst;
use tilewright_patchtst::config::{AttentionKind, ModelConfig, Task};
use tilewright_patchtst::ops::control;
use tilewright_patchtst::pass::TrainingPass;
use tilewright_patchtst::tensors::{self, NamedTensors};
use tilewright_patchtst::weights::{from_theirs, huggingface, to_theirs};

use crate::support::{assert_close, gradients, values};

/// Those that run through the kernels too, each of which takes a while to compile.
const BY_KERNELS: [&str; 4] = ["defaults", "post_norm", "channel_attention", "cls_token"];

struct Case {
    name: String,
    config: ModelConfig,
    channels: usize,
    tensors: NamedTensors,
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| case(file)).collect()
}

fn case(file: &Path) -> Case {
    let (tensors, metadata) = tensors::read(file).unwrap();
    let json = serde_json::from_str(&metadata["config"]).unwrap();
    let (config, channels) = huggingface::parse_config(&json).unwrap();
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    Case { name, config, channels, tensors }
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/huggingface")
}

impl Case {
    fn model(&self, kind: AttentionKind, device: &Device) -> PatchTst {
        let config = ModelConfig { attention: kind, ..self.config.clone() };
        let model = PatchTst::new(&config, self.channels, 1, device);
        let entries = huggingface::entries(&config, self.channels);
        let theirs = tensors::section(&self.tensors, "weight");
        let like = tensors::of_module(&model);
        let counters = |name: &str| name.ends_with("num_batches_tracked");
        let ours = from_theirs(&entries, theirs, &like, counters).unwrap();
        tensors::into_module(model, ours).unwrap()
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        Tensor::from_data(self.tensors[name].clone(), &Device::flex())
    }

    fn x(&self) -> Tensor<3> {
        self.tensor::<3>("x").swap_dims(1, 2)
    }

    /// What the loss compares with, as our model takes it.
    fn y(&self) -> Tensor<3> {
        match self.config.task {
            Task::Forecast => self.tensor::<3>("y").swap_dims(1, 2),
            Task::Pretrain => self.tensor("y"),
            Task::Regression => self.tensor::<2>("y").unsqueeze_dim(1),
            Task::Classification => {
                let classes = self.config.targets;
                let labels = values(&self.tensor::<1>("y"));
                let one_hot = labels.iter().flat_map(|label| {
                    (0..classes).map(move |class| f32::from(class as f32 == *label))
                });
                let data = TensorData::new(one_hot.collect::<Vec<_>>(), [labels.len(), 1, classes]);
                Tensor::from_data(data, &Device::flex())
            }
        }
    }

    fn output(&self, model: &PatchTst) -> Vec<f32> {
        match self.config.task {
            Task::Forecast => values(&model.forward(self.x(), None).swap_dims(1, 2)),
            Task::Pretrain => values(&model.reconstruct(self.x(), self.y(), None).predicted),
            Task::Classification | Task::Regression => values(&model.targets(self.x(), None)),
        }
    }

    /// In inference the outputs, in training the loss and the gradient of every parameter.
    fn check(&self, kind: AttentionKind) {
        println!("{} by {}", self.name, kind.name());
        let device = Device::flex();
        let output = self.output(&self.model(kind, &device));
        assert_close(&output, &floats(&self.tensors["output"]), 1e-5);

        let model = self.model(kind, &device.autodiff());
        let pass = TrainingPass::new(Tensor::zeros([control::LENGTH], &Device::flex()));
        let loss = model.loss(self.x(), self.y(), None, Some(&pass));
        assert_close(&values(&loss), &floats(&self.tensors["loss"]), 1e-5);
        let ours = gradients(&model, &loss.backward());
        let entries = huggingface::entries(&self.config, self.channels);
        let trained: Vec<_> =
            entries.into_iter().filter(|entry| ours.contains_key(&entry.ours)).collect();
        let found = to_theirs(&trained, &ours).unwrap();
        let expected = tensors::section(&self.tensors, "grad");
        let names = |tensors: &NamedTensors| tensors.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected));
        // Gradients that are zero but for rounding (those of keys' biases) have no size of their
        // own; all are measured by the largest.
        let largest = |data: &TensorData| floats(data).iter().fold(0.0_f32, |a, v| a.max(v.abs()));
        let size = expected.values().map(largest).fold(0.0, f32::max);
        for (name, gradient) in &expected {
            assert_eq!(found[name].shape(), gradient.shape(), "{name}");
            let differences = floats(&found[name]).into_iter().zip(floats(gradient));
            let off = differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let allowed = 1e-4 * largest(gradient).max(1e-2 * size);
            assert!(off <= allowed, "{}: {name} is off by {off}, {allowed} allowed", self.name);
        }
    }
}

fn floats(data: &TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}

#[test]
fn committed_cases_agree() {
    let cases = cases(&committed());
    assert!(cases.len() >= 20, "{} cases", cases.len());
    for case in cases {
        case.check(AttentionKind::Vanilla);
        if BY_KERNELS.contains(&case.name.as_str()) {
            case.check(AttentionKind::Tuned);
        }
    }
}

/// Fresh cases from the Hugging Face of today, where `TILEWRIGHT_PARITY` names a Python that has it
/// (`cargo xtask parity` makes one).
#[test]
fn fresh_cases_agree() {
    let Some(python) = std::env::var_os("TILEWRIGHT_PARITY") else {
        eprintln!(
            "skipped: TILEWRIGHT_PARITY is not set; `cargo xtask parity` installs and sets it"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/huggingface.py");
    let output = std::process::Command::new(python)
        .args([script.as_path(), folder.path(), Path::new("7")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for case in cases(folder.path()) {
        case.check(AttentionKind::Vanilla);
    }
}

#[test]
fn a_round_trip_is_exact() {
    for case in cases(&committed()) {
        let folder = tempfile::tempdir().unwrap();
        let model = case.model(AttentionKind::Vanilla, &Device::flex());
        huggingface::save(&model, case.channels, folder.path()).unwrap();
        let (config, channels) = huggingface::read_config(folder.path()).unwrap();
        let expected = ModelConfig { attention: config.attention, ..case.config.clone() };
        assert_eq!((config.clone(), channels), (expected, case.channels), "{}", case.name);
        let fresh = PatchTst::new(&config, channels, 2, &Device::flex());
        let loaded = huggingface::load(fresh, channels, folder.path()).unwrap();
        assert_eq!(tensors::of_module(&loaded), tensors::of_module(&model), "{}", case.name);
        let (mut written, _) = tensors::read(&folder.path().join("model.safetensors")).unwrap();
        let mut theirs = tensors::section(&case.tensors, "weight");
        assert!(written.keys().eq(theirs.keys()), "{}", case.name);
        written.retain(|name, _| !name.ends_with("num_batches_tracked"));
        theirs.retain(|name, _| !name.ends_with("num_batches_tracked"));
        assert_eq!(written, theirs, "{}", case.name);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let case = case(&committed().join("defaults.safetensors"));
    let model = || case.model(AttentionKind::Vanilla, &Device::flex());
    let like = tensors::of_module(&model());
    let entries = huggingface::entries(&case.config, case.channels);
    let attempt = |change: &dyn Fn(&mut NamedTensors)| {
        let mut theirs = tensors::section(&case.tensors, "weight");
        theirs.retain(|name, _| !name.ends_with("num_batches_tracked"));
        change(&mut theirs);
        from_theirs(&entries, theirs, &like, |_| false).unwrap_err().to_string()
    };
    let bias = "head.projection.bias";
    insta::assert_snapshot!(
        attempt(&|theirs| drop(theirs.remove(bias))),
        @"`head.projection.bias` is missing; it would be our `network.head.projections.0.bias`"
    );
    insta::assert_snapshot!(
        attempt(&|theirs| drop(theirs.insert(bias.into(), TensorData::new(vec![0.0_f32], [1])))),
        @"`head.projection.bias` holds 1 numbers, the model needs 3 of them (our `network.head.projections.0.bias`)"
    );
    insta::assert_snapshot!(
        attempt(&|theirs| drop(theirs.insert("odd".into(), TensorData::new(vec![0.0_f32], [1])))),
        @"`odd` has no place in the model"
    );
    let mut residual = case.config.clone();
    residual.residual_attention = true;
    let refused = huggingface::config_json(&residual, 2).unwrap_err().to_string();
    insta::assert_snapshot!(
        refused,
        @"model.residual_attention = true has no counterpart in Hugging Face's PatchTST"
    );
}
