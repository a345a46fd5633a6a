//! Tables that a disk, a hand or another version has changed: an error that names the file, or a
//! table whose every answer can run. Never a panic.

use proptest::prelude::*;
use proptest::sample::Index;
use tilewright::table::{Table, TableError, lookup_in};
use tilewright::{Device, Plan, Problem};

use crate::support::{cpu, problems};
use crate::tables::{parse, patchtst};

/// What stands where a number stood.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "3",
    "-1",
    "1.5",
    "1e3",
    "1e999",
    "-0.0",
    "65536",
    "4294967296",
    "16777216",
    "9007199254740993",
    "18446744073709551615",
    "340282366920938463463374607431768211456",
    "null",
    "\"8\"",
];

/// A reader's verdict must be one of two.
fn refused_or_sound(text: &str, asked: &[Problem]) -> Result<(), TestCaseError> {
    let table = match parse(text) {
        Ok(table) => table,
        Err(error) => {
            prop_assert!(error.to_string().contains("my.json"), "{error}");
            return Ok(());
        }
    };
    let measured_on = table.device.device();
    for entry in &table.entries {
        for contender in entry.contenders() {
            prop_assert_eq!(contender.plan.check(&entry.problem, &measured_on), Ok(()));
        }
    }
    let known = table.entries.iter().map(|entry| entry.problem);
    for problem in known.chain(asked.iter().copied()) {
        for device in [measured_on, Device::H200, cpu()] {
            let answer = lookup_in(&table, &problem, &device);
            prop_assert_eq!(answer.plan.check(&problem, &device), Ok(()), "{}", problem);
        }
    }
    let again = table.to_json().expect("what was read can be written");
    prop_assert_eq!(parse(&again).expect("and read again"), table);
    Ok(())
}

/// Where the numbers of a text stand.
fn numbers(text: &str) -> Vec<core::ops::Range<usize>> {
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let mut found = Vec::new();
    let mut start = None;
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        }
        match (start, !quoted && of_number(c)) {
            (None, true) if c.is_ascii_digit() => start = Some(i),
            (Some(first), false) => {
                found.push(first..i);
                start = None;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn numbers_are_found() {
    let text = "{\"a1\":12,\"b\":[3.5,4]}";
    let found: Vec<&str> = numbers(text).into_iter().map(|range| &text[range]).collect();
    assert_eq!(found, ["12", "3.5", "4"]);
}

#[test]
fn every_number_may_be_any_number() {
    let text = patchtst().to_json().expect("JSON");
    let places = numbers(&text);
    let entries = text.find("entries").expect("entries");
    // All of the head, and of the first two entries, which are a forward and a backward pass.
    let end = text[entries..].match_indices('\n').nth(3).map_or(text.len(), |(i, _)| entries + i);
    for place in places.into_iter().filter(|place| place.end <= end) {
        for number in NUMBERS {
            let changed = format!("{}{number}{}", &text[..place.start], &text[place.end..]);
            let at = &text[place.start.saturating_sub(30)..place.end];
            refused_or_sound(&changed, &[])
                .unwrap_or_else(|error| panic!("{at} became {number}: {error}"));
        }
    }
}

#[test]
fn a_table_of_another_schema_is_no_table_of_this_one() {
    let text = patchtst().to_json().expect("JSON");
    let older = text.replacen("\"schema\": 2", "\"schema\": 1", 1);
    assert!(matches!(parse(&older), Err(TableError::Schema { found: 1, .. })));
    let unversioned = text.replacen("\"schema\": 2,", "", 1);
    let error = parse(&unversioned).expect_err("no schema").to_string();
    assert!(error.contains("schema"), "{error}");
    for foreign in ["{}", "[]", "null", "{\"schema\": \"2\"}", "{\"schema\": 2}", "", "\u{feff}{}"]
    {
        let error = parse(foreign).expect_err("no table").to_string();
        assert!(error.starts_with("my.json:"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bytes(
        changes in proptest::collection::vec((any::<Index>(), 0x20u8..0x7f), 1..4),
        asked in problems(),
    ) {
        let mut bytes = patchtst().to_json().expect("JSON").into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let text = String::from_utf8(bytes).expect("still ASCII");
        refused_or_sound(&text, &[asked])?;
    }

    #[test]
    fn numbers_edited_by_hand(
        edits in proptest::collection::vec((any::<Index>(), any::<Index>()), 1..3),
        asked in problems(),
    ) {
        let mut text = patchtst().to_json().expect("JSON");
        for (place, number) in edits {
            let places = numbers(&text);
            let range = places[place.index(places.len())].clone();
            text.replace_range(range, NUMBERS[number.index(NUMBERS.len())]);
        }
        refused_or_sound(&text, &[asked])?;
    }

    #[test]
    fn lines_lost_or_twice(lost in any::<Index>(), twice in any::<Index>(), asked in problems()) {
        let text = patchtst().to_json().expect("JSON");
        let mut lines: Vec<&str> = text.lines().collect();
        lines.remove(lost.index(lines.len()));
        let again = twice.index(lines.len());
        lines.insert(again, lines[again]);
        refused_or_sound(&lines.join("\n"), &[asked])?;
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused(end in any::<Index>()) {
        let text = patchtst().to_json().expect("JSON");
        let end = end.index(text.trim_end().len());
        prop_assert!(parse(&text[..end]).is_err());
    }

    #[test]
    fn no_text_is_too_odd(text in ".{0,200}") {
        refused_or_sound(&text, &[])?;
    }

    #[test]
    fn a_plan_of_any_numbers_is_refused_or_runs(
        numbers in proptest::array::uniform7(prop_oneof![0usize..40, any::<usize>()]),
        which in any::<Index>(),
    ) {
        let mut table: Table = patchtst();
        let which = which.index(table.entries.len());
        let [tile_rows, tile_cols, team, teams, heads, block, vector] = numbers;
        let plan = table.entries[which].plan;
        table.entries[which].plan =
            Plan { tile_rows, tile_cols, team, teams, heads, block, vector, ..plan };
        refused_or_sound(&table.to_json().expect("JSON"), &[])?;
    }
}
