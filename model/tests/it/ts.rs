//! The reader of `.ts` files: what it reads, and how it refuses what it cannot.

use std::path::Path;

use proptest::prelude::*;
use tilewright_patchtst::data::ts::{Labels, TsFile};

fn read(text: &str) -> Result<TsFile, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.ts");
    std::fs::write(&path, text).unwrap();
    TsFile::read(&path).map_err(|error| error.to_string())
}

#[test]
fn classes_of_two_dimensions() {
    let text = "\u{feff}# A comment: with colons, and commas\r\n\
        @problemName Two Waves\r\n@timeStamps false\r\n@missing false\r\n@univariate false\r\n\
        @dimensions 2\r\n@equalLength true\r\n@seriesLength 3\r\n@CLASSLABEL true calm rough\r\n\
        \r\n@data\r\n1,2,3:-1,-2,-3e0:rough\r\n# between\r\n\r\n 4 , 5 , 6 : .5,+1,0 : calm\r\n";
    let file = read(text).unwrap();
    assert_eq!((file.name.as_str(), file.channels, file.length), ("Two Waves", 2, 3));
    assert_eq!(file.cases(), 2);
    // Step by step, the dimensions of a step side by side.
    let expected = [1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, 0.5, 5.0, 1.0, 6.0, 0.0];
    assert_eq!(file.values, expected);
    let names = vec!["calm".to_string(), "rough".to_string()];
    assert_eq!(file.labels, Labels::Classes { names, of: vec![1, 0] });
}

#[test]
fn numbers_and_cases_without_labels() {
    let file = read("@targetlabel true\n@data\n1,2:-7.5\n3,4:1e3\n").unwrap();
    assert_eq!((file.name.as_str(), file.channels, file.length), ("given", 1, 2));
    assert_eq!(file.labels, Labels::Numbers(vec![-7.5, 1000.0]));
    let file = read("@classLabel false\n@data\n1,2:3,4\n").unwrap();
    assert_eq!(
        (file.channels, file.values, file.labels),
        (2, vec![1.0, 3.0, 2.0, 4.0], Labels::None)
    );
}

#[test]
fn the_first_case_tells_the_shape_whatever_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.ts");
    std::fs::write(&path, "@classLabel true a b\n@data\n1,2,3:a\nnonsense\n").unwrap();
    let first = TsFile::read_first(&path).unwrap();
    assert_eq!((first.cases(), first.length), (1, 3));
    assert!(TsFile::read(&path).is_err());
}

#[test]
fn malformed_files_are_refused_in_one_line_with_their_place() {
    let head = "@classLabel true a b\n@data\n";
    let two = "@dimensions 2\n@classLabel true a b\n@data\n";
    for (text, expected) in [
        (String::new(), "given.ts: no line @data"),
        ("# nothing\n@classLabel true a b\n".into(), "given.ts: no line @data"),
        (head.into(), "given.ts: no cases"),
        ("1,2:a\n".into(), "line 1: a case before the line @data"),
        (
            format!("{head}1,2:a\n3,4:c\n"),
            "line 4: `c` is none of the classes in @classLabel: a, b",
        ),
        (
            format!("{head}1,2:a\n3,4,5:b\n"),
            "line 4: dimension 1 has 3 values, where the first case has 2",
        ),
        (format!("{two}1,2:3,4:a\n1,2:3:b\n"), "line 5: dimension 2 has 1 values"),
        (format!("{two}1,2:3,4:a\n1,2:b\n"), "line 5: 1 dimensions, where the first case has 2"),
        (format!("{two}1,2:a\n"), "line 4: 1 dimensions, not counting the label"),
        (format!("{head}1,?:a\n"), "line 3: dimension 1, value 2: is missing; fill"),
        (format!("{head}NaN,2:a\n"), "line 3: dimension 1, value 1: is missing"),
        (format!("{head}1,,2:a\n"), "line 3: dimension 1, value 2: is missing"),
        (format!("{head}1,x:a\n"), "line 3: dimension 1, value 2: `x` is not a number"),
        (format!("{head}1,inf:a\n"), "line 3: dimension 1, value 2: `inf` is not finite"),
        (format!("{head}1,2:\n"), "line 3: `` is none of the classes"),
        (format!("{head}a\n"), "line 3: the case has no dimension"),
        (format!("{head}:a\n"), "line 3: dimension 1 has no values"),
        (format!("{head}(0,1),(1,2):a\n"), "line 3: dimension 1 has time stamps"),
        ("@classLabel true\n@data\n1:a\n".into(), "line 1: @classLabel names 0 classes"),
        (
            "@classLabel true a a\n@data\n1:a\n".into(),
            "line 1: @classLabel names the class a twice",
        ),
        ("@classLabel a b\n".into(), "line 1: @classLabel a: expected true or false"),
        ("@classLabel\n".into(), "line 1: @classLabel: expected true or false"),
        (
            "@classLabel true a b\n@targetlabel true\n".into(),
            "line 2: @classLabel and @targetlabel",
        ),
        (
            "@targetlabel true\n@data\n1,2:high\n".into(),
            "line 3: the target `high` is not a number",
        ),
        ("@targetlabel true\n@data\n1,2:?\n".into(), "line 3: the target is missing"),
        ("@timeStamps true\n".into(), "line 1: @timestamps true"),
        ("@equalLength false\n".into(), "line 1: @equalLength false: cut or pad"),
        ("@dimensions two\n".into(), "line 1: @dimensions two: expected a whole number"),
        ("@dimensions 0\n".into(), "line 1: @dimensions 0"),
        ("@univariate true\n@dimensions 2\n@data\n".into(), "line 3: @univariate true, but"),
        ("@univariate true\n@data\n1:2\n".into(), "line 3: 2 dimensions, where the header says 1"),
        (
            "@seriesLength 3\n@data\n1,2\n".into(),
            "line 3: 2 values in dimension 1, where @seriesLength",
        ),
    ] {
        let error = read(&text).expect_err(&text);
        assert!(error.contains(expected), "{text}: `{error}` does not say `{expected}`");
        assert!(error.contains("given.ts") && !error.contains('\n'), "{text}: {error}");
    }
    let error = TsFile::read(Path::new("nowhere.ts")).unwrap_err().to_string();
    assert!(error.contains("nowhere.ts"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.ts");
    std::fs::write(&path, b"# caf\xe9\n@classLabel true a b\n@data\n1,\xff:a\n").unwrap();
    let error = TsFile::read(&path).unwrap_err().to_string();
    assert!(error.contains("line 4: dimension 1, value 2"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_text_panics(
        header in "(@[a-zA-Z]{0,11} ?(true|false)? ?[a-c0-9 ]{0,6}\n){0,4}",
        cases in "[0-9a-c,:?.()\n -]{0,60}",
    ) {
        let _ = read(&format!("{header}@classLabel true a b\n@data\n{cases}"));
        let _ = read(&format!("{header}{cases}"));
    }
}
