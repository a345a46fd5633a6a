//! Pruned attention heads: which are left in each layer, what their weights are, and which matter
//! least.
//!
//! A pruned head is gone from the projections and from the kernel's launch, so that it costs no
//! time. With residual attention a head's scores reach the layers above: a head that any layer keeps
//! keeps its queries and keys in all layers, and loses values and output projection alone where it is
//! pruned. The numbers are those of the whole model with the pruned heads' outputs at zero.

use burn::tensor::{Device, Gradients, TensorData};
use serde::{Deserialize, Serialize};

use crate::config::ModelConfig;
use crate::patchtst::{Network, PatchTst};
use crate::tensors::{self, NamedTensors, TensorFileError};

/// The heads of every layer, by their numbers in the whole model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// Those with values, in order.
    pub kept: Vec<Vec<usize>>,
}

impl Heads {
    pub fn all(config: &ModelConfig) -> Self {
        Self { kept: vec![(0..config.heads).collect(); config.layers] }
    }

    /// Without `pruned`, one list for each layer.
    pub fn without(&self, pruned: &[Vec<usize>]) -> Self {
        let left = |(kept, pruned): (&Vec<usize>, &Vec<usize>)| {
            kept.iter().copied().filter(|head| !pruned.contains(head)).collect()
        };
        Self { kept: self.kept.iter().zip(pruned).map(left).collect() }
    }

    /// The heads of each layer that have queries and keys.
    pub fn scored(&self, config: &ModelConfig) -> Vec<Vec<usize>> {
        if !config.residual_attention {
            return self.kept.clone();
        }
        let mut anywhere: Vec<usize> = self.kept.iter().flatten().copied().collect();
        anywhere.sort_unstable();
        anywhere.dedup();
        vec![anywhere; self.kept.len()]
    }

    /// Heads with values in all layers together.
    pub fn count(&self) -> usize {
        self.kept.iter().map(Vec::len).sum()
    }

    /// `count` heads of each layer with the least `importance`, which is in the order of `kept`.
    pub fn least(&self, importance: &[Vec<f64>], count: usize) -> Vec<Vec<usize>> {
        let of = |(kept, importance): (&Vec<usize>, &Vec<f64>)| {
            let mut order: Vec<usize> = (0..kept.len()).collect();
            order.sort_by(|a, b| importance[*a].total_cmp(&importance[*b]));
            let mut least: Vec<usize> =
                order.into_iter().take(count).map(|place| kept[place]).collect();
            least.sort_unstable();
            least
        };
        self.kept.iter().zip(importance).map(of).collect()
    }
}

/// `model` with `heads` alone, on its device.
pub fn prune(
    model: &PatchTst,
    heads: &Heads,
    channels: usize,
    device: &Device,
) -> Result<PatchTst, TensorFileError> {
    let left = pruned(tensors::of_module(model), &model.config, &model.heads(), heads);
    let smaller = PatchTst::with_heads(&model.config, channels, heads, 0, device);
    tensors::into_module(smaller, left)
}

/// What is left of a model's tensors (or of their moments) when heads `from` become `to`.
pub fn pruned(
    tensors: NamedTensors,
    config: &ModelConfig,
    from: &Heads,
    to: &Heads,
) -> NamedTensors {
    let (scored_from, scored_to) = (from.scored(config), to.scored(config));
    let cut = |(name, data): (String, TensorData)| {
        let Some((layer, part, what)) = place(&name) else { return (name, data) };
        let (width, had, has) = match part {
            "query" | "key" => (config.head_dim(), &scored_from[layer], &scored_to[layer]),
            _ => (config.value_dim(), &from.kept[layer], &to.kept[layer]),
        };
        let columns: Vec<usize> = has
            .iter()
            .filter_map(|head| had.iter().position(|before| before == head))
            .flat_map(|place| place * width..(place + 1) * width)
            .collect();
        let data = match (part, what) {
            ("output", "bias") => data,
            ("output", _) => select(&data, 0, &columns),
            (_, "bias") => select(&data, 0, &columns),
            _ => select(&data, 1, &columns),
        };
        (name, data)
    };
    tensors.into_iter().map(cut).collect()
}

/// Layer, projection and parameter that a name such as `network.encoder.layers.2.query.weight`
/// means, if it is of a projection.
fn place(name: &str) -> Option<(usize, &str, &str)> {
    let (_, rest) = name.split_once("encoder.layers.")?;
    let mut parts = rest.split('.');
    let layer = parts.next()?.parse().ok()?;
    let (part, what) = (parts.next()?, parts.next()?);
    matches!(part, "query" | "key" | "value" | "output").then_some((layer, part, what))
}

/// The rows (`axis` 0) or columns of a vector or matrix.
fn select(data: &TensorData, axis: usize, places: &[usize]) -> TensorData {
    let values: Vec<f32> = data.iter::<f32>().collect();
    let mut shape = data.shape().to_vec();
    let row: usize = shape[1..].iter().product();
    let picked = if axis == 0 {
        places.iter().flat_map(|place| values[place * row..(place + 1) * row].to_vec()).collect()
    } else {
        values
            .chunks(row)
            .flat_map(|row| places.iter().map(|place| row[*place]))
            .collect::<Vec<_>>()
    };
    shape[axis] = places.len();
    TensorData::new(picked, shape)
}

/// How much the loss would feel each kept head's absence, to first order: `|dL/dg|` for a gain `g`
/// on the head's output (Michel et al., "Are Sixteen Heads Really Better than One?", NeurIPS 2019,
/// equation 2).
///
/// The output projection is linear, so that the gain's gradient is the inner product of the head's
/// rows of that projection with their own gradient, which a backward pass has made anyway.
pub fn importance(model: &PatchTst, gradients: &Gradients) -> Vec<Vec<f64>> {
    let width = model.config.value_dim();
    let networks = std::iter::once(&model.network).chain(&model.trend);
    let of = |network: &Network| -> Vec<Vec<f64>> {
        let layer = |layer: &crate::encoder::EncoderLayer| {
            let weight = layer.output.weight.val();
            let Some(gradient) = weight.grad(gradients) else {
                return vec![0.0; layer.heads.len()];
            };
            let products = (weight.without_autodiff() * gradient).sum_dim(1).into_data();
            let rows: Vec<f64> = products.iter::<f64>().collect();
            rows.chunks(width).map(|head| head.iter().sum::<f64>().abs()).collect()
        };
        network.encoder.layers.iter().map(layer).collect()
    };
    networks.map(of).reduce(added).unwrap_or_default()
}

/// The sums of two lists of lists of the same form.
pub fn added(a: Vec<Vec<f64>>, b: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let sums = |(a, b): (Vec<f64>, Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
    a.into_iter().zip(b).map(sums).collect()
}
