//! What was found of a plan's kernels, kept on disk.
//!
//! Turning a plan into CUDA C++ takes longer than looking up what is known of the text, so what was
//! found is also kept for the plan, and is good for the very program that found it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::compiler::{Outcome, READING, hexadecimal};
use super::selection::Item;

/// One kernel of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The kernel's function in the library; empty where the plan has none on the architecture.
    pub kernel: String,
    /// Units of a cube.
    pub units: u32,
    /// Bytes of shared memory of a cube.
    pub shared_bytes: usize,
    /// What became of it.
    pub outcome: Outcome,
}

impl Found {
    /// A plan without kernels.
    pub fn no_kernel(outcome: Outcome) -> Self {
        Self { kernel: String::new(), units: 0, shared_bytes: 0, outcome }
    }
}

/// What this program found before.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Known {
    /// A digest of the program and of what it compiles with.
    program: String,
    plans: BTreeMap<String, Vec<Found>>,
    #[serde(skip)]
    file: Option<PathBuf>,
}

impl Known {
    /// Nothing is known, and nothing is kept.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What this program keeps in the folder. What another one kept is forgotten.
    ///
    /// # Errors
    ///
    /// The program's own file cannot be read.
    pub fn of_this_program(folder: &Path, tools: &str) -> Result<Self> {
        let path = std::env::current_exe().context("this program does not know its own file")?;
        let failed = || format!("cannot read {}", path.display());
        let mut file = std::fs::File::open(&path).with_context(failed)?;
        let mut hash = Sha256::new();
        std::io::copy(&mut file, &mut hash).with_context(failed)?;
        hash.update(tools);
        hash.update(READING);
        Ok(Self::open(&folder.join("plans.json"), &hexadecimal(&hash.finalize())))
    }

    fn open(file: &Path, program: &str) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let plans = match serde_json::from_str::<Known>(&text) {
            Ok(known) if known.program == program => known.plans,
            _ => BTreeMap::new(),
        };
        Self { program: program.to_owned(), plans, file: Some(file.to_owned()) }
    }

    /// What was found of this plan.
    pub fn recall(&self, item: &Item) -> Option<Vec<Found>> {
        self.plans.get(&question(item)).cloned()
    }

    /// Keeps it, unless something failed: that may have come from outside.
    pub fn keep(&mut self, item: &Item, found: &[Found]) {
        if !found.iter().any(|found| matches!(found.outcome, Outcome::Failed { .. })) {
            self.plans.insert(question(item), found.to_vec());
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let failed = || format!("cannot write {}", file.display());
        let folder = file.parent().unwrap_or(Path::new("."));
        // Written elsewhere and renamed: another process sees a whole file or none.
        let mut draft = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
        serde_json::to_writer(&mut draft, self).with_context(failed)?;
        draft.persist(file).with_context(failed)?;
        Ok(())
    }
}

fn question(item: &Item) -> String {
    // A plan's short form may leave something out.
    format!("{item} {:?}", item.plan)
}

#[cfg(test)]
mod tests {
    use tilewright::cuda_source::Sm;

    use super::super::ptxas::Resources;
    use super::super::selection::{Scope, items};
    use super::*;

    #[test]
    fn a_program_remembers_what_it_found_and_nobody_elses() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("plans.json");
        let items = items(&Scope { quick: true, architectures: &[Sm::Sm90] });
        let (item, failing) = (&items[0], &items[1]);
        let outcome = Outcome::Compiled(Resources { registers: 40, ..Resources::default() });
        let kernel = "resident_forward".to_owned();
        let found = vec![Found { kernel, units: 64, shared_bytes: 512, outcome }];

        let mut known = Known::open(&file, "one");
        assert_eq!(known.recall(item), None);
        known.keep(item, &found);
        known.keep(failing, &[Found::no_kernel(Outcome::Failed { log: "no memory".to_owned() })]);
        known.save().expect("written");
        assert_eq!(Known::open(&file, "one").recall(item), Some(found));
        assert_eq!(Known::open(&file, "one").recall(failing), None);
        assert_eq!(Known::open(&file, "another").recall(item), None);
        std::fs::write(&file, "{\"progr").expect("written");
        assert_eq!(Known::open(&file, "one").recall(item), None);
    }

    #[test]
    fn this_program_can_be_told_from_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = |tools| Known::of_this_program(folder.path(), tools).expect("read").program;
        assert_eq!(program("NVRTC 13.0"), program("NVRTC 13.0"));
        assert_ne!(program("NVRTC 13.0"), program("NVRTC 13.1"));
    }
}
