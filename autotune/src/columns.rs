//! Rows under heads, for a terminal and for a document.

use std::fmt::Write as _;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells under heads.
#[derive(Clone, Debug)]
pub struct Columns {
    heads: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// No rows yet.
    pub fn new(heads: &[(&'static str, Side)]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are heads.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Aligned, for a terminal.
    pub fn to_text(&self) -> String {
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| (*head).to_owned()).collect();
        let mut widths = vec![0; heads.len()];
        for row in self.rows.iter().chain([&heads]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in [&heads].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, side)) in row.iter().zip(&widths).zip(&self.heads) {
                // Writing to a string cannot fail.
                let _ = match side {
                    Side::Left => write!(line, "{cell:width$}  "),
                    Side::Right => write!(line, "{cell:>width$}  "),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// As a table of Markdown.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(self.heads.iter().map(|(head, _)| (*head).to_owned()).collect());
        text.push_str(&line(
            self.heads
                .iter()
                .map(|(_, side)| if *side == Side::Left { "---" } else { "---:" }.to_owned())
                .collect(),
        ));
        for row in &self.rows {
            // A bar would end the cell.
            text.push_str(&line(row.iter().map(|cell| cell.replace('|', "/")).collect()));
        }
        text
    }
}

/// Microseconds with as many digits as matter.
pub fn micros(nanoseconds: f64) -> String {
    let micros = nanoseconds / 1e3;
    match micros {
        x if x < 100.0 => format!("{x:.2}"),
        x => format!("{x:.1}"),
    }
}

/// A part as a percentage, `-` for none.
pub fn percent(part: Option<f64>) -> String {
    part.map_or("-".to_owned(), |part| format!("{:.1}%", 100.0 * part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut columns = Columns::new(&[("what", Side::Left), ("us", Side::Right)]);
        columns.row(["a|b".to_owned(), micros(1234.5)]);
        columns.row(["longer".to_owned(), micros(123_456.0)]);
        assert_eq!(columns.to_text(), "what       us\na|b      1.23\nlonger  123.5\n");
        let markdown = "| what | us |\n| --- | ---: |\n| a/b | 1.23 |\n| longer | 123.5 |\n";
        assert_eq!(columns.to_markdown(), markdown);
    }
}
