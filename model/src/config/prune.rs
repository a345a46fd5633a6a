//! `[prune]`: attention heads that are taken out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigError, ModelConfig, VariantName};

/// Which heads go, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneConfig {
    /// Take this many of each layer's least important heads out; 0: none.
    pub dynamic: usize,
    /// Epochs before that: importance means nothing in an untrained model.
    pub after_epochs: usize,
    /// Training batches over which importance is measured.
    pub batches: usize,
    /// Heads to leave out from the start, by layer, as in `{ 0 = [1, 3], 2 = [0] }`.
    pub heads: BTreeMap<String, Vec<usize>>,
}

impl PruneConfig {
    /// Whether any head is, or will be, taken out.
    pub fn is_on(&self) -> bool {
        self.dynamic > 0 || self.heads.values().any(|heads| !heads.is_empty())
    }

    /// The heads to leave out from the start, for each layer.
    pub fn named(&self, layers: usize) -> Vec<Vec<usize>> {
        let of = |layer: usize| self.heads.get(&layer.to_string()).cloned().unwrap_or_default();
        (0..layers).map(of).collect()
    }

    /// Refuses heads and layers that are not there, and layers without any.
    pub(super) fn check(&self, model: &ModelConfig) -> Result<(), ConfigError> {
        let refuse = |key: &str, value: String, reason: String| {
            Err(ConfigError::invalid(key, value, reason))
        };
        for (layer, heads) in &self.heads {
            let key = format!("prune.heads.{layer}");
            let value = format!("{heads:?}");
            if !layer.parse::<usize>().is_ok_and(|layer| layer < model.layers) {
                let last = model.layers - 1;
                return refuse(&key, value, format!("layers are numbered from 0 to {last}"));
            }
            if heads.iter().any(|head| *head >= model.heads) {
                let last = model.heads - 1;
                return refuse(&key, value, format!("heads are numbered from 0 to {last}"));
            }
        }
        for (layer, named) in self.named(model.layers).into_iter().enumerate() {
            let mut named = named;
            named.sort_unstable();
            named.dedup();
            if named.len() + self.dynamic >= model.heads {
                return refuse(
                    if self.dynamic > 0 { "prune.dynamic" } else { "prune.heads" },
                    self.dynamic.to_string(),
                    format!("layer {layer} would keep none of model.heads = {}", model.heads),
                );
            }
        }
        if self.dynamic > 0 && self.batches == 0 {
            return refuse("prune.batches", "0".into(), "must be at least 1".into());
        }
        if self.is_on() && !model.variants()?.iter().all(VariantName::is_softmax) {
            let reason = "heads of a variant may differ by their number; prune with softmax alone";
            return refuse("model.variant", model.variant.clone(), reason.into());
        }
        Ok(())
    }
}
