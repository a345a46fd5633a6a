//! Weights from elsewhere and to elsewhere: Hugging Face's PatchTST (`config.json` and
//! `model.safetensors`), the official code's `.pth`, and other runs of this program.
//!
//! A table of entries ([`Entry`]) says for each of our tensors which of theirs it is and how the
//! two lie in memory; reading and writing follow the same table, so that a round trip is exact.

pub mod huggingface;
mod mapping;
pub mod official;
mod start;

use std::path::{Path, PathBuf};

use burn_store::{ModuleStore, PytorchStore, SafetensorsStore};
use thiserror::Error;

pub use mapping::{Entry, Form, from_theirs, to_theirs};
pub use start::{Start, start_from};

use crate::tensors::{NamedTensors, TensorFileError};

/// Why weights could not be used.
#[derive(Debug, Error)]
pub enum WeightsError {
    #[error("cannot read {path}: {reason}", path = path.display())]
    Read { path: PathBuf, reason: String },
    #[error("{path}: {reason}", path = path.display())]
    Config { path: PathBuf, reason: String },
    #[error("`{theirs}` is missing; it would be our `{ours}`")]
    Missing { theirs: String, ours: String },
    #[error("`{theirs}` holds {found} numbers, the model needs {needed} of them (our `{ours}`)")]
    Size { theirs: String, ours: String, found: usize, needed: usize },
    #[error("`{0}` has no place in the model")]
    Unused(String),
    #[error("{key} = {value} has no counterpart in {format}")]
    NoCounterpart { key: &'static str, value: String, format: &'static str },
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
}

/// All tensors of a `.safetensors` or PyTorch (`.pth`, `.pt`, `.bin`) file, as f32.
pub fn read_file(path: &Path) -> Result<NamedTensors, WeightsError> {
    let fault = |reason: String| WeightsError::Read { path: path.to_path_buf(), reason };
    if !path.is_file() {
        return Err(fault("there is no such file".into()));
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => all_of(SafetensorsStore::from_file(path)).map_err(fault),
        // Names as they are: the store would number the layers of a `Sequential` anew.
        Some("pth" | "pt" | "bin") => {
            all_of(PytorchStore::from_file(path).map_indices_contiguous(false)).map_err(fault)
        }
        _ => Err(fault("expected .safetensors, .pth, .pt or .bin".into())),
    }
}

fn all_of<S: ModuleStore>(mut store: S) -> Result<NamedTensors, String>
where
    S::Error: std::fmt::Display,
{
    let tensors = store.get_all_tensors().map_err(|error| error.to_string())?;
    let read =
        |(name, tensor): (&String, &_)| mapping::as_f32(tensor).map(|data| (name.clone(), data));
    tensors.iter().map(read).collect()
}
