//! PatchTST of Hugging Face's `transformers` (`modeling_patchtst.py`, version 4.57): a folder with
//! `config.json` and `model.safetensors`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Entry, Form, WeightsError, from_theirs, read_file, to_theirs};
use crate::config::{
    Activation, Alignment, ModelConfig, NormKind, NormOrder, OutputKind, Pooling, PositionKind,
    Scaling, Task, presets,
};
use crate::patchtst::PatchTst;
use crate::tensors::{self, NamedTensors};
use crate::train::report::write_whole;

const FORMAT: &str = "Hugging Face's PatchTST";
/// Batches that a normalisation has seen: a count without which theirs works as well.
const COUNTER: &str = "num_batches_tracked";

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

/// The table of tensors.
pub fn entries(config: &ModelConfig, channels: usize) -> Vec<Entry> {
    let mut table = Vec::new();
    let mut linear = |ours: String, theirs: String, bias: bool| {
        table.push(Entry::new(
            format!("{ours}.weight"),
            format!("{theirs}.weight"),
            Form::Transposed,
        ));
        if bias {
            let form = Form::Same { rank: 1 };
            table.push(Entry::new(format!("{ours}.bias"), format!("{theirs}.bias"), form));
        }
    };
    let encoder = "model.encoder";
    for layer in 0..config.layers {
        let ours = format!("network.encoder.layers.{layer}");
        let theirs = format!("{encoder}.layers.{layer}");
        for (our, their) in
            [("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("output", "out_proj")]
        {
            linear(format!("{ours}.{our}"), format!("{theirs}.self_attn.{their}"), true);
        }
        linear(format!("{ours}.expand"), format!("{theirs}.ff.0"), config.ff_bias);
        linear(format!("{ours}.contract"), format!("{theirs}.ff.3"), config.ff_bias);
    }
    for layer in 0..config.layers {
        let ours = format!("network.encoder.layers.{layer}");
        let theirs = format!("{encoder}.layers.{layer}");
        let channel = config.channel_attention.then_some(("channel_norm", 2));
        let norms = [Some(("attention_norm", 1)), channel, Some(("feed_forward_norm", 3))];
        for (our, number) in norms.into_iter().flatten() {
            let their = format!("{theirs}.norm_sublayer{number}");
            table.extend(norm(config.norm, &format!("{ours}.{our}"), &their));
        }
    }
    table.extend(stacked(
        "network.embedding",
        &format!("{encoder}.embedder.input_embedding"),
        (!config.shared_embedding).then_some(channels),
        "",
    ));
    if config.position != PositionKind::None {
        let their = format!("{encoder}.positional_encoder.position_enc");
        table.push(Entry::new("network.position", their, Form::Same { rank: 2 }));
    }
    if config.cls_token {
        let their = format!("{encoder}.positional_encoder.cls_token");
        table.push(Entry::new("network.cls_token", their, Form::Same { rank: 4 }));
    }
    table.extend(head(config, channels));
    table
}

fn norm(kind: NormKind, ours: &str, theirs: &str) -> Vec<Entry> {
    let pairs: &[(&str, &str)] = match kind {
        NormKind::Batch => &[
            ("gamma", "batchnorm.weight"),
            ("beta", "batchnorm.bias"),
            ("running_mean", "batchnorm.running_mean"),
            ("running_var", "batchnorm.running_var"),
        ],
        NormKind::Layer => &[("gamma", "weight"), ("beta", "bias")],
    };
    let entry = |(our, their): &(&str, &str)| {
        Entry::new(format!("{ours}.{our}"), format!("{theirs}.{their}"), Form::Same { rank: 1 })
    };
    pairs.iter().map(entry).collect()
}

/// A linear layer for all channels, or one for each: `theirs.0`, `theirs.1` and so on.
fn stacked(ours: &str, theirs: &str, channels: Option<usize>, inner: &str) -> Vec<Entry> {
    let each = |what: &str, form: Form| Entry {
        ours: format!("{ours}.{what}"),
        theirs: match channels {
            None => vec![format!("{theirs}{inner}.{what}")],
            Some(channels) => {
                (0..channels).map(|c| format!("{theirs}.{c}{inner}.{what}")).collect()
            }
        },
        form,
    };
    vec![each("weight", Form::Transposed), each("bias", Form::Same { rank: 1 })]
}

fn head(config: &ModelConfig, channels: usize) -> Vec<Entry> {
    let ours = |number: usize| format!("network.head.projections.{number}");
    match config.task {
        Task::Pretrain | Task::Classification => stacked(&ours(0), "head.linear", None, ""),
        Task::Regression => stacked(&ours(0), "head.projection", None, ""),
        Task::Forecast => {
            let individual = config.individual_head.then_some(channels);
            let theirs =
                if config.individual_head { "head.projections" } else { "head.projection" };
            let parameters = match config.output {
                OutputKind::Point => return stacked(&ours(0), theirs, individual, ""),
                OutputKind::Normal | OutputKind::NegativeBinomial => 2,
                OutputKind::StudentT => 3,
            };
            let parameter =
                |number| stacked(&ours(number), theirs, individual, &format!(".proj.{number}"));
            (0..parameters).flat_map(parameter).collect()
        }
    }
}

/// `model` with the weights of the folder's `model.safetensors`.
pub fn load(model: PatchTst, channels: usize, folder: &Path) -> Result<PatchTst, WeightsError> {
    let theirs = read_file(&folder.join("model.safetensors"))?;
    let like = tensors::of_module(&model);
    let counters = |name: &str| name.ends_with(COUNTER);
    let ours = from_theirs(&entries(&model.config, channels), theirs, &like, counters)?;
    Ok(tensors::into_module(model, ours)?)
}

/// Writes `config.json` and `model.safetensors` into `folder`.
pub fn save(model: &PatchTst, channels: usize, folder: &Path) -> Result<(), WeightsError> {
    let json = config_json(&model.config, channels)?;
    let theirs = named(model, channels)?;
    let fault = |reason: String| WeightsError::Read { path: folder.to_path_buf(), reason };
    std::fs::create_dir_all(folder).map_err(|error| fault(error.to_string()))?;
    let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
    tensors::write(&folder.join("model.safetensors"), &theirs, &metadata)?;
    write_whole(&folder.join("config.json"), format!("{json:#}\n").as_bytes())
        .map_err(|error| fault(error.to_string()))
}

/// The model's tensors under their names.
pub fn named(model: &PatchTst, channels: usize) -> Result<NamedTensors, WeightsError> {
    to_theirs(&entries(&model.config, channels), &tensors::of_module(model))
}
