//! Everything a run needs to go on as if it had never stopped, in one file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use tilewright_datasets::Scaler;

use crate::config::Config;
use crate::heads::Heads;
use crate::patchtst::PatchTst;
use crate::tensors::{self, NamedTensors};
use crate::train::adam::Adam;
use crate::train::early_stopping::EarlyStopping;
use crate::train::report::EpochRow;

/// Where the loop stands. Shuffling and dropout are pure functions of (seed, epoch) and (seed,
/// step), so these counters are all of their state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The epoch in progress, from 0.
    pub epoch: usize,
    /// Batches of it that are done.
    pub batch: usize,
    /// Steps done in the whole run.
    pub step: u64,
    /// Sum of this epoch's training losses so far.
    pub loss_sum: f64,
    /// Seconds of this epoch so far, and those of them spent waiting for data.
    pub seconds: f64,
    pub data_seconds: f64,
    pub stopping: EarlyStopping,
    pub rows: Vec<EpochRow>,
    /// All epochs are done.
    pub finished: bool,
    /// Dynamic pruning is done.
    pub pruned: bool,
}

/// What a trained model must know about its data to speak of it in its own units and names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataFacts {
    /// The channels that it reads.
    pub inputs: Vec<String>,
    /// The channels that it forecasts, the classes that it tells apart, or `target`.
    pub outputs: Vec<String>,
    pub scaler: Scaler,
    /// Of the numbers that it regresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_scaler: Option<Scaler>,
    /// The output channel's place among the inputs, where only one is predicted.
    pub output: Option<usize>,
}

/// Bumped when old files can no longer be read.
const FORMAT: &str = "2";

/// Writes the checkpoint; the file is the old one or the new one, never a part.
pub fn save(
    path: &Path,
    model: &PatchTst,
    adam: &Adam,
    best: Option<&NamedTensors>,
    position: &Position,
    facts: &DataFacts,
) -> Result<()> {
    let mut all = NamedTensors::new();
    let mut put = |prefix: &str, tensors: NamedTensors| {
        all.extend(tensors.into_iter().map(|(name, data)| (format!("{prefix}.{name}"), data)));
    };
    put("model", tensors::of_module(model));
    put("adam", adam.record(model));
    if let Some(best) = best {
        put("best", best.clone());
    }
    let metadata = BTreeMap::from([
        ("format".to_string(), FORMAT.to_string()),
        ("adam_steps".to_string(), adam.steps().to_string()),
        // TOML, not JSON: its numbers come back with the same bits.
        ("heads".to_string(), toml::to_string(&model.heads())?),
        ("position".to_string(), toml::to_string(position)?),
        ("data".to_string(), toml::to_string(facts)?),
    ]);
    tensors::write(path, &all, &metadata)?;
    Ok(())
}

/// A checkpoint read from disk.
pub struct Checkpoint {
    pub position: Position,
    pub facts: DataFacts,
    heads: Heads,
    adam_steps: i32,
    tensors: NamedTensors,
}

impl Checkpoint {
    pub fn read(path: &Path) -> Result<Self> {
        let (tensors, metadata) = tensors::read(path)?;
        let field = |name: &str| {
            metadata
                .get(name)
                .with_context(|| format!("{}: no `{name}` in the header", path.display()))
        };
        let format = field("format")?;
        if format != FORMAT {
            bail!("{}: written in format {format}, this program reads {FORMAT}", path.display());
        }
        let bad = || format!("{}: its header is damaged", path.display());
        Ok(Self {
            position: toml::from_str(field("position")?).with_context(bad)?,
            facts: toml::from_str(field("data")?).with_context(bad)?,
            heads: toml::from_str(field("heads")?).with_context(bad)?,
            adam_steps: field("adam_steps")?.parse().with_context(bad)?,
            tensors,
        })
    }

    /// The model and the optimiser as they were.
    pub fn restore(&self, config: &Config, adam: &mut Adam, device: &Device) -> Result<PatchTst> {
        let model = self.fresh(config, device);
        let model = tensors::into_module(model, tensors::section(&self.tensors, "model"))?;
        adam.restore(&model, &tensors::section(&self.tensors, "adam"), self.adam_steps, device);
        Ok(model)
    }

    /// A model with the heads that are left.
    fn fresh(&self, config: &Config, device: &Device) -> PatchTst {
        let channels = self.facts.inputs.len();
        PatchTst::with_heads(&config.model, channels, &self.heads, config.train.seed, device)
    }

    /// The weights of the best epoch, if one has ended.
    pub fn best(&self) -> Option<NamedTensors> {
        let best = tensors::section(&self.tensors, "best");
        (!best.is_empty()).then_some(best)
    }

    /// The best epoch's weights, or the latest if no epoch has ended.
    pub fn weights(&self) -> NamedTensors {
        self.best().unwrap_or_else(|| tensors::section(&self.tensors, "model"))
    }

    /// The trained model, on `device`, in inference form.
    pub fn model(&self, config: &Config, device: &Device) -> Result<PatchTst> {
        let device = device.clone().without_autodiff();
        let fresh = self.fresh(config, &device);
        Ok(tensors::into_module(fresh, self.weights())?)
    }
}
