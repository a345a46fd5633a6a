//! Presets by name: the settings of the official scripts
//! (`PatchTST_supervised/scripts/PatchTST/*.sh`, PatchTST/42), horizon 96.

use super::{
    Activation, Alignment, AttentionKind, AutotuneEffort, Config, ConfigError, DataConfig,
    LossKind, ModelConfig, NormKind, NormOrder, OutputKind, Pooling, PositionKind, Precision,
    PretrainConfig, PruneConfig, RuntimeConfig, Scaling, ScheduleKind, Task, TrainConfig,
    overrides::closest,
};

/// Every preset, in the order shown to users.
pub const NAMES: [&str; 15] = [
    "synthetic",
    "etth1",
    "etth2",
    "ettm1",
    "ettm2",
    "weather",
    "electricity",
    "traffic",
    "illness",
    "exchange_rate",
    "pretrain",
    "finetune",
    "classification",
    "regression",
    "tiny",
];

/// The preset called `name`.
pub fn by_name(name: &str) -> Result<Config, ConfigError> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "synthetic" => synthetic(),
        "tiny" => tiny(),
        // Small data: a small network, strong dropout.
        name @ ("etth1" | "etth2") => official(name, small(), 128, 100, ScheduleKind::Type3),
        name @ ("ettm1" | "ettm2") => {
            with_schedule(official(name, wide(), 128, 20, ScheduleKind::OneCycle), 0.4)
        }
        name @ "weather" => official(name, wide(), 128, 20, ScheduleKind::Type3),
        name @ "electricity" => {
            with_schedule(official(name, wide(), 32, 10, ScheduleKind::OneCycle), 0.2)
        }
        name @ "traffic" => {
            with_schedule(official(name, wide(), 24, 10, ScheduleKind::OneCycle), 0.2)
        }
        name @ "illness" => illness(name),
        // No official script; the small network suits its 7588 days.
        name @ "exchange_rate" => official(name, small(), 128, 100, ScheduleKind::Type3),
        "pretrain" => pretrain(),
        "finetune" => finetune(),
        "classification" => classification(),
        "regression" => regression(),
        other => {
            return Err(ConfigError::UnknownPreset {
                name: name.into(),
                nearest: closest(other, NAMES.iter().map(|n| n.to_string())),
            });
        }
    })
}

fn small() -> ModelConfig {
    dropping(ModelConfig { d_model: 16, heads: 4, d_ff: 128, ..wide() }, 0.3)
}

fn wide() -> ModelConfig {
    let model = ModelConfig {
        task: Task::Forecast,
        context: 336,
        horizon: 96,
        patch_len: 16,
        stride: 8,
        end_padding: true,
        patch_from: Alignment::Start,
        d_model: 128,
        heads: 16,
        d_k: 0,
        d_v: 0,
        d_ff: 256,
        layers: 3,
        activation: Activation::Gelu,
        norm: NormKind::Batch,
        norm_order: NormOrder::Post,
        ff_bias: true,
        shared_embedding: true,
        position: PositionKind::Zeros,
        learn_position: true,
        cls_token: false,
        channel_attention: false,
        attention_dropout: 0.0,
        position_dropout: 0.0,
        projection_dropout: 0.0,
        path_dropout: 0.0,
        ff_dropout: 0.0,
        head_dropout: 0.0,
        head_dropout_first: false,
        individual_head: false,
        pooling: Pooling::None,
        output: OutputKind::Point,
        loss: LossKind::Mse,
        targets: 1,
        output_range: [0.0, 0.0],
        scaling: Scaling::Std,
        revin_affine: false,
        decomposition: 0,
        residual_attention: true,
        attention: AttentionKind::Tuned,
        precision: Precision::F32,
        variant: "softmax".into(),
    };
    dropping(model, 0.2)
}

fn dropping(mut model: ModelConfig, rate: f64) -> ModelConfig {
    model.set_dropout(rate);
    model
}

fn official(
    dataset: &str,
    model: ModelConfig,
    batch_size: usize,
    patience: usize,
    schedule: ScheduleKind,
) -> Config {
    Config {
        model,
        data: DataConfig {
            dataset: dataset.into(),
            train: String::new(),
            test: String::new(),
            validation: 0.2,
            root: String::new(),
            features: "M".into(),
            target: String::new(),
            scale: true,
            max_windows: 0,
            workers: 2,
            prefetch: 4,
        },
        pretrain: PretrainConfig::default(),
        prune: PruneConfig { batches: 32, after_epochs: 1, ..PruneConfig::default() },
        train: TrainConfig {
            weights: String::new(),
            freeze_epochs: 0,
            epochs: 100,
            batch_size,
            learning_rate: 1e-4,
            schedule,
            pct_start: 0.3,
            cycle_momentum: true,
            official_start: false,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip_norm: 0.0,
            patience,
            seed: 2021,
            test_each_epoch: false,
            checkpoint_steps: 0,
        },
        runtime: RuntimeConfig {
            device: "auto".into(),
            autotune: AutotuneEffort::Off,
            graph: true,
            dashboard: true,
            cache: "auto".into(),
            runs: "runs".into(),
            name: String::new(),
        },
    }
}

fn with_schedule(mut config: Config, pct_start: f64) -> Config {
    config.train.pct_start = pct_start;
    config
}

fn illness(name: &str) -> Config {
    let model = ModelConfig { context: 104, horizon: 24, patch_len: 24, stride: 2, ..small() };
    let mut config = official(name, model, 16, 100, ScheduleKind::Constant);
    config.train.learning_rate = 0.0025;
    config
}

/// The self-supervised scripts (`patchtst_pretrain.py`, README): 512 steps in 42 patches side by
/// side, 40% of them hidden.
fn pretrain() -> Config {
    let model = ModelConfig {
        task: Task::Pretrain,
        context: 512,
        patch_len: 12,
        stride: 12,
        end_padding: false,
        patch_from: Alignment::End,
        d_ff: 512,
        activation: Activation::Relu,
        head_dropout: 0.2,
        head_dropout_first: true,
        residual_attention: false,
        ..wide()
    };
    let mut config = official("etth1", model, 64, 0, ScheduleKind::OneCycle);
    config.train.epochs = 100;
    config.train.pct_start = 0.3;
    config
}

/// `patchtst_finetune.py`: the head alone for 10 epochs, then everything for 20; set
/// `train.weights` to the pretrained run.
fn finetune() -> Config {
    let mut config = pretrain();
    config.model.task = Task::Forecast;
    config.train.epochs = 30;
    config.train.freeze_epochs = 10;
    config
}

/// Labelled cases, of the length and the classes that `data.train` has. Width, layers, batch and rate
/// are those of Time-Series-Library's experiments on the UEA archive; its head reads all tokens of
/// all channels, this one the mean of each channel's. Cases are not normalised one by one: in the UCR
/// archive they are already, and elsewhere a class often shows in their level and size.
fn classification() -> Config {
    let model = ModelConfig {
        task: Task::Classification,
        context: 0,
        targets: 0,
        pooling: Pooling::Mean,
        scaling: Scaling::None,
        residual_attention: false,
        ..wide()
    };
    let model = dropping(model, 0.1);
    let mut config = official("synthetic", model, 16, 10, ScheduleKind::Constant);
    config.train.learning_rate = 1e-3;
    config
}

/// A number for each case.
fn regression() -> Config {
    let mut config = classification();
    config.model.task = Task::Regression;
    config
}

/// A series with trend, two seasons and noise that trains in minutes on two CPU cores.
pub fn synthetic() -> Config {
    let model = ModelConfig {
        context: 96,
        horizon: 24,
        d_model: 32,
        heads: 4,
        d_ff: 64,
        layers: 2,
        ..wide()
    };
    let model = dropping(model, 0.1);
    let mut config = official("synthetic", model, 64, 3, ScheduleKind::Type3);
    config.train.epochs = 8;
    config.train.learning_rate = 1e-3;
    config.data.workers = 0;
    config
}

/// The smallest thing that trains: for a first look and for tests.
fn tiny() -> Config {
    let mut config = synthetic();
    config.model = ModelConfig { d_model: 16, d_ff: 32, context: 48, horizon: 12, ..config.model };
    config.data.max_windows = 640;
    config.train.epochs = 2;
    config
}
