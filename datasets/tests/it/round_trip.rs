//! Writing and reading again changes nothing; arbitrary bytes never panic.

use std::path::Path;

use proptest::prelude::*;
use tilewright_datasets::{DatePolicy, Frequency, MissingPolicy, ReadOptions, Series, dates};

fn frequencies() -> impl Strategy<Value = Frequency> {
    prop_oneof![
        (1..5000_i64).prop_map(Frequency::minutes),
        (1..2_000_000_i64).prop_map(Frequency::Fixed),
        (1..13_i32, any::<bool>())
            .prop_map(|(months, month_end)| Frequency::Months { months, month_end }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn csv_keeps_every_bit(
        frequency in frequencies(),
        values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO, 1..40),
        channels in 1..4_usize,
        names in proptest::collection::hash_set("[a-zA-Z%µ\",; .][a-zA-Z0-9%µ\",; .]{0,8}[a-z]", 4),
    ) {
        let rows = values.len().div_ceil(channels);
        let values: Vec<f64> = values.iter().copied().cycle().take(rows * channels).collect();
        let first = dates::parse("2019-12-31 23:00:00").unwrap();
        let days = frequency.forward(first, rows);
        // Surrounding space is not part of a cell.
        let columns: Vec<String> = names.iter().take(channels).map(|name| format!("x{name}")).collect();
        let series = Series::new("made", columns, days, values).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.csv");
        series.write(&path).unwrap();
        let again = Series::read(&path, &ReadOptions::default()).unwrap();
        prop_assert_eq!(again.columns(), series.columns());
        prop_assert_eq!(again.dates(), series.dates());
        let bits = |series: &Series| series.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&again), bits(&series));
        // Nothing but the file is left behind.
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// A regular series has the step it was made with, and goes on with it.
    #[test]
    fn steps_are_found_again(frequency in frequencies(), rows in 3..30_usize) {
        // The last day of a month, so that both kinds of months stay what they are.
        let first = dates::parse("2019-12-31 06:30:00").unwrap();
        let mut days = vec![first];
        days.extend(frequency.forward(first, rows));
        let found = Frequency::infer(&days).unwrap();
        prop_assert_eq!(found.irregular(&days), 0);
        let next = found.forward(*days.last().unwrap(), 1)[0];
        prop_assert_eq!(next, frequency.forward(first, rows + 1)[rows]);
    }

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Series::read_from(bytes.as_slice(), Path::new("x"), &ReadOptions::default());
    }

    /// Text that is nearly a table reaches further in.
    #[test]
    fn near_tables_never_panic(
        text in "date,a,b\n(20(19|20)-0[1-3]-[0-3][0-9]( 0[0-9]:00)?,(-?[0-9]{1,3}|NaN||inf|x|\"1\"|\"),[0-9]?(,1)?\r?\n){0,6}",
        missing in prop_oneof![
            Just(MissingPolicy::Error), Just(MissingPolicy::Interpolate), Just(MissingPolicy::Drop)
        ],
    ) {
        let options = ReadOptions { missing, dates: DatePolicy::Note };
        if let Ok(series) = Series::read_from(text.as_bytes(), Path::new("x"), &options) {
            prop_assert!(series.values().iter().all(|value| value.is_finite()));
            prop_assert_eq!(series.values().len(), series.rows() * 2);
        }
    }

    #[test]
    fn dates_never_panic(text in "\\PC{0,24}") {
        let _ = dates::parse(&text);
    }
}
