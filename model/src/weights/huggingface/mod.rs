//! PatchTST of Hugging Face's `transformers` (`modeling_patchtst.py`, version 4.57): a folder with
//! `config.json` and `model.safetensors`.

mod config;
mod names;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::TensorData;

pub use config::{config_json, parse_config, read_config};
pub use names::entries;

use super::{WeightsError, from_theirs, read_file, to_theirs};
use crate::patchtst::PatchTst;
use crate::tensors::{self, NamedTensors};
use crate::train::report::write_whole;

const FORMAT: &str = "Hugging Face's PatchTST";
/// Batches that a normalisation has seen: a count without which theirs works as well.
const COUNTER: &str = "num_batches_tracked";

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

/// The model's tensors under their names, and a count of zero for each normalisation over batches,
/// without which theirs would call the file incomplete.
pub fn named(model: &PatchTst, channels: usize) -> Result<NamedTensors, WeightsError> {
    let mut theirs = to_theirs(&entries(&model.config, channels), &tensors::of_module(model))?;
    let counters: Vec<String> = theirs
        .keys()
        .filter_map(|name| Some(format!("{}{COUNTER}", name.strip_suffix("running_mean")?)))
        .collect();
    for counter in counters {
        theirs.insert(counter, TensorData::new(vec![0_i64], [0; 0]));
    }
    Ok(theirs)
}
