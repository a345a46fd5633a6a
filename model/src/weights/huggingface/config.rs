//! `config.json` and our configuration.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::FORMAT;
use crate::config::{
    Activation, Alignment, ModelConfig, NormKind, NormOrder, OutputKind, Pooling, PositionKind,
    Scaling, Task, presets,
};
use crate::weights::WeightsError;

/// The configuration that `config.json` describes, and its channels.
pub fn read_config(folder: &Path) -> Result<(ModelConfig, usize), WeightsError> {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| WeightsError::Read { path: path.clone(), reason: error.to_string() })?;
    let json: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|error| WeightsError::Config { path: path.clone(), reason: error.to_string() })?;
    parse_config(&json).map_err(|reason| WeightsError::Config { path, reason })
}

/// Their keys, with their defaults for those that are absent.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    fn get<'v, T>(
        &'v self,
        key: &str,
        default: T,
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<T, String> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => read(value).ok_or_else(|| format!("{key} = {value} is not understood")),
        }
    }

    fn count(&self, key: &str, default: usize) -> Result<usize, String> {
        self.get(key, default, |value| value.as_u64().and_then(|n| usize::try_from(n).ok()))
    }

    fn number(&self, key: &str, default: f64) -> Result<f64, String> {
        self.get(key, default, Value::as_f64)
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, String> {
        self.get(key, default, Value::as_bool)
    }

    /// One of a few words.
    fn choice<T: Copy>(&self, key: &str, default: T, words: &[(&str, T)]) -> Result<T, String> {
        self.get(key, default, |value| {
            words.iter().find(|(word, _)| value == word).map(|(_, choice)| *choice)
        })
    }
}

/// The same of the file's content.
pub fn parse_config(json: &Map<String, Value>) -> Result<(ModelConfig, usize), String> {
    let keys = Keys(json);
    let task =
        match json.get("architectures").and_then(|names| names.get(0)).and_then(Value::as_str) {
            None | Some("PatchTSTForPrediction") => Task::Forecast,
            Some("PatchTSTForPretraining") => Task::Pretrain,
            Some("PatchTSTForClassification") => Task::Classification,
            Some("PatchTSTForRegression") => Task::Regression,
            Some(other) => return Err(format!("architectures = [\"{other}\"] is not supported")),
        };
    let output = if task == Task::Forecast && keys.get("loss", "mse", Value::as_str)? != "mse" {
        keys.choice(
            "distribution_output",
            OutputKind::StudentT,
            &[
                ("student_t", OutputKind::StudentT),
                ("normal", OutputKind::Normal),
                ("negative_binomial", OutputKind::NegativeBinomial),
            ],
        )?
    } else {
        OutputKind::Point
    };
    let pooling = match json.get("pooling_type") {
        Some(Value::Null) => Pooling::None,
        _ => keys.choice(
            "pooling_type",
            Pooling::Mean,
            &[("mean", Pooling::Mean), ("max", Pooling::Max)],
        )?,
    };
    let scaling = match json.get("scaling") {
        Some(Value::Null | Value::Bool(false)) => Scaling::None,
        Some(Value::Bool(true)) => Scaling::Mean,
        _ => {
            keys.choice("scaling", Scaling::Std, &[("std", Scaling::Std), ("mean", Scaling::Mean)])?
        }
    };
    let range = |value: &Value| {
        let bounds = value.as_array()?;
        Some([bounds.first()?.as_f64()?, bounds.get(1)?.as_f64()?])
    };
    let position = keys.choice(
        "positional_encoding_type",
        PositionKind::Sincos,
        &[("sincos", PositionKind::Sincos), ("random", PositionKind::Random)],
    )?;
    let model = ModelConfig {
        task,
        context: keys.count("context_length", 32)?,
        horizon: keys.count("prediction_length", 24)?,
        patch_len: keys.count("patch_length", 1)?,
        stride: keys.count("patch_stride", 1)?,
        end_padding: false,
        patch_from: Alignment::End,
        d_model: keys.count("d_model", 128)?,
        heads: keys.count("num_attention_heads", 4)?,
        d_k: 0,
        d_v: 0,
        d_ff: keys.count("ffn_dim", 512)?,
        layers: keys.count("num_hidden_layers", 3)?,
        activation: keys.choice(
            "activation_function",
            Activation::Gelu,
            &[("gelu", Activation::Gelu), ("relu", Activation::Relu)],
        )?,
        norm: keys.choice(
            "norm_type",
            NormKind::Batch,
            &[("batchnorm", NormKind::Batch), ("layernorm", NormKind::Layer)],
        )?,
        norm_order: if keys.flag("pre_norm", true)? { NormOrder::Pre } else { NormOrder::Post },
        ff_bias: keys.flag("bias", true)?,
        shared_embedding: keys.flag("share_embedding", true)?,
        position,
        learn_position: position == PositionKind::Random,
        cls_token: keys.flag("use_cls_token", false)?,
        channel_attention: keys.flag("channel_attention", false)?,
        attention_dropout: keys.number("attention_dropout", 0.0)?,
        position_dropout: keys.number("positional_dropout", 0.0)?,
        projection_dropout: 0.0,
        path_dropout: keys.number("path_dropout", 0.0)?,
        ff_dropout: keys.number("ff_dropout", 0.0)?,
        head_dropout: keys.number("head_dropout", 0.0)?,
        head_dropout_first: true,
        individual_head: !keys.flag("share_projection", true)?,
        pooling,
        output,
        targets: keys.count("num_targets", 1)?,
        output_range: keys.get("output_range", [0.0, 0.0], range)?,
        scaling,
        revin_affine: false,
        decomposition: 0,
        residual_attention: false,
        ..presets::synthetic().model
    };
    let epsilon = keys.number("norm_eps", 1e-5)?;
    if epsilon != 1e-5 {
        return Err(format!("norm_eps = {epsilon} is not supported; this model has 1e-5"));
    }
    Ok((model, keys.count("num_input_channels", 1)?))
}

/// `config.json` for a model, or the key that has no counterpart there.
pub fn config_json(config: &ModelConfig, channels: usize) -> Result<Value, WeightsError> {
    for (has, key, value) in [
        (config.residual_attention, "model.residual_attention", "true".to_string()),
        (config.end_padding, "model.end_padding", "true".to_string()),
        (config.revin_affine, "model.revin_affine", "true".to_string()),
        (config.scaling == Scaling::Last, "model.scaling", config.scaling.to_string()),
        (config.decomposition > 0, "model.decomposition", config.decomposition.to_string()),
        (config.pooling == Pooling::Last, "model.pooling", config.pooling.to_string()),
        (config.head_dim() != config.d_model / config.heads, "model.d_k", config.d_k.to_string()),
        (config.value_dim() != config.d_model / config.heads, "model.d_v", config.d_v.to_string()),
        (
            config.norm_order == NormOrder::PreResidual,
            "model.norm_order",
            config.norm_order.to_string(),
        ),
        // Patches counted from the start are theirs only where none is left over.
        (
            config.patch_from == Alignment::Start
                && !(config.context - config.patch_len).is_multiple_of(config.stride),
            "model.patch_from",
            config.patch_from.to_string(),
        ),
        (config.variant.trim() != "softmax", "model.variant", config.variant.clone()),
    ] {
        if has {
            return Err(WeightsError::NoCounterpart { key, value, format: FORMAT });
        }
    }
    // Their tables of positions are whole; ours with one number a token are written out so.
    let position = if config.learn_position { "random" } else { "sincos" };
    let (loss, distribution) = match config.output {
        OutputKind::Point => ("mse", "student_t"),
        OutputKind::Normal => ("nll", "normal"),
        OutputKind::StudentT => ("nll", "student_t"),
        OutputKind::NegativeBinomial => ("nll", "negative_binomial"),
    };
    let architecture = match config.task {
        Task::Forecast => "PatchTSTForPrediction",
        Task::Pretrain => "PatchTSTForPretraining",
        Task::Classification => "PatchTSTForClassification",
        Task::Regression => "PatchTSTForRegression",
    };
    let scaling = match config.scaling {
        Scaling::Mean => json!("mean"),
        Scaling::None => Value::Null,
        Scaling::Std | Scaling::Last => json!("std"),
    };
    let pooling = match config.pooling {
        Pooling::Mean => json!("mean"),
        Pooling::Max => json!("max"),
        Pooling::None | Pooling::Last => Value::Null,
    };
    let range = (config.output_range != [0.0, 0.0]).then_some(config.output_range);
    Ok(json!({
        "architectures": [architecture],
        "model_type": "patchtst",
        "torch_dtype": "float32",
        "num_input_channels": channels,
        "context_length": config.context,
        "prediction_length": config.horizon,
        "patch_length": config.patch_len,
        "patch_stride": config.stride,
        "d_model": config.d_model,
        "num_attention_heads": config.heads,
        "ffn_dim": config.d_ff,
        "num_hidden_layers": config.layers,
        "activation_function": config.activation.name(),
        "norm_type": if config.norm == NormKind::Batch { "batchnorm" } else { "layernorm" },
        "norm_eps": 1e-5,
        "pre_norm": config.norm_order == NormOrder::Pre,
        "bias": config.ff_bias,
        "share_embedding": config.shared_embedding,
        "positional_encoding_type": position,
        "use_cls_token": config.cls_token,
        "channel_attention": config.channel_attention,
        "attention_dropout": config.attention_dropout,
        "positional_dropout": config.position_dropout,
        "path_dropout": 1.0 - (1.0 - config.projection_dropout) * (1.0 - config.path_dropout),
        "ff_dropout": config.ff_dropout,
        "head_dropout": config.head_dropout,
        "share_projection": !config.individual_head,
        "pooling_type": pooling,
        "loss": loss,
        "distribution_output": distribution,
        "num_targets": config.targets,
        "output_range": range,
        "scaling": scaling,
    }))
}
