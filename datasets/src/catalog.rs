//! The facts of the public data sets, and opening one by name or a CSV by path.

use std::env;
use std::path::{Path, PathBuf};

use crate::dates::Frequency;
use crate::error::{Error, Result};
use crate::series::{DatePolicy, ReadOptions, Series};
use crate::split::SplitRule;
use crate::synthetic::{self, SyntheticSpec};

/// Folder of data that is used when none is named.
pub const DEFAULT_DIR: &str = "data";
/// Environment variable that names a folder of data.
pub const DIR_VARIABLE: &str = "TILEWRIGHT_DATA";

/// A public data set.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Other names that papers use.
    pub aliases: &'static [&'static str],
    /// Its file, relative to a data folder, as Autoformer and PatchTST lay it out.
    pub file: &'static str,
    /// Channels, without the date.
    pub channels: usize,
    /// Rows, without the header.
    pub rows: usize,
    /// Step between rows.
    pub step: Frequency,
    /// The column that univariate experiments forecast.
    pub target: &'static str,
    /// Where its parts begin and end.
    pub rule: SplitRule,
    /// Where it can be fetched, best first; each names a fixed revision.
    pub urls: &'static [&'static str],
    /// Sums of its known files. More than one where copies differ in their line ends. Empty when
    /// none is known, so that nothing can be verified.
    pub sha256: &'static [&'static str],
    /// What it is.
    pub about: &'static str,
    /// Under which licence it is given.
    pub licence: &'static str,
}

/// The copy kept beside the Time-Series-Library, by the authors of Autoformer.
macro_rules! tslib {
    ($($part:literal),*) => {
        concat!(
            "https://huggingface.co/datasets/thuml/Time-Series-Library/resolve/",
            "2b66e59ee19dac8f6f19fb5d4997f289fdfea357/",
            $($part),*
        )
    };
}

macro_rules! ett {
    ($file:literal) => {
        &[
            concat!(
                "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/",
                "1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/",
                $file
            ),
            tslib!("ETT-small/", $file),
        ]
    };
}

const ETT_ABOUT: &str = "electricity transformer: six loads and the oil temperature (Informer)";
const ETT_LICENCE: &str = "CC BY-ND 4.0";
const UNSTATED: &str = "not stated by the source";

/// The data sets that the long-horizon forecasting papers compare on.
///
/// The sums of ETTh1, ETTh2, exchange_rate and illness were computed from files at hand; the
/// others are those that many independent projects publish for the same revisions, with the same
/// sums for the four that could be checked.
pub static ENTRIES: [Entry; 9] = [
    Entry {
        name: "ETTh1",
        aliases: &[],
        file: "ETT-small/ETTh1.csv",
        channels: 7,
        rows: 17_420,
        step: Frequency::hours(1),
        target: "OT",
        rule: SplitRule::ETT_HOURLY,
        urls: ett!("ETTh1.csv"),
        sha256: &["f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"],
        about: ETT_ABOUT,
        licence: ETT_LICENCE,
    },
    Entry {
        name: "ETTh2",
        aliases: &[],
        file: "ETT-small/ETTh2.csv",
        channels: 7,
        rows: 17_420,
        step: Frequency::hours(1),
        target: "OT",
        rule: SplitRule::ETT_HOURLY,
        urls: ett!("ETTh2.csv"),
        sha256: &["a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b"],
        about: ETT_ABOUT,
        licence: ETT_LICENCE,
    },
    Entry {
        name: "ETTm1",
        aliases: &[],
        file: "ETT-small/ETTm1.csv",
        channels: 7,
        rows: 69_680,
        step: Frequency::minutes(15),
        target: "OT",
        rule: SplitRule::ETT_QUARTER_HOURLY,
        urls: ett!("ETTm1.csv"),
        sha256: &["6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e"],
        about: ETT_ABOUT,
        licence: ETT_LICENCE,
    },
    Entry {
        name: "ETTm2",
        aliases: &[],
        file: "ETT-small/ETTm2.csv",
        channels: 7,
        rows: 69_680,
        step: Frequency::minutes(15),
        target: "OT",
        rule: SplitRule::ETT_QUARTER_HOURLY,
        urls: ett!("ETTm2.csv"),
        sha256: &["db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd"],
        about: ETT_ABOUT,
        licence: ETT_LICENCE,
    },
    Entry {
        name: "weather",
        aliases: &[],
        file: "weather/weather.csv",
        channels: 21,
        rows: 52_696,
        step: Frequency::minutes(10),
        target: "OT",
        rule: SplitRule::RATIO_70_10_20,
        urls: &[tslib!("weather/weather.csv")],
        sha256: &[
            "34ee981d07313e51da2a50bb600072c8ae4a69cb4b0651f4cb93a069d7a2ba63",
            "9b2b19b13e342d9c9b9c51620d42b4be232df7fba30e7f5c4968b7c79ab138ad",
        ],
        about: "weather station of the Max Planck Institute in Jena, 2020 (Autoformer)",
        licence: UNSTATED,
    },
    Entry {
        name: "electricity",
        aliases: &["ECL"],
        file: "electricity/electricity.csv",
        channels: 321,
        rows: 26_304,
        step: Frequency::hours(1),
        target: "OT",
        rule: SplitRule::RATIO_70_10_20,
        urls: &[tslib!("electricity/electricity.csv")],
        sha256: &["7e45845d54c5219bad0ae6bc1b5316cf8ff9cead5d33fa998a5a51c2e4a497ad"],
        about: "electricity consumption of 321 clients (UCI, through LSTNet and Autoformer)",
        licence: UNSTATED,
    },
    Entry {
        name: "traffic",
        aliases: &[],
        file: "traffic/traffic.csv",
        channels: 862,
        rows: 17_544,
        step: Frequency::hours(1),
        target: "OT",
        rule: SplitRule::RATIO_70_10_20,
        urls: &[tslib!("traffic/traffic.csv")],
        sha256: &["cb06463d56fa17d87f47027cd9389ceae82a69eddee51cdb61480e120dab0b16"],
        about: "road occupancy at 862 sensors in San Francisco (PeMS, through LSTNet and Autoformer)",
        licence: UNSTATED,
    },
    Entry {
        name: "exchange_rate",
        aliases: &["exchange"],
        file: "exchange_rate/exchange_rate.csv",
        channels: 8,
        rows: 7_588,
        step: Frequency::days(1),
        target: "OT",
        rule: SplitRule::RATIO_70_10_20,
        urls: &[tslib!("exchange_rate/exchange_rate.csv")],
        // With CRLF and with LF line ends; both without a last one.
        sha256: &[
            "48b4d9d3d508f5104162e85b9a6042e3557fde11aa9f2944eba8c0d0efc89842",
            "d55e7aa2641009814a18ba3279431b13f6d413b0eab195b9ff21988d8cf94e97",
        ],
        about: "daily exchange rates of eight countries (LSTNet)",
        licence: UNSTATED,
    },
    Entry {
        name: "illness",
        aliases: &["ILI", "national_illness"],
        file: "illness/national_illness.csv",
        channels: 7,
        rows: 966,
        step: Frequency::days(7),
        target: "OT",
        rule: SplitRule::RATIO_70_10_20,
        urls: &[tslib!("illness/national_illness.csv")],
        // With CRLF and with LF line ends.
        sha256: &[
            "93601f64d2566dc796ca4305adad8b8560c2db1a1ff04543c3bd813a7263570a",
            "8594cecb98c6f2f9dc014eca11c4d5d1e38ad5ce6ed0592d4abe65b146fce395",
        ],
        about: "influenza-like illness in the United States (CDC ILINet, through Autoformer)",
        licence: UNSTATED,
    },
];

/// The entry of this name or alias; case does not matter.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| {
        let mut names = std::iter::once(&entry.name).chain(entry.aliases);
        names.any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// All names that can be opened without a path.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let entries = ENTRIES.iter().map(|entry| entry.name);
    entries.chain([synthetic::NAME]).collect()
}

/// The folders that are searched: `dir`, then the environment's, then `./data`.
#[must_use]
pub fn search_path(dir: Option<&Path>) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = dir.map(Path::to_path_buf).into_iter().collect();
    places.extend(env::var_os(DIR_VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from));
    places.push(PathBuf::from(DEFAULT_DIR));
    places.dedup();
    places
}

impl Entry {
    /// Name of its file without a folder.
    #[must_use]
    pub fn file_name(&self) -> &'static str {
        self.file.rsplit('/').next().unwrap_or(self.file)
    }

    /// Its file in one of the folders, directly or in its sub-folder.
    #[must_use]
    pub fn locate(&self, places: &[PathBuf]) -> Option<PathBuf> {
        places
            .iter()
            .flat_map(|place| [place.join(self.file), place.join(self.file_name())])
            .find(|path| path.is_file())
    }
}

/// A series, and how the field splits it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The rows.
    pub series: Series,
    /// Where its parts begin and end.
    pub rule: SplitRule,
    /// The target column of univariate experiments; the last column where nothing says otherwise.
    pub target: String,
    /// Its facts, if it is a public data set.
    pub entry: Option<&'static Entry>,
    /// Its file; `None` for the synthetic series.
    pub path: Option<PathBuf>,
}

/// Opens a data set by name, `synthetic`, or a CSV by path.
///
/// A name is searched in `dir`, in the folder that `TILEWRIGHT_DATA` names, and in `./data`. A
/// file of another path is split 70/10/20, unless it has the name, the rows and the channels of a
/// known data set: then it is taken to be that one, and a note says so.
///
/// # Errors
///
/// [`Error::NotFetched`] when a known set is not on this machine, [`Error::UnknownName`], and all
/// of [`Series::read`].
pub fn open(name_or_path: &str, dir: Option<&Path>, options: &ReadOptions) -> Result<Source> {
    if name_or_path.eq_ignore_ascii_case(synthetic::NAME) {
        return Ok(generated(synthetic::series(&SyntheticSpec::default())?));
    }
    if let Some(entry) = find(name_or_path) {
        let places = search_path(dir);
        let path = entry.locate(&places).ok_or_else(|| Error::NotFetched {
            name: entry.name.to_string(),
            file: entry.file.to_string(),
            places: places
                .iter()
                .map(|place| place.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        return open_entry(entry, &path, options);
    }
    let path = Path::new(name_or_path);
    let looks_like_path = path.extension().is_some() || path.components().count() > 1;
    if !looks_like_path && !path.exists() {
        return Err(Error::UnknownName {
            name: name_or_path.to_string(),
            known: names().join(", "),
        });
    }
    open_file(path, options)
}

fn generated(series: Series) -> Source {
    Source {
        target: last_column(&series),
        rule: SplitRule::RATIO_70_10_20,
        entry: None,
        path: None,
        series,
    }
}

fn last_column(series: &Series) -> String {
    series.columns().last().cloned().unwrap_or_default()
}

/// Opens a file as a known data set.
fn open_entry(entry: &'static Entry, path: &Path, options: &ReadOptions) -> Result<Source> {
    let options = ReadOptions { dates: DatePolicy::Note, ..*options };
    let mut series = Series::read(path, &options)?.named(entry.name);
    if (series.rows(), series.channels()) != (entry.rows, entry.channels) {
        series.note(format!(
            "this file has {} rows of {} channels, the known {} has {} of {}",
            series.rows(),
            series.channels(),
            entry.name,
            entry.rows,
            entry.channels
        ));
    }
    series.column_index(entry.target)?;
    Ok(Source {
        target: entry.target.to_string(),
        rule: entry.rule,
        entry: Some(entry),
        path: Some(path.to_path_buf()),
        series,
    })
}

fn open_file(path: &Path, options: &ReadOptions) -> Result<Source> {
    let file_name = path.file_name().and_then(|name| name.to_str());
    let entry = ENTRIES.iter().find(|entry| Some(entry.file_name()) == file_name);
    if let Some(entry) = entry {
        let relaxed = ReadOptions { dates: DatePolicy::Note, ..*options };
        let series = Series::read(path, &relaxed)?;
        if (series.rows(), series.channels()) == (entry.rows, entry.channels) {
            let mut source = open_entry(entry, path, options)?;
            source.series.note(format!(
                "taken as the data set {} by its name and size: split {}",
                entry.name, entry.rule
            ));
            return Ok(source);
        }
    }
    let series = Series::read(path, options)?;
    Ok(Source { path: Some(path.to_path_buf()), ..generated(series) })
}

/// What to say of a file that is not there.
pub(crate) fn hint_for(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    match find(stem) {
        Some(entry) => format!("; `datasets fetch {}` downloads that data set", entry.name),
        None => format!(
            "; give the path of a CSV, or run `datasets fetch NAME` with one of {}",
            ENTRIES.map(|entry| entry.name).join(", ")
        ),
    }
}
