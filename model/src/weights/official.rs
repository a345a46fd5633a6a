//! Checkpoints of the official code (github.com/yuqinie98/PatchTST), supervised and
//! self-supervised: a PyTorch state dict. It holds no configuration, so ours must say what it is.

use std::path::Path;

use super::mapping::{linears, norm};
use super::{Entry, Form, WeightsError, from_theirs, read_file};
use crate::config::{ModelConfig, PositionKind, Task};
use crate::patchtst::PatchTst;
use crate::tensors::{self, NamedTensors};

/// Parameters that hold no weights: the attention's scale, and counts of batches.
fn ignored(name: &str) -> bool {
    name.ends_with(".sdp_attn.scale") || name.ends_with("num_batches_tracked")
}

/// `model` with the weights of the file.
pub fn load(model: PatchTst, channels: usize, path: &Path) -> Result<PatchTst, WeightsError> {
    let theirs = read_file(path)?;
    let like = tensors::of_module(&model);
    let ours = from_theirs(&entries(&model.config, channels, &theirs), theirs, &like, ignored)?;
    Ok(tensors::into_module(model, ours)?)
}

/// The table of tensors. The supervised code puts `model.` before all names, and `model_res.` and
/// `model_trend.` where it decomposes; the self-supervised code has `backbone.` and `head.` alone.
pub fn entries(config: &ModelConfig, channels: usize, theirs: &NamedTensors) -> Vec<Entry> {
    let supervised = theirs.keys().any(|name| name.starts_with("model"));
    if config.decomposition > 0 {
        let mut table = network(config, channels, "network", "model_res.", supervised);
        table.extend(network(config, channels, "trend", "model_trend.", supervised));
        return table;
    }
    let prefix = if supervised { "model." } else { "" };
    network(config, channels, "network", prefix, supervised)
}

fn network(
    config: &ModelConfig,
    channels: usize,
    ours: &str,
    prefix: &str,
    supervised: bool,
) -> Vec<Entry> {
    let mut table = Vec::new();
    if config.revin_affine && supervised {
        for (our, their) in [("gain", "affine_weight"), ("bias", "affine_bias")] {
            let their = format!("{prefix}revin_layer.{their}");
            table.push(Entry::new(format!("{ours}.revin.{our}"), their, Form::Same { rank: 1 }));
        }
    }
    let backbone = format!("{prefix}backbone");
    let embeddings = (!config.shared_embedding).then_some(channels);
    table.extend(linears(
        &format!("{ours}.embedding"),
        &format!("{backbone}.W_P"),
        embeddings,
        "",
        Form::Transposed,
    ));
    if config.position != PositionKind::None {
        let their = format!("{backbone}.W_pos");
        table.push(Entry::new(format!("{ours}.position"), their, Form::Same { rank: 2 }));
    }
    for layer in 0..config.layers {
        let our = format!("{ours}.encoder.layers.{layer}");
        let their = format!("{backbone}.encoder.layers.{layer}");
        for (name, theirs) in [
            ("query", "self_attn.W_Q"),
            ("key", "self_attn.W_K"),
            ("value", "self_attn.W_V"),
            ("output", "self_attn.to_out.0"),
            ("expand", "ff.0"),
            ("contract", "ff.3"),
        ] {
            let (our, their) = (format!("{our}.{name}"), format!("{their}.{theirs}"));
            table.extend(linears(&our, &their, None, "", Form::Transposed));
        }
        for (name, theirs) in [("attention_norm", "norm_attn"), ("feed_forward_norm", "norm_ffn")] {
            let (our, their) = (format!("{our}.{name}"), format!("{their}.{theirs}"));
            // Batch normalisation stands between two transpositions there, as the second of three.
            table.extend(norm(config.norm, &our, &their, "1"));
        }
    }
    let individual = config.individual_head.then_some(channels);
    let theirs = if config.individual_head { "head.linears" } else { "head.linear" };
    let form = match config.task {
        Task::Forecast => Form::TokensLast { tokens: config.tokens() },
        _ => Form::Transposed,
    };
    let (our, their) = (format!("{ours}.head.projections.0"), format!("{prefix}{theirs}"));
    table.extend(linears(&our, &their, individual, "", form));
    table
}
