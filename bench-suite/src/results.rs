//! Rows of measurements, as a table, JSON and Markdown.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// One measurement. The field names are shared with the peers' results.
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
    /// `bhsd` or `bshd`.
    pub layout: String,
    /// What is computed.
    pub variant: String,
    /// `forward` or `backward`.
    pub pass: String,
    /// Whose code.
    #[serde(rename = "impl")]
    pub implementation: String,
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
    /// Why there is no time.
    pub error: Option<String>,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.ms, &self.error) {
            (Some(ms), _) => write!(f, "{ms:.4} ms, {}", self.plan),
            (None, error) => write!(f, "{}", error.as_deref().unwrap_or("not measured")),
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
    /// The measurements.
    pub rows: Vec<Row>,
}

const HEADS: [&str; 7] = ["shape", "pass", "ms", "spread", "x floor", "TFLOP/s", "plan"];

impl Row {
    fn cells(&self) -> [String; 7] {
        let Row { batch, heads, seq_q, head_dim, dtype, pass, variant, layout, .. } = self;
        let number =
            |x: Option<f64>, digits: usize| x.map_or("-".to_owned(), |x| format!("{x:.digits$}"));
        let over = self.ms.zip(self.floor_ms).map(|(ms, floor)| ms / floor);
        let spread = self.spread.map_or("-".to_owned(), |s| format!("{:.1}%", 100.0 * s));
        let mut shape = format!("B{batch} H{heads} S{seq_q} D{head_dim} {dtype}");
        if layout != "bhsd" {
            let _ = write!(shape, " {layout}");
        }
        if variant != "softmax" {
            let _ = write!(shape, " {variant}");
        }
        let plan = match &self.error {
            Some(error) => error.clone(),
            None => self.plan.clone(),
        };
        let ms = number(self.ms, 4);
        [shape, pass.clone(), ms, spread, number(over, 2), number(self.tflops, 2), plan]
    }
}

impl Results {
    fn cells(&self) -> Vec<[String; 7]> {
        self.rows.iter().map(Row::cells).collect()
    }

    /// A table for a terminal.
    pub fn to_text(&self) -> String {
        let cells = self.cells();
        let mut widths = HEADS.map(str::len);
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = self.head();
        for row in std::iter::once(HEADS.map(str::to_owned)).chain(cells) {
            for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
                // Numbers to the right.
                let _ = match i {
                    2..=5 => write!(text, "{cell:>width$}  "),
                    6 => write!(text, "{cell}"),
                    _ => write!(text, "{cell:width$}  "),
                };
            }
            text.push('\n');
        }
        text
    }

    /// A table for a document.
    pub fn to_markdown(&self) -> String {
        let mut text = self.head();
        let _ = writeln!(text, "\n`{}`\n\n| {} |", self.command, HEADS.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(HEADS.len()));
        for row in self.cells() {
            let _ = writeln!(text, "| {} |", row.map(|cell| cell.replace('|', "/")).join(" | "));
        }
        text
    }

    fn head(&self) -> String {
        let Results { device, commit, copy_gigabytes_per_second, .. } = self;
        format!("{device}, commit {commit}, a copy reaches {copy_gigabytes_per_second:.0} GB/s\n")
    }

    /// Writes `attention.json` and `attention.md` into a folder, which is made.
    ///
    /// # Errors
    ///
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let json = serde_json::to_string_pretty(self)? + "\n";
        for (name, text) in [("attention.json", json), ("attention.md", self.to_markdown())] {
            let path = folder.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let row = Row {
            batch: 2,
            heads: 4,
            seq_q: 42,
            seq_k: 42,
            head_dim: 8,
            value_dim: 8,
            dtype: "f32".to_owned(),
            layout: "bhsd".to_owned(),
            variant: "softmax".to_owned(),
            pass: "forward".to_owned(),
            implementation: "tilewright".to_owned(),
            ms: Some(0.5),
            floor_ms: Some(0.25),
            plan: "resident".to_owned(),
            ..Row::default()
        };
        let failed = Row { ms: None, error: Some("too large | by far".to_owned()), ..row.clone() };
        Results {
            device: "a device".to_owned(),
            commit: "abc".to_owned(),
            command: "bench-suite attention".to_owned(),
            copy_gigabytes_per_second: 10.0,
            rows: vec![row, failed],
        }
    }

    #[test]
    fn tables_have_a_line_for_every_row() {
        let text = results().to_text();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("2.00") && text.contains("too large"), "{text}");
        let markdown = results().to_markdown();
        assert!(
            markdown.contains("| B2 H4 S42 D8 f32 | forward | 0.5000 | - | 2.00 |"),
            "{markdown}"
        );
        assert!(markdown.contains("too large / by far"), "a bar would end the cell: {markdown}");
    }

    #[test]
    fn json_has_the_names_that_peers_use() {
        let json = serde_json::to_value(results()).expect("results are JSON");
        for name in ["device", "commit", "command", "rows"] {
            assert!(json.get(name).is_some(), "{name}");
        }
        let row = &json["rows"][0];
        assert_eq!((&row["impl"], &row["ms"]), (&"tilewright".into(), &0.5.into()));
        assert!(row["error"].is_null());
    }
}
