//! Named tensors on disk, in the safetensors format (which Python reads too), and the passage
//! between them and a module.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path as FilePath, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, View};
use thiserror::Error;

/// Tensors by name, in a stable order.
pub type NamedTensors = BTreeMap<String, TensorData>;

/// Why a tensor file could not be used.
#[derive(Debug, Error)]
pub enum TensorFileError {
    #[error("cannot read {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a complete safetensors file: {reason}", path = path.display())]
    Broken { path: PathBuf, reason: String },
    #[error("the file does not fit the model: {0}")]
    Mismatch(String),
}

/// The dotted name of where a visitor is in a module.
#[derive(Default)]
pub struct Path(Vec<String>);

impl Path {
    /// Enters a part. The variant of an enum gives no name: what it holds is found under the field
    /// that holds the enum, whichever variant it is.
    pub fn enter(&mut self, name: &str, container: &str) {
        self.0.push(if container.starts_with("Enum:") { String::new() } else { name.to_string() });
    }
    pub fn exit(&mut self) {
        self.0.pop();
    }
    pub fn name(&self) -> String {
        let named: Vec<&str> =
            self.0.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        named.join(".")
    }
}

/// All of a module's tensors, running statistics among them.
pub fn of_module<M: Module>(module: &M) -> NamedTensors {
    struct Collect(Path, NamedTensors);
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.insert(self.0.name(), param.val().to_data());
        }
    }
    let mut collect = Collect(Path::default(), NamedTensors::new());
    module.visit(&mut collect);
    collect.1
}

/// `module` with its tensors replaced. Every tensor must be there with its shape, and none over.
pub fn into_module<M: Module>(module: M, mut tensors: NamedTensors) -> Result<M, TensorFileError> {
    struct Load<'a> {
        path: Path,
        tensors: &'a mut NamedTensors,
        problems: Vec<String>,
    }
    impl ModuleMapper for Load<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.path.name();
            let Some(data) = self.tensors.remove(&name) else {
                self.problems.push(format!("`{name}` is missing"));
                return param;
            };
            let (expected, found) = (param.val().shape(), data.shape());
            if expected != *found {
                self.problems
                    .push(format!("`{name}` has shape {found:?}, the model needs {expected:?}"));
                return param;
            }
            param.map(|old| {
                let tracked = old.is_require_grad();
                Tensor::from_data(data, &old.device()).set_require_grad(tracked)
            })
        }
    }
    let mut load = Load { path: Path::default(), tensors: &mut tensors, problems: Vec::new() };
    let module = module.map(&mut load);
    let mut problems = load.problems;
    problems.extend(tensors.keys().map(|name| format!("`{name}` has no place in the model")));
    match problems.first() {
        None => Ok(module),
        Some(first) => Err(TensorFileError::Mismatch(match problems.len() {
            1 => first.clone(),
            more => format!("{first} (and {} more)", more - 1),
        })),
    }
}

/// The tensors whose names begin with `prefix.`, without it.
pub fn section(tensors: &NamedTensors, prefix: &str) -> NamedTensors {
    let prefix = format!("{prefix}.");
    tensors
        .iter()
        .filter_map(|(name, data)| Some((name.strip_prefix(&prefix)?.to_string(), data.clone())))
        .collect()
}

/// Writes `tensors` (f32, or i64 counts) and `metadata` so that the file is either the old one or
/// all of the new.
pub fn write(
    path: &FilePath,
    tensors: &NamedTensors,
    metadata: &BTreeMap<String, String>,
) -> Result<(), TensorFileError> {
    let view = |(name, data): (&String, &'_ TensorData)| {
        let dtype = match data.dtype() {
            DType::F32 => Dtype::F32,
            DType::I64 => Dtype::I64,
            other => return Err(format!("`{name}` is {other:?}, not f32")),
        };
        let bytes = data.as_bytes().to_vec();
        Ok((name.clone(), Stored { dtype, shape: data.shape().to_vec(), bytes }))
    };
    let views = tensors.iter().map(view).collect::<Result<Vec<_>, _>>();
    let views = views.map_err(TensorFileError::Mismatch)?;
    let metadata = metadata.iter().map(|(name, text)| (name.clone(), text.clone())).collect();
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|error| TensorFileError::Mismatch(error.to_string()))?;

    let fault =
        |source: std::io::Error| TensorFileError::Write { path: path.to_path_buf(), source };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(FilePath::new("."));
    let mut file = readable_temp(folder).map_err(fault)?;
    file.write_all(&bytes).map_err(fault)?;
    file.as_file().sync_all().map_err(fault)?;
    file.persist(path).map_err(|error| fault(error.error))?;
    Ok(())
}

/// A tensor as the file holds it.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// A temporary file that, once it has its name, others may read like any file.
pub(crate) fn readable_temp(folder: &FilePath) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Reads what [`write`] wrote.
pub fn read(path: &FilePath) -> Result<(NamedTensors, BTreeMap<String, String>), TensorFileError> {
    let bytes = std::fs::read(path)
        .map_err(|source| TensorFileError::Read { path: path.to_path_buf(), source })?;
    let broken = |reason: String| TensorFileError::Broken { path: path.to_path_buf(), reason };
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|error| broken(error.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(&bytes).map_err(|error| broken(error.to_string()))?;
    let mut tensors = NamedTensors::new();
    for (name, view) in file.iter() {
        let (raw, shape) = (view.data(), view.shape().to_vec());
        let data = match view.dtype() {
            Dtype::F32 => {
                let numbers = raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                TensorData::new(numbers.collect::<Vec<_>>(), shape)
            }
            Dtype::I64 => {
                let numbers = raw.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
                TensorData::new(numbers.collect::<Vec<_>>(), shape)
            }
            other => return Err(broken(format!("`{name}` is {other:?}, not F32"))),
        };
        tensors.insert(name.to_string(), data);
    }
    Ok((tensors, metadata))
}
