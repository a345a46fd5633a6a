//! Suggestions for a mistyped name.

/// The candidates close to `given`, closest first; none where nothing is close.
pub fn near<'a>(given: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (given.len() / 3).max(1);
    let mut close: Vec<(usize, &str)> = candidates
        .map(|candidate| (distance(given, candidate), candidate))
        .filter(|(distance, candidate)| {
            // A name of one letter is close to every other.
            *distance <= limit && *distance < given.len() || candidate.starts_with(given)
        })
        .collect();
    close.sort();
    close.into_iter().map(|(_, candidate)| candidate).collect()
}

/// `` `a`, `b` and `c` ``.
pub fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> =
        names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Single-character insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_slip_finds_its_name() {
        let names = ["tanh", "tan", "sqrt", "min"];
        assert_eq!(near("tahn", names.into_iter()), ["tan", "tanh"]);
        assert_eq!(near("sqr", names.into_iter()), ["sqrt"]);
        assert!(near("relu", names.into_iter()).is_empty());
    }

    #[test]
    fn lists_read_as_a_sentence() {
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(list(["a"]), "`a`");
    }
}
