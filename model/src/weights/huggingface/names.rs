//! The names of tensors.

use crate::config::{ModelConfig, OutputKind, PositionKind, Task};
use crate::weights::mapping::{linears, norm};
use crate::weights::{Entry, Form};

/// The table of tensors.
pub fn entries(config: &ModelConfig, channels: usize) -> Vec<Entry> {
    let encoder = "model.encoder";
    let embeddings = (!config.shared_embedding).then_some(channels);
    let theirs = format!("{encoder}.embedder.input_embedding");
    let mut table = linears("network.embedding", &theirs, embeddings, "", Form::Transposed);
    if config.position != PositionKind::None {
        let their = format!("{encoder}.positional_encoder.position_enc");
        table.push(Entry::new("network.position", their, Form::Same { rank: 2 }));
    }
    if config.cls_token {
        let their = format!("{encoder}.positional_encoder.cls_token");
        table.push(Entry::new("network.cls_token", their, Form::Same { rank: 4 }));
    }
    for layer in 0..config.layers {
        let ours = format!("network.encoder.layers.{layer}");
        let theirs = format!("{encoder}.layers.{layer}");
        table.extend(encoder_layer(config, &ours, &theirs));
    }
    table.extend(head(config, channels));
    table
}

fn encoder_layer(config: &ModelConfig, ours: &str, theirs: &str) -> Vec<Entry> {
    let mut table = Vec::new();
    for (our, their, bias) in [
        ("query", "self_attn.q_proj", true),
        ("key", "self_attn.k_proj", true),
        ("value", "self_attn.v_proj", true),
        ("output", "self_attn.out_proj", true),
        ("expand", "ff.0", config.ff_bias),
        ("contract", "ff.3", config.ff_bias),
    ] {
        let (our, their) = (format!("{ours}.{our}"), format!("{theirs}.{their}"));
        let mut layer = linears(&our, &their, None, "", Form::Transposed);
        layer.truncate(if bias { 2 } else { 1 });
        table.extend(layer);
    }
    let channel = config.channel_attention.then_some(("channel_norm", 2));
    let norms = [Some(("attention_norm", 1)), channel, Some(("feed_forward_norm", 3))];
    for (our, number) in norms.into_iter().flatten() {
        let (our, their) = (format!("{ours}.{our}"), format!("{theirs}.norm_sublayer{number}"));
        table.extend(norm(config.norm, &our, &their, "batchnorm"));
    }
    table
}

fn head(config: &ModelConfig, channels: usize) -> Vec<Entry> {
    let layer = |number: usize, theirs: &str, inner: &str| {
        let ours = format!("network.head.projections.{number}");
        let individual = (theirs == "head.projections").then_some(channels);
        linears(&ours, theirs, individual, inner, Form::Transposed)
    };
    match (config.task, config.individual_head) {
        (Task::Pretrain | Task::Classification, _) => layer(0, "head.linear", ""),
        (Task::Regression, _) => layer(0, "head.projection", ""),
        (Task::Forecast, individual) => {
            let theirs = if individual { "head.projections" } else { "head.projection" };
            if config.output == OutputKind::Point {
                return layer(0, theirs, "");
            }
            (0..config.output.parameters())
                .flat_map(|number| layer(number, theirs, &format!(".proj.{number}")))
                .collect()
        }
    }
}
