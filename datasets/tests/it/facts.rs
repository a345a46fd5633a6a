//! Known facts of the benchmark sets, on made data of their size and, where it is there, on the
//! real one.

use std::path::{Path, PathBuf};

use tilewright_datasets::synthetic::{SyntheticSpec, series};
use tilewright_datasets::{
    Error, Features, ForecastData, ForecastSpec, Part, ReadOptions, SplitRule, catalog, dates,
};

/// The published window counts: rows, rule, context, horizon, windows of test.
#[test]
fn known_window_counts() {
    let known = [
        (17_420, SplitRule::ETT_HOURLY, 336, 96, 2785),
        (17_420, SplitRule::ETT_HOURLY, 336, 192, 2689),
        (17_420, SplitRule::ETT_HOURLY, 336, 336, 2545),
        (17_420, SplitRule::ETT_HOURLY, 336, 720, 2161),
        (17_420, SplitRule::ETT_HOURLY, 512, 96, 2785),
        (69_680, SplitRule::ETT_QUARTER_HOURLY, 336, 96, 11_425),
        (69_680, SplitRule::ETT_QUARTER_HOURLY, 336, 192, 11_329),
        (69_680, SplitRule::ETT_QUARTER_HOURLY, 336, 336, 11_185),
        (69_680, SplitRule::ETT_QUARTER_HOURLY, 336, 720, 10_801),
        (52_696, SplitRule::RATIO_70_10_20, 96, 96, 10_444),
    ];
    for (rows, rule, context, horizon, windows) in known {
        let split = rule.split("it", rows, context, horizon).unwrap();
        assert_eq!(split.windows(Part::Test), windows, "{rule} {context} {horizon}");
    }
    let ett = SplitRule::ETT_HOURLY.split("it", 17_420, 336, 96).unwrap();
    assert_eq!(ett.windows(Part::Train), 8640 - 336 - 96 + 1);
    assert_eq!(ett.windows(Part::Validation), 2785);
    assert_eq!(ett.train, 0..8640);
    assert_eq!(ett.validation, 8640 - 336..11_520);
    assert_eq!(ett.test, 11_520 - 336..14_400);
}

/// int(n * 0.7) and int(n * 0.2), as Python computes them.
#[test]
fn ratios_round_as_the_published_loaders_do() {
    for (rows, train, validation, test) in [
        (52_696, 36_887, 5_270, 10_539),
        (26_304, 18_412, 2_632, 5_260),
        (17_544, 12_280, 1_756, 3_508),
        (7_588, 5_311, 760, 1_517),
        (966, 676, 97, 193),
        // 0.7 * 10 is 7.000000000000001 or 6.999...: double precision decides, as there.
        (10, 7, 1, 2),
        (70, 49, 7, 14),
    ] {
        let split = SplitRule::RATIO_70_10_20.split("it", rows, 1, 0).unwrap();
        assert_eq!(split.train, 0..train, "{rows}");
        assert_eq!(split.validation, train - 1..train + validation, "{rows}");
        assert_eq!(split.test, rows - test - 1..rows, "{rows}");
    }
}

#[test]
fn the_catalogue_is_sound() {
    for entry in &catalog::ENTRIES {
        assert!(catalog::find(&entry.name.to_uppercase()).is_some());
        assert!(entry.file.ends_with(".csv") && !entry.urls.is_empty());
        for url in entry.urls {
            assert!(url.starts_with("https://") && url.ends_with(entry.file_name()), "{url}");
        }
        for sum in entry.sha256 {
            assert!(sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()), "{sum}");
        }
        let horizon = if entry.name == "illness" { 60 } else { 720 };
        let context = if entry.name == "illness" { 104 } else { 336 };
        let split = entry.rule.split(entry.name, entry.rows, context, horizon);
        assert!(split.is_ok(), "{}", entry.name);
    }
    assert_eq!(catalog::find("ILI").unwrap().name, "illness");
    assert_eq!(catalog::find("ecl").unwrap().name, "electricity");
    assert!(catalog::find("ETTh3").is_none());
}

/// A file of the name, rows and channels of a known set is that set, wherever it lies.
#[test]
fn a_path_can_be_a_known_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ETTh1.csv");
    let open = |rows| {
        let made = series(&SyntheticSpec { rows, channels: 7, seed: 1 }).unwrap();
        made.write(&path).unwrap();
        catalog::open(&path.to_string_lossy(), None, &ReadOptions::default()).unwrap()
    };
    let source = open(17_420);
    assert_eq!(source.rule, SplitRule::ETT_HOURLY);
    assert_eq!(source.entry.map(|entry| entry.name), Some("ETTh1"));
    insta::assert_snapshot!(source.series.notes().join("\n"), @"taken as the data set ETTh1 by its name and size: split 12/4/4 months");
    let source = open(2000);
    assert_eq!(source.rule, SplitRule::RATIO_70_10_20);
    assert!(source.entry.is_none());
}

/// weather.csv holds a date twice; every published number was measured with it.
#[test]
fn known_sets_may_repeat_a_date_and_other_files_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let text = "date,OT\n2020-05-12 06:00:00,1\n2020-05-12 06:00:00,2\n2020-05-12 06:10:00,3\n";
    std::fs::write(folder.path().join("weather.csv"), text).unwrap();
    let source = catalog::open("weather", Some(folder.path()), &ReadOptions::default()).unwrap();
    assert_eq!(source.series.values(), [1.0, 2.0, 3.0]);
    assert!(source.series.notes()[0].contains("the first in line 3"));
    assert!(source.series.notes()[1].contains("the known weather has 52696 of 21"));
    let path = folder.path().join("mine.csv");
    std::fs::write(&path, text).unwrap();
    let opened = catalog::open(&path.to_string_lossy(), None, &ReadOptions::default());
    assert!(matches!(opened, Err(Error::DuplicateDate { line: 3, .. })));
}

/// Folder of real data, or why the test cannot look at any.
fn real_data() -> Option<PathBuf> {
    let dir = std::env::var_os(catalog::DIR_VARIABLE).filter(|dir| !dir.is_empty());
    if dir.is_none() {
        eprintln!("skipped: {} does not name a folder of data sets", catalog::DIR_VARIABLE);
    }
    dir.map(PathBuf::from)
}

fn open_real(dir: &Path, name: &str) -> Option<catalog::Source> {
    let entry = catalog::find(name).unwrap();
    if entry.locate(&[dir.to_path_buf()]).is_none() {
        eprintln!("skipped: {} is not in {}", entry.file, dir.display());
        return None;
    }
    Some(catalog::open(name, Some(dir), &ReadOptions::default()).unwrap())
}

#[test]
fn real_sets_are_as_the_catalogue_says() {
    let Some(dir) = real_data() else { return };
    for entry in &catalog::ENTRIES {
        let Some(source) = open_real(&dir, entry.name) else {
            continue;
        };
        let series = &source.series;
        assert_eq!(series.name(), entry.name);
        assert_eq!((series.rows(), series.channels()), (entry.rows, entry.channels));
        assert_eq!(series.frequency(), Some(entry.step), "{}", entry.name);
        assert_eq!(series.columns().last().unwrap(), entry.target);
        if entry.name != "weather" {
            assert!(series.notes().is_empty(), "{:?}", series.notes());
        }
        // The same file by its path is the same data set.
        let path = source.path.clone().unwrap();
        let again = catalog::open(&path.to_string_lossy(), None, &ReadOptions::default()).unwrap();
        assert_eq!(again.rule, entry.rule);
        assert_eq!(again.series.values(), series.values());
    }
}

#[test]
fn etth1_as_published() {
    let Some(source) = real_data().and_then(|dir| open_real(&dir, "ETTh1")) else {
        return;
    };
    let spec = ForecastSpec {
        context: 336,
        horizon: 96,
        features: Features::M,
        target: None,
        rule: source.rule,
        scale: true,
    };
    let data = ForecastData::new(&source.series, &spec).unwrap();
    assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (8209, 2785, 2785));
    // scikit-learn's StandardScaler on the first 8,640 rows.
    let mean = [
        7.937_742_25,
        2.021_038_67,
        5.079_770_60,
        0.746_185_88,
        2.781_762_39,
        0.788_453_12,
        17.128_261_7,
    ];
    let std =
        [5.812_749, 2.090_119_5, 5.518_793_6, 1.926_379_5, 1.023_542_3, 0.630_236_5, 9.176_491_0];
    for channel in 0..7 {
        assert!((data.scaler.mean[channel] - mean[channel]).abs() < 1e-5, "{:?}", data.scaler.mean);
        assert!((data.scaler.std[channel] - std[channel]).abs() < 1e-4, "{:?}", data.scaler.std);
    }
    let last = source.series.dates().last().copied().unwrap();
    assert_eq!(dates::format(last), "2018-06-26 19:00:00");
    assert_eq!(dates::format(source.series.dates_after(1)[0]), "2018-06-26 20:00:00");
}
