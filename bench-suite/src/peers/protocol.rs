//! What is said to the child and what it answers: a JSON object to a line.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::PeerError;
use crate::implementation::Implementation;

/// One request. `peers/attention.py` lists what each does.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request<'a> {
    /// Which versions are there.
    Hello(&'a Hello),
    /// The case that the next requests are about.
    Setup(&'a Setup),
    /// Compile, and run once.
    Prepare {
        /// Whose code.
        #[serde(rename = "impl")]
        implementation: Implementation,
    },
    /// Time one window.
    Time {
        /// Whose code.
        #[serde(rename = "impl")]
        implementation: Implementation,
        /// Calls in the window.
        calls: usize,
    },
    /// Write what a call returns.
    Results {
        /// Whose code.
        #[serde(rename = "impl")]
        implementation: Implementation,
        /// (batch, head) pairs.
        groups: &'a [(usize, usize)],
        /// Where to.
        file: &'a Path,
    },
}

/// The device, and how times are taken on it: the constants of `autotune`'s timer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hello {
    /// `cpu` or `cuda:0`.
    pub device: String,
    /// Bytes to overwrite in front of a window.
    pub eviction_bytes: usize,
    /// Nanoseconds which that takes at least.
    pub eviction_ns: f64,
    /// The most times that they are overwritten in front of one window.
    pub most_evictions: usize,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setup {
    /// Sequences.
    pub batch: usize,
    /// Heads.
    pub heads: usize,
    /// Queries in a sequence.
    pub seq_q: usize,
    /// Keys in a sequence.
    pub seq_k: usize,
    /// Length of a query and of a key.
    pub head_dim: usize,
    /// Length of a value.
    pub value_dim: usize,
    /// Element type.
    pub dtype: String,
    /// `bhsd`, `bshd` or `packed`.
    pub layout: String,
    /// The variant's name.
    pub variant: String,
    /// Its parameters.
    pub params: BTreeMap<String, f64>,
    /// Shapes of its learned tables.
    pub tables: BTreeMap<String, Vec<usize>>,
    /// Decides the elements of the tables.
    pub table_stream: u32,
    /// `forward` or `backward`.
    pub direction: String,
    /// Decides the tensors.
    pub seed: u64,
    /// Sets of tensors that calls take turns with.
    pub sets: usize,
}

/// Whose times these are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The device as PyTorch calls it.
    pub device: String,
    /// Python's version.
    pub python: String,
    /// PyTorch's version.
    pub torch: String,
    /// Triton's, if it is installed.
    pub triton: Option<String>,
}

/// The time of a call.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Time {
    /// Mean over a window, in milliseconds.
    pub ms: f64,
}

/// An answer without content.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Done {}

impl Request<'_> {
    /// How long an answer may take.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(match self {
            // PyTorch's import from a cold disk, and the device's start.
            Request::Hello(_) => 120,
            // Compilation.
            Request::Prepare { .. } => 120,
            Request::Setup(_) | Request::Time { .. } | Request::Results { .. } => 60,
        })
    }
}

/// Reads a reply.
///
/// # Errors
///
/// It is a refusal, or not a reply.
pub fn parse<T: DeserializeOwned>(line: &str) -> Result<T, PeerError> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
        #[serde(default)]
        fatal: bool,
    }
    if let Ok(Refusal { error, fatal }) = serde_json::from_str(line) {
        return Err(PeerError::Refused { reason: error, fatal });
    }
    serde_json::from_str(line).map_err(|source| {
        let line = line.chars().take(80).collect();
        PeerError::Garbled { line, source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_lines_that_name_their_operation() {
        let implementation = Implementation::SdpaFlash;
        let line = |request: Request<'_>| serde_json::to_string(&request).expect("JSON");
        let time = line(Request::Time { implementation, calls: 3 });
        assert_eq!(time, r#"{"op":"time","impl":"sdpa_flash","calls":3}"#);
        let groups = [(0, 1)];
        let file = Path::new("a file");
        let results = line(Request::Results { implementation, groups: &groups, file });
        assert!(results.contains(r#""groups":[[0,1]]"#), "{results}");
        let hello =
            Hello { device: "cpu".into(), eviction_bytes: 1, eviction_ns: 2.0, most_evictions: 3 };
        assert!(line(Request::Hello(&hello)).starts_with(r#"{"op":"hello","device":"cpu""#));
        assert!(!results.contains('\n'));
    }

    #[test]
    fn replies_are_answers_refusals_or_neither() {
        assert_eq!(parse::<Time>(r#"{"ms": 0.5}"#).expect("a time"), Time { ms: 0.5 });
        assert_eq!(parse::<Done>("{}").expect("an answer"), Done {});
        let refused = parse::<Time>(r#"{"error": "too small"}"#).expect_err("a refusal");
        assert_eq!(refused.to_string(), "too small");
        assert!(!refused.ends_the_child());
        let fatal = parse::<Time>(r#"{"error": "broken", "fatal": true}"#).expect_err("fatal");
        assert!(fatal.ends_the_child());
        for garbled in ["", "Traceback", r#"{"sm": 1}"#] {
            let error = parse::<Time>(garbled).expect_err(garbled);
            assert!(error.ends_the_child() && error.to_string().contains("not understood"));
        }
    }
}
