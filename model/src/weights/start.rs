//! Where a run's weights start: transfer from another run, from Hugging Face or from the official
//! code.

use std::path::Path;

use super::{WeightsError, huggingface, official};
use crate::patchtst::PatchTst;
use crate::tensors::{self, NamedTensors};
use crate::train::checkpoint::Checkpoint;

/// A model that starts from another's weights, and what could not be taken over.
pub struct Start {
    pub model: PatchTst,
    /// Tensors that stay as they were drawn: the new head, for one.
    pub fresh: Vec<String>,
}

/// `model` with the weights at `path`: a run's folder (or its checkpoint), a folder of Hugging
/// Face's, or a `.pth` of the official code.
///
/// From a run, everything but the head is needed and the head is taken where it fits: so a
/// pretrained encoder meets a new head. RevIN's gains and the embeddings of single channels belong
/// to their series, and are taken only where there are as many channels.
pub fn start_from(model: PatchTst, channels: usize, path: &Path) -> Result<Start, WeightsError> {
    if path.join("config.json").is_file() {
        let model = huggingface::load(model, channels, path)?;
        return Ok(Start { model, fresh: Vec::new() });
    }
    if matches!(path.extension().and_then(|e| e.to_str()), Some("pth" | "pt" | "bin")) {
        let model = official::load(model, channels, path)?;
        return Ok(Start { model, fresh: Vec::new() });
    }
    let file = if path.is_dir() { path.join("checkpoint.safetensors") } else { path.to_path_buf() };
    let checkpoint = Checkpoint::read(&file)
        .map_err(|error| WeightsError::Read { path: file, reason: format!("{error:#}") })?;
    take(model, checkpoint.weights())
}

fn take(model: PatchTst, mut found: NamedTensors) -> Result<Start, WeightsError> {
    let mut weights = tensors::of_module(&model);
    let mut fresh = Vec::new();
    for (name, data) in &mut weights {
        let may_differ = [".head.", ".revin.", ".embedding.", ".position"]
            .iter()
            .any(|part| name.contains(part));
        match found.remove(name) {
            Some(other) if other.shape() == data.shape() => *data = other,
            Some(other) if !may_differ => {
                return Err(tensors::TensorFileError::Mismatch(format!(
                    "`{name}` has shape {:?}, the model needs {:?}",
                    other.shape(),
                    data.shape()
                ))
                .into());
            }
            None if !may_differ => {
                return Err(
                    tensors::TensorFileError::Mismatch(format!("`{name}` is missing")).into()
                );
            }
            _ => fresh.push(name.clone()),
        }
    }
    Ok(Start { model: tensors::into_module(model, weights)?, fresh })
}
