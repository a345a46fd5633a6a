//! From a kernel's CUDA C++ to its registers and spills, with what was found kept on disk.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tilewright::cuda_source::Sm;

use super::nvrtc::{Compiled, Nvrtc};
use super::ptxas::{Assembled, Ptxas, Resources};
use super::toolkit::Toolkit;

/// Another number wherever something else is read from what the compilers say: what was kept before
/// is then forgotten.
pub const READING: &str = "1";

/// What became of a kernel on an architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was compiled.
    Compiled(Resources),
    /// The architecture lacks something.
    Lacks {
        /// What.
        what: String,
    },
    /// It was not compiled.
    Failed {
        /// What the compiler says.
        log: String,
    },
}

/// NVRTC and ptxas, one after the other.
pub struct Compiler {
    nvrtc: Nvrtc,
    ptxas: Ptxas,
    include: Vec<String>,
    tools: String,
    cache: Option<PathBuf>,
    compiled: AtomicUsize,
}

impl Compiler {
    /// Opens the toolkit's programs; `cache` keeps what they say.
    pub fn open(toolkit: &Toolkit, cache: Option<&Path>) -> Result<Self> {
        let nvrtc = Nvrtc::open(&toolkit.nvrtc)?;
        let ptxas = Ptxas::new(&toolkit.ptxas);
        let tools = format!("NVRTC {}, ptxas {}", nvrtc.version()?, ptxas.version()?);
        let include = |folder: &PathBuf| format!("--include-path={}", folder.display());
        if let Some(folder) = cache {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(Self {
            nvrtc,
            ptxas,
            include: toolkit.include.iter().map(include).collect(),
            tools,
            cache: cache.map(Path::to_owned),
            compiled: AtomicUsize::new(0),
        })
    }

    /// The programs and their versions.
    pub fn tools(&self) -> &str {
        &self.tools
    }

    /// How many kernels were compiled and not found on disk.
    pub fn compiled_now(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    /// The first of these architectures that the compilers are too old for.
    ///
    /// # Errors
    ///
    /// NVRTC does not say.
    pub fn unknown(&self, architectures: &[Sm]) -> Result<Option<Sm>> {
        let known = self.nvrtc.architectures()?;
        let is_known = |sm: &Sm| known.iter().any(|&version| version as u32 == sm.version());
        Ok(architectures.iter().copied().find(|sm| !is_known(sm)))
    }

    /// What the kernel takes on this architecture. `canonical` is the form of its text that is
    /// the same every time.
    ///
    /// # Errors
    ///
    /// A program that cannot be run, a file that cannot be written. That the kernel cannot be
    /// compiled is an outcome.
    pub fn compile(&self, source: &str, canonical: &str, sm: Sm) -> Result<Outcome> {
        let file = self.cache.as_ref().map(|folder| folder.join(self.key(canonical, sm)));
        if let Some(outcome) = file.as_deref().and_then(remembered) {
            return Ok(outcome);
        }
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let outcome = self.compile_now(source, sm)?;
        // A failure may come from the toolkit, which is repaired without another version.
        if let Some(file) = file.filter(|_| !matches!(outcome, Outcome::Failed { .. })) {
            remember(&file, &outcome)?;
        }
        Ok(outcome)
    }

    fn compile_now(&self, source: &str, sm: Sm) -> Result<Outcome> {
        let mut options = vec![format!("--gpu-architecture={sm}")];
        options.extend(self.include.iter().cloned());
        let (ptx, log) = match self.nvrtc.compile(source, &options)? {
            Compiled::Ptx { ptx, log } => (ptx, log),
            Compiled::Failed { log } => return Ok(Outcome::Failed { log }),
        };
        Ok(match self.ptxas.assemble(ptx.as_bytes(), sm)? {
            Assembled::Done(mut resources) => {
                resources.warnings.splice(0..0, warnings(&log));
                Outcome::Compiled(resources)
            }
            Assembled::Lacks(what) => Outcome::Lacks { what },
            Assembled::Failed(log) => Outcome::Failed { log },
        })
    }

    /// The name of a file for all that decides the outcome.
    fn key(&self, canonical: &str, sm: Sm) -> String {
        let mut hash = Sha256::new();
        for part in [READING, self.tools.as_str(), &sm.to_string(), canonical] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hexadecimal(&hash.finalize()) + ".json"
    }
}

/// Bytes as text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// NVRTC's warnings, one line each.
fn warnings(log: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains("warning")).map(|line| line.trim().to_owned()).collect()
}

/// What the file says; nothing where it does not exist or is not whole.
fn remembered(file: &Path) -> Option<Outcome> {
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

/// Written elsewhere and renamed: another process sees a whole file or none.
fn remember(file: &Path, outcome: &Outcome) -> Result<()> {
    let failed = || format!("cannot write {}", file.display());
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    serde_json::to_writer(&mut draft, outcome).with_context(failed)?;
    draft.persist(file).with_context(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_comes_back_from_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kernel.json");
        assert_eq!(remembered(&file), None);
        for outcome in [
            Outcome::Compiled(Resources { registers: 40, ..Resources::default() }),
            Outcome::Lacks { what: "wgmma".to_owned() },
        ] {
            remember(&file, &outcome).expect("written");
            assert_eq!(remembered(&file), Some(outcome));
        }
        std::fs::write(&file, "{\"compi").expect("written");
        assert_eq!(remembered(&file), None, "a part of a file is no answer");
    }

    #[test]
    fn warnings_are_picked_from_the_log() {
        let log = "kernel.cu(3): warning #177-D: variable \"x\" was declared but never referenced\n\
                   \n    int x;\n        ^\n";
        assert_eq!(warnings(log).len(), 1);
        assert!(warnings("").is_empty());
    }
}
