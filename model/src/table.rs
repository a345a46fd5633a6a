//! Tables for people: aligned text, and Markdown.

/// Rows under a heading. The first column is text, the others are numbers and stand to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: Into<String>>(heading: impl IntoIterator<Item = S>) -> Self {
        Self { heading: heading.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells stay empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        cells.resize(self.heading.len(), String::new());
        self.rows.push(cells);
    }

    /// Columns of equal width.
    pub fn text(&self) -> String {
        let widths = self.widths();
        let mut out = String::new();
        for row in std::iter::once(&self.heading).chain(&self.rows) {
            let cells = row.iter().zip(&widths).enumerate().map(|(place, (cell, width))| {
                if place == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            out.push('\n');
        }
        out
    }

    /// A table of Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut rule = vec!["---".to_string()];
        rule.resize(self.heading.len(), "---:".to_string());
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.heading) + &line(&rule) + &rows
    }

    fn widths(&self) -> Vec<usize> {
        (0..self.heading.len())
            .map(|column| {
                let all = std::iter::once(&self.heading).chain(&self.rows);
                all.map(|row| row[column].chars().count()).max().unwrap_or(0)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["run", "MSE"]);
        table.row(["a|b", "0.5"]);
        table.row(["longer"]);
        assert_eq!(table.text(), "run     MSE\na|b     0.5\nlonger\n");
        let expected = "| run | MSE |\n| --- | ---: |\n| a\\|b | 0.5 |\n| longer |  |\n";
        assert_eq!(table.markdown(), expected);
    }
}
