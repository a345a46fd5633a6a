//! Every way in which a file can be wrong, and what is said of it.

use std::fs;
use std::path::{Path, PathBuf};

use tilewright_datasets::{DatePolicy, Error, MissingPolicy, ReadOptions, Result, Series, dates};

fn read_bytes(bytes: &[u8], options: ReadOptions) -> Result<Series> {
    Series::read_from(bytes, Path::new("toy.csv"), &options)
}

fn read(text: &str) -> Result<Series> {
    read_bytes(text.as_bytes(), ReadOptions::default())
}

fn read_missing(text: &str, missing: MissingPolicy) -> Result<Series> {
    read_bytes(text.as_bytes(), ReadOptions { missing, ..ReadOptions::default() })
}

fn error(text: &str) -> String {
    read(text).expect_err("the file is wrong").to_string()
}

#[test]
fn a_plain_file() {
    let series = read("date,a,b\n2020-01-01,1,2.5\n2020-01-02,-3e2,4\n").unwrap();
    assert_eq!(series.name(), "toy");
    assert_eq!(series.columns(), ["a", "b"]);
    assert_eq!(series.values(), [1.0, 2.5, -300.0, 4.0]);
    assert_eq!((series.rows(), series.channels()), (2, 2));
    assert_eq!(series.row(1), [-300.0, 4.0]);
    assert_eq!(series.channel(1).collect::<Vec<_>>(), [2.5, 4.0]);
    assert!(series.notes().is_empty());
}

#[test]
fn marks_line_ends_and_quotes_of_other_programs() {
    let plain = read("date,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n").unwrap();
    for text in [
        "\u{feff}date,a,b\r\n2020-01-01,1,2\r\n2020-01-02,3,4\r\n",
        "date,a,b\n2020-01-01,1,2\n2020-01-02,3,4",
        "\n\ndate,a,b\n\n2020-01-01,1,2\n   \n2020-01-02,3,4\n\n\n",
        "\"date\",\"a\",\"b\"\n\"2020-01-01\",\"1\",2\n2020-01-02, 3 ,4\n",
        "date,a,b\n2020/1/1 0:00,1,2\n2020/1/2 0:00,3,4\n",
    ] {
        assert_eq!(read(text).unwrap(), plain, "{text:?}");
    }
    let named = read("date,\"a, b\",\"say \"\"x\"\"\"\n2020-01-01,1,2\n").unwrap();
    assert_eq!(named.columns(), ["a, b", "say \"x\""]);
    let unnamed = read("date,,b\n2020-01-01,1,2\n").unwrap();
    assert_eq!(unnamed.columns(), ["column_2", "b"]);
}

#[test]
fn cells_that_are_no_numbers() {
    insta::assert_snapshot!(error("date,a,b\n2020-01-01,1,2\n2020-01-02,1,much\n"), @"toy.csv, line 3, column 3 (b): `much` is not a number");
    insta::assert_snapshot!(error("date,a\n2020-01-01,\n"), @"toy.csv, line 2, column 2 (a): the value is missing; fill it, or choose --missing interpolate or --missing drop");
    insta::assert_snapshot!(error("date,a\n2020-01-01,NaN\n"), @"toy.csv, line 2, column 2 (a): the value is missing (`NaN`); fill it, or choose --missing interpolate or --missing drop");
    insta::assert_snapshot!(error("date,a\n2020-01-01,1e999\n"), @"toy.csv, line 2, column 2 (a): `1e999` is infinite; replace it, or empty the cell and choose --missing interpolate");
    assert!(matches!(read("date,a\n2020-01-01,-inf\n"), Err(Error::Infinite { .. })));
    let long = format!("date,a\n2020-01-01,{}\n", "é".repeat(500));
    assert!(error(&long).len() < 200, "{}", error(&long));
    // Infinite is wrong under every policy: it is a value, not a missing one.
    for missing in [MissingPolicy::Interpolate, MissingPolicy::Drop] {
        let read = read_missing("date,a\n2020-01-01,inf\n", missing);
        assert!(matches!(read, Err(Error::Infinite { line: 2, column: 2, .. })));
    }
}

#[test]
fn rows_that_are_too_long_or_short() {
    insta::assert_snapshot!(error("date,a,b\n2020-01-01,1,2\n2020-01-02,3\n"), @"toy.csv, line 3: 2 cells, but the header has 3; complete the row or delete it");
    insta::assert_snapshot!(error("date,a\r\n2020-01-01,1\r\n\r\n2020-01-02,3,4\r\n"), @"toy.csv, line 4: 3 cells, but the header has 2; complete the row or delete it");
    // A file cut off in the middle: the count, not the half cell, is what is wrong.
    assert!(matches!(
        read("date,a,b\n2020-01-01,1,2\n2020-01-0"),
        Err(Error::RaggedRow { line: 3, found: 1, expected: 3, .. })
    ));
    assert!(matches!(
        read("date,a\n2020-01-01,1\n2020-01-02,\"3\n"),
        Err(Error::OpenQuote { line: 3, .. })
    ));
}

#[test]
fn dates_that_are_wrong() {
    insta::assert_snapshot!(error("date,a\n01.02.2020,1\n"), @"toy.csv, line 2, column 1 (date): `01.02.2020` is not a date; written as `2016-07-01 00:00:00`, `2016-07-01` or `2016/7/1 0:00`, dates belong in the first column");
    insta::assert_snapshot!(error("date,a\n2020-01-01,1\n2020-01-03,2\n2020-01-02,3\n2020-01-01,4\n"), @"toy.csv, line 4: 2020-01-02 00:00:00 comes after 2020-01-03 00:00:00 but lies before it; sort the rows by date");
    insta::assert_snapshot!(error("date,a\n2020-01-01,1\n2020-01-01,2\n"), @"toy.csv, line 3: 2020-01-01 00:00:00 is there already; keep one row for each date");
    assert!(matches!(read("date,a\n,1\n"), Err(Error::BadDate { line: 2, .. })));
}

#[test]
fn dates_out_of_order_can_be_noted_instead() {
    let text = "date,a\n2020-01-01,1\n2020-01-02,2\n2020-01-02,3\n2020-01-01,4\n2020-01-03,5\n";
    let options = ReadOptions { dates: DatePolicy::Note, ..ReadOptions::default() };
    let series = read_bytes(text.as_bytes(), options).unwrap();
    assert_eq!(series.values(), [1.0, 2.0, 3.0, 4.0, 5.0]);
    insta::assert_snapshot!(series.notes().join("\n"), @"2 date(s) repeat or go back, the first in line 4; rows are kept in the file's order");
}

#[test]
fn headers_that_are_wrong() {
    insta::assert_snapshot!(error(""), @"toy.csv is empty; a header `date,channel,...` and rows are needed");
    insta::assert_snapshot!(error("\u{feff}\r\n  \r\n"), @"toy.csv is empty; a header `date,channel,...` and rows are needed");
    insta::assert_snapshot!(error("date,a\n"), @"toy.csv holds a header but no rows");
    insta::assert_snapshot!(error("date,a,b,a\n2020-01-01,1,2,3\n"), @"toy.csv, line 1: columns 2 and 4 are both named `a`; rename one");
    insta::assert_snapshot!(error("date;a;b\n2020-01-01;1;2\n"), @"toy.csv, line 1: the header has no channel after the date column; it looks separated by semicolons, not commas");
    insta::assert_snapshot!(error("date\n2020-01-01\n"), @"toy.csv, line 1: the header has no channel after the date column");
}

#[test]
fn text_in_other_encodings() {
    let latin = b"date,a\n2020-01-01,1\n2020-01-02,\xB5\n";
    let error = read_bytes(latin, ReadOptions::default()).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"toy.csv, line 3: not UTF-8 text; convert it, for example with `iconv -f LATIN1 -t UTF-8`");
    let wide = b"\xFF\xFEd\0a\0t\0e\0,\0a\0\n\0";
    let error = read_bytes(wide, ReadOptions::default()).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"toy.csv, line 1: not UTF-8 text (it looks like UTF-16); convert it, for example with `iconv -f UTF-16 -t UTF-8`");
}

#[test]
fn missing_values_interpolated_in_time() {
    // The third date is three times as far from the first as the second is.
    let text = "date,a,b\n\
        2020-01-01 00:00,,1\n\
        2020-01-01 01:00,10,\n\
        2020-01-01 02:00,NA,null\n\
        2020-01-01 05:00,18,5\n\
        2020-01-01 06:00,?,6\n";
    let series = read_missing(text, MissingPolicy::Interpolate).unwrap();
    let close = |channel: usize, expected: &[f64]| {
        for (value, expected) in series.channel(channel).zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
    };
    close(0, &[10.0, 10.0, 12.0, 18.0, 18.0]);
    close(1, &[1.0, 1.8, 2.6, 5.0, 6.0]);
    assert_eq!(series.missing(), [3, 2]);
    insta::assert_snapshot!(series.notes().join("\n"), @"5 missing value(s) were interpolated");
    let error = read_missing("date,a,b\n2020-01-01,1,\n", MissingPolicy::Interpolate).unwrap_err();
    insta::assert_snapshot!(error, @"toy.csv, column 3 (b): every value is missing; delete the column");
}

#[test]
fn missing_values_dropped() {
    let text = "date,a,b\n2020-01-01,1,2\n2020-01-02,,4\n2020-01-03,5,6\n";
    let series = read_missing(text, MissingPolicy::Drop).unwrap();
    assert_eq!(series.values(), [1.0, 2.0, 5.0, 6.0]);
    let days: Vec<String> = series.dates().iter().map(|date| dates::format(*date)).collect();
    assert_eq!(days, ["2020-01-01 00:00:00", "2020-01-03 00:00:00"]);
    insta::assert_snapshot!(series.notes().join("\n"), @"1 row(s) with missing values were left out; the rows around them are now neighbours");
    let all = read_missing("date,a\n2020-01-01,\n", MissingPolicy::Drop);
    assert!(matches!(all, Err(Error::AllDropped { .. })));
}

#[test]
fn columns_are_listed_when_the_target_is_none_of_them() {
    let series = read("date,a,b\n2020-01-01,1,2\n").unwrap();
    let error = series.column_index("OT").unwrap_err();
    insta::assert_snapshot!(error, @"toy has no column `OT`; its columns are a, b");
    let names: Vec<String> = (0..862).map(|index| format!("s{index}")).collect();
    let cells = vec!["1"; 862].join(",");
    let wide = read(&format!("date,{}\n2020-01-01,{cells}\n", names.join(","))).unwrap();
    let text = wide.column_index("OT").unwrap_err().to_string();
    assert!(text.contains("s11, ... (838 more) ..., s850"), "{text}");
}

#[test]
fn files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let read = |path: PathBuf| Series::read(&path, &ReadOptions::default());
    assert!(matches!(read(folder.path().to_path_buf()), Err(Error::IsDirectory { .. })));
    let error = read(folder.path().join("ETTm1.csv")).unwrap_err().to_string();
    assert!(
        error.ends_with("no such file; `datasets fetch ETTm1` downloads that data set"),
        "{error}"
    );
    let error = read(folder.path().join("mine.csv")).unwrap_err().to_string();
    assert!(error.contains("datasets fetch NAME"), "{error}");
    let path = folder.path().join("binary.csv");
    fs::write(&path, [0_u8, 159, 146, 150, 10, 0, 255]).unwrap();
    assert!(matches!(read(path), Err(Error::NotUtf8 { line: 1, .. })));
}
