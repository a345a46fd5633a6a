//! Measurements of one run, and the files that they are kept in.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::chart;
use crate::implementation::Implementation;

/// One measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
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
    /// What is computed.
    pub variant: String,
    /// `forward` or `backward`.
    pub pass: String,
    /// Whose code.
    #[serde(rename = "impl")]
    pub implementation: Implementation,
    /// Median time of a call in milliseconds.
    pub ms: Option<f64>,
    /// The smallest.
    pub least_ms: Option<f64>,
    /// From the lower to the upper quartile, as a part of the median.
    pub spread: Option<f64>,
    /// The time that memory bandwidth alone would take.
    pub floor_ms: Option<f64>,
    /// Floating-point operations of the matrix products in a second, in 1e12.
    pub tflops: Option<f64>,
    /// How it was run.
    pub plan: String,
    /// How far from the reference, where that was compared; or why there is no time.
    pub error: Option<RowError>,
}

/// How far a result is from the reference, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RowError {
    /// The largest error, relative to the largest element of the tensor.
    Relative(f64),
    /// Why there is no time.
    Reason(String),
}

impl Row {
    /// The error against the reference.
    pub fn relative_error(&self) -> Option<f64> {
        match self.error {
            Some(RowError::Relative(error)) => Some(error),
            _ => None,
        }
    }

    /// Why there is no time.
    pub fn reason(&self) -> Option<&str> {
        match &self.error {
            Some(RowError::Reason(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Sizes, as in `B896 H16 S42 D8`.
    pub fn shape(&self) -> String {
        let Row { batch, heads, seq_q, head_dim, value_dim, .. } = self;
        let mut shape = format!("B{batch} H{heads} S{seq_q} D{head_dim}");
        if value_dim != head_dim {
            shape += &format!("x{value_dim}");
        }
        shape
    }

    /// Element type, and layout and variant unless they are the usual ones.
    pub fn kind(&self) -> String {
        let mut kind = self.dtype.clone();
        for (name, usual) in [(&self.layout, "bhsd"), (&self.variant, "softmax")] {
            if name != usual {
                kind = kind + " " + name;
            }
        }
        kind
    }

    /// Whether both are times of one problem.
    pub fn same_problem(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.shape(), row.seq_k, row.kind(), row.pass.clone());
        key(self) == key(other)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.implementation)?;
        if !self.plan.is_empty() {
            write!(f, " ({})", self.plan)?;
        }
        match (self.ms, self.reason()) {
            (Some(ms), _) => write!(f, ": {ms:.4} ms"),
            (None, reason) => write!(f, ": {}", reason.unwrap_or("not measured")),
        }
    }
}

/// Measurements of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The device's name.
    pub device: String,
    /// The commit that the program was built from.
    pub commit: String,
    /// The command line.
    pub command: String,
    /// Bytes read and written by a copy in a second, in 1e9.
    pub copy_gigabytes_per_second: f64,
    /// Versions of the peers, and which of them were not there.
    pub notes: Vec<String>,
    /// The measurements.
    pub rows: Vec<Row>,
}

/// The rows of one problem.
#[derive(Debug)]
pub struct Contest<'a> {
    /// All of them.
    pub rows: Vec<&'a Row>,
}

impl Results {
    /// Rows by problem, in the order of their measurement.
    pub fn contests(&self) -> Vec<Contest<'_>> {
        let mut contests: Vec<Contest<'_>> = Vec::new();
        for row in &self.rows {
            match contests.iter_mut().find(|contest| contest.rows[0].same_problem(row)) {
                Some(contest) => contest.rows.push(row),
                None => contests.push(Contest { rows: vec![row] }),
            }
        }
        contests
    }

    /// Who was measured or refused, in the order of tables.
    pub fn implementations(&self) -> Vec<Implementation> {
        let took_part = |one: &Implementation| self.rows.iter().any(|r| r.implementation == *one);
        Implementation::ALL.into_iter().filter(took_part).collect()
    }

    /// Writes `attention.json`, `attention.md` and `attention.svg` into a folder, which is made.
    ///
    /// # Errors
    ///
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let json = serde_json::to_string_pretty(self)? + "\n";
        let picture = chart::draw(self)?;
        for (name, text) in [
            ("attention.json", json),
            ("attention.md", self.to_markdown()),
            ("attention.svg", picture),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl<'a> Contest<'a> {
    /// The fastest row of an implementation, or one that says why it has no time.
    pub fn of(&self, implementation: Implementation) -> Option<&'a Row> {
        let rows = || self.rows.iter().copied().filter(|row| row.implementation == implementation);
        fastest(rows()).or_else(|| rows().next())
    }

    /// The fastest row of someone else's.
    pub fn best_peer(&self) -> Option<&'a Row> {
        let peers = |row: &&Row| row.implementation != Implementation::Tilewright;
        fastest(self.rows.iter().copied().filter(peers))
    }

    /// How many times faster than the best peer this library is.
    pub fn speedup(&self) -> Option<f64> {
        Some(self.best_peer()?.ms? / self.of(Implementation::Tilewright)?.ms?)
    }
}

fn fastest<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<&'a Row> {
    rows.filter(|row| row.ms.is_some())
        .min_by(|a, b| a.ms.unwrap_or(f64::INFINITY).total_cmp(&b.ms.unwrap_or(f64::INFINITY)))
}

/// Rows to test tables and pictures with.
#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    fn row(implementation: Implementation, pass: &str, ms: f64) -> Row {
        Row {
            batch: 2,
            heads: 4,
            seq_q: 42,
            seq_k: 42,
            head_dim: 8,
            value_dim: 8,
            dtype: "f32".to_owned(),
            layout: "bhsd".to_owned(),
            variant: "softmax".to_owned(),
            pass: pass.to_owned(),
            implementation,
            ms: Some(ms),
            floor_ms: Some(0.25),
            error: Some(RowError::Relative(1.5e-7)),
            ..Row::default()
        }
    }

    /// Everyone takes part; one refuses.
    pub(crate) fn results() -> Results {
        let mut rows = Vec::new();
        for pass in ["forward", "backward"] {
            for (nth, one) in Implementation::ALL.into_iter().enumerate() {
                rows.push(row(one, pass, 0.5 + nth as f64));
            }
        }
        rows[0].plan = "resident".to_owned();
        let flex = &mut rows[6];
        flex.ms = None;
        flex.error = Some(RowError::Reason("too small | by far".to_owned()));
        Results {
            device: "a device".to_owned(),
            commit: "abc".to_owned(),
            command: "bench-suite attention --peers".to_owned(),
            copy_gigabytes_per_second: 10.0,
            notes: vec!["PyTorch 2".to_owned()],
            rows,
        }
    }

    /// Nobody else takes part.
    pub(crate) fn alone() -> Results {
        let mut results = results();
        results.rows.retain(|row| row.implementation == Implementation::Tilewright);
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_names_that_readers_expect() {
        let json = serde_json::to_value(examples::results()).expect("results are JSON");
        for name in ["device", "commit", "command", "notes", "rows"] {
            assert!(json.get(name).is_some(), "{name}");
        }
        let row = &json["rows"][0];
        assert_eq!((&row["impl"], &row["ms"]), (&"tilewright".into(), &0.5.into()));
        assert_eq!(row["error"], 1.5e-7, "how far from the reference");
        assert_eq!(json["rows"][6]["error"], "too small | by far");
        assert!(json["rows"][6]["ms"].is_null());
    }

    #[test]
    fn a_problem_knows_who_was_fastest() {
        let results = examples::results();
        let contests = results.contests();
        assert_eq!(contests.len(), 2, "forward and backward");
        let peer = contests[0].best_peer().expect("a peer");
        assert_eq!(peer.implementation, Implementation::Vanilla);
        assert_eq!(contests[0].speedup(), Some(3.0));
        assert!(contests[0].of(Implementation::Flex).is_some_and(|row| row.reason().is_some()));
        assert_eq!(examples::alone().contests()[0].speedup(), None);
    }
}
