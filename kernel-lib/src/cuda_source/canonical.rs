//! One form for all texts of one kernel.
//!
//! CubeCL 0.11 places a kernel's shared buffers in the order in which it meets them in a hash map,
//! which differs from one expansion to the next, as do the numbers of the values that point to
//! them. Everything else stays.

use std::collections::HashMap;
use std::fmt::Write as _;

/// The text with values numbered in the order of their first use, and without the places of shared
/// buffers. Not a program: something to compare, and to look up what is known of it.
pub fn canonical(text: &str) -> String {
    let is_buffer = |line: &&str| {
        shared_block(text).is_some_and(|block| line.contains(&format!(">(&{block}[")))
    };
    let (buffers, body): (Vec<&str>, Vec<&str>) = text.lines().partition(is_buffer);

    let mut numbers = Numbers::default();
    let mut canonical = String::with_capacity(text.len());
    for line in body {
        numbers.renumber(line, &mut canonical);
        canonical.push('\n');
    }
    let mut buffers: Vec<String> = buffers
        .into_iter()
        .map(|line| {
            // `array<float_4, 288> * const v7 = reinterpret_cast<array<float_4, 288> *>(&v5[4608]);`
            let declaration = line.split(" = ").next().unwrap_or(line);
            let mut renumbered = String::new();
            numbers.renumber(declaration, &mut renumbered);
            renumbered
        })
        .collect();
    buffers.sort();
    for buffer in buffers {
        // Writing to a string cannot fail.
        let _ = writeln!(canonical, "{buffer}");
    }
    canonical
}

/// The name of the block that all shared buffers lie in.
fn shared_block(text: &str) -> Option<&str> {
    let (_, declaration) = text.split_once("extern __shared__")?;
    let (before, _) = declaration.split_once("[]")?;
    before.split_whitespace().next_back()
}

/// New numbers for values, in the order in which they are met.
#[derive(Default)]
struct Numbers<'a>(HashMap<&'a str, usize>);

impl<'a> Numbers<'a> {
    fn renumber(&mut self, line: &'a str, into: &mut String) {
        let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut rest = line;
        let mut before = ' ';
        while let Some(first) = rest.chars().next() {
            let name = rest.find(|c| !part_of_name(c)).unwrap_or(rest.len()).max(first.len_utf8());
            let (word, after) = rest.split_at(name);
            // `v4` in `ld.global.v4.f32` is no value.
            let digits = word.strip_prefix('v').filter(|_| before != '.').unwrap_or("");
            if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
                let next = self.0.len();
                let number = *self.0.entry(word).or_insert(next);
                let _ = write!(into, "v{number}");
            } else {
                into.push_str(word);
            }
            before = word.chars().next_back().unwrap_or(' ');
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "\
extern __shared__ __align__(16) char v9[];
array<float_4, 288> * const v100 = reinterpret_cast<array<float_4, 288> *>(&v9[0]);
array<float_4, 288> * const v102 = reinterpret_cast<array<float_4, 288> *>(&v9[4608]);
float_4 * const v11 = &(*v100)[v3];
float_4 * const v12 = &(*v102)[v3];
asm(\"ld.shared.v4.f32\");
";

    #[test]
    fn the_order_of_shared_buffers_makes_no_difference() {
        let other = ONE.replace("v100", "v0").replace("v102", "v100").replace("v0", "v102");
        let other = other.replace("[0]", "[x]").replace("[4608]", "[0]").replace("[x]", "[4608]");
        assert_ne!(ONE, other);
        assert_eq!(canonical(ONE), canonical(&other));
    }

    #[test]
    fn everything_else_does() {
        for (from, to) in [("[v3]", "[v11]"), ("288", "289"), ("ld.shared.v4", "ld.shared.v2")] {
            assert_ne!(canonical(ONE), canonical(&ONE.replacen(from, to, 1)), "{from}");
        }
        assert!(canonical(ONE).contains("ld.shared.v4.f32"));
    }

    #[test]
    fn a_text_without_shared_memory_keeps_its_lines() {
        assert_eq!(canonical("int v7 = v3;\nreturn v7;\n"), "int v0 = v1;\nreturn v0;\n");
    }
}
