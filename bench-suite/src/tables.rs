//! Measurements as tables, for a terminal and for a document.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::implementation::Implementation;
use crate::results::{Contest, Results, Row};

/// Cells under heads.
struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Columns with words in them; numbers stand to the right.
const WORDS: [&str; 5] = ["shape", "pass", "plan", "best peer", "why"];

impl Table {
    fn to_text(&self) -> String {
        let heads = self.heads.iter().map(|head| (*head).to_owned()).collect::<Vec<String>>();
        let mut widths = vec![0; heads.len()];
        for row in self.rows.iter().chain([&heads]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in [&heads].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ = match WORDS.contains(&self.heads[i]) {
                    true => write!(line, "{cell:width$}  "),
                    false => write!(line, "{cell:>width$}  "),
                };
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    fn to_markdown(&self) -> String {
        let mut text = format!("| {} |\n", self.heads.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(self.heads.len()));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "/")).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }
}

fn number(x: Option<f64>, digits: usize) -> String {
    x.map_or("-".to_owned(), |x| format!("{x:.digits$}"))
}

fn problem(row: &Row) -> String {
    format!("{} {}", row.shape(), row.kind())
}

impl Results {
    /// Tables for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = self.head();
        if self.has_peers() {
            text += "\nmilliseconds\n";
            text += &self.times(|ms, _| ms).to_text();
            text.push('\n');
        }
        text + &self.details().to_text()
    }

    /// Tables for a document.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("{}\n`{}`\n\n", self.head(), self.command);
        if !self.has_peers() {
            return text + &self.details().to_markdown();
        }
        text += "Milliseconds of a call, the fastest in bold; the floor is what memory bandwidth \
                 alone would take.\n\n";
        let bold = |ms: String, fastest| if fastest { format!("**{ms}**") } else { ms };
        text += &self.times(bold).to_markdown();
        text += "\n![milliseconds of a call](attention.svg)\n";
        text += "\nLargest error against the `f64` reference, relative to the largest element of \
                 the output or of the gradient.\n\n";
        text += &self.errors().to_markdown();
        let reasons = self.reasons();
        if !reasons.rows.is_empty() {
            let _ = write!(text, "\nNot measured:\n\n{}", reasons.to_markdown());
        }
        let _ = write!(text, "\nTilewright in detail:\n\n{}", self.details().to_markdown());
        text
    }

    fn has_peers(&self) -> bool {
        self.rows.iter().any(|row| row.implementation != Implementation::Tilewright)
    }

    fn head(&self) -> String {
        let Results { device, commit, copy_gigabytes_per_second, .. } = self;
        let mut text = format!(
            "{device}, commit {commit}, a copy reaches {copy_gigabytes_per_second:.0} GB/s\n"
        );
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        text
    }

    /// One line for each problem, one column for each implementation.
    fn times(&self, mark: impl Fn(String, bool) -> String) -> Table {
        let implementations = self.implementations();
        let mut heads = vec!["shape", "pass", "floor"];
        heads.extend(implementations.iter().map(|one| one.title()));
        heads.extend(["best peer", "speed-up"]);
        let line = |contest: &Contest<'_>| {
            let first = contest.rows[0];
            let ours = contest.of(Implementation::Tilewright).and_then(|row| row.ms);
            let peer = contest.best_peer();
            let best = ours.into_iter().chain(peer.and_then(|row| row.ms)).reduce(f64::min);
            let mut cells = vec![problem(first), first.pass.clone(), number(first.floor_ms, 4)];
            for &one in &implementations {
                let ms = contest.of(one).and_then(|row| row.ms);
                cells.push(mark(number(ms, 4), ms.is_some() && ms == best));
            }
            cells.push(peer.map_or("-".to_owned(), |row| row.implementation.title().to_owned()));
            cells.push(contest.speedup().map_or("-".to_owned(), |times| format!("{times:.2}x")));
            cells
        };
        Table { heads, rows: self.contests().iter().map(line).collect() }
    }

    fn errors(&self) -> Table {
        let implementations = self.implementations();
        let mut heads = vec!["shape", "pass"];
        heads.extend(implementations.iter().map(|one| one.title()));
        let line = |contest: &Contest<'_>| {
            let first = contest.rows[0];
            let mut cells = vec![problem(first), first.pass.clone()];
            cells.extend(implementations.iter().map(|&one| {
                let error = contest.of(one).and_then(Row::relative_error);
                error.map_or("-".to_owned(), |error| format!("{error:.1e}"))
            }));
            cells
        };
        Table { heads, rows: self.contests().iter().map(line).collect() }
    }

    /// Who has no time, why, and for what.
    fn reasons(&self) -> Table {
        let mut found: BTreeMap<(Implementation, &str), Vec<String>> = BTreeMap::new();
        for row in &self.rows {
            if let Some(reason) = row.reason() {
                let problems = found.entry((row.implementation, reason)).or_default();
                problems.push(format!("{} {}", problem(row), row.pass));
            }
        }
        let line = |((one, reason), problems): (&(Implementation, &str), &Vec<String>)| {
            let problems = match problems.as_slice() {
                [first, _, _, rest @ ..] => format!("{first} and {} more", rest.len() + 2),
                few => few.join(", "),
            };
            vec![one.title().to_owned(), (*reason).to_owned(), problems]
        };
        Table {
            heads: vec!["implementation", "why", "shape"],
            rows: found.iter().map(line).collect(),
        }
    }

    /// This library's measurements, one line for each.
    fn details(&self) -> Table {
        let heads = vec!["shape", "pass", "ms", "spread", "x floor", "TFLOP/s", "plan"];
        let line = |row: &Row| {
            let over = row.ms.zip(row.floor_ms).map(|(ms, floor)| ms / floor);
            let spread = row.spread.map_or("-".to_owned(), |s| format!("{:.1}%", 100.0 * s));
            let (ms, tflops) = (number(row.ms, 4), number(row.tflops, 2));
            let plan = row.reason().unwrap_or(&row.plan).to_owned();
            vec![problem(row), row.pass.clone(), ms, spread, number(over, 2), tflops, plan]
        };
        let ours = self.rows.iter().filter(|row| row.implementation == Implementation::Tilewright);
        Table { heads, rows: ours.map(line).collect() }
    }
}

#[cfg(test)]
mod tests {
    use crate::results::RowError;
    use crate::results::examples::{alone, results};

    #[test]
    fn tables_have_a_line_for_every_row() {
        let mut alone = alone();
        alone.rows[1].ms = None;
        alone.rows[1].error = Some(RowError::Reason("too large | by far".to_owned()));
        let text = alone.to_text();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.contains("2.00") && text.contains("too large"), "{text}");
        let markdown = alone.to_markdown();
        assert!(
            markdown.contains("| B2 H4 S42 D8 f32 | forward | 0.5000 | - | 2.00 |"),
            "{markdown}"
        );
        assert!(markdown.contains("too large / by far"), "a bar would end the cell: {markdown}");
    }

    #[test]
    fn peers_stand_beside_each_other() {
        let markdown = results().to_markdown();
        let line = "| B2 H4 S42 D8 f32 | forward | 0.2500 | **0.5000** | 1.5000 |";
        assert!(markdown.contains(line), "{markdown}");
        assert!(markdown.contains("| vanilla | 3.00x |"), "{markdown}");
        assert!(markdown.contains("| FlexAttention | too small / by far |"), "{markdown}");
        assert!(markdown.contains("1.5e-7") && markdown.contains("PyTorch 2"), "{markdown}");
        let columns: Vec<usize> = markdown
            .lines()
            .filter(|line| line.starts_with("| B2"))
            .map(|line| line.matches('|').count())
            .collect();
        assert_eq!(columns, [15, 15, 12, 12, 8, 8], "{markdown}");
        let text = results().to_text();
        assert!(text.contains("speed-up") && !text.contains("**"), "{text}");
    }
}
