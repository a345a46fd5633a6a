//! What can be wrong with a data set, said so that it can be put right.

use std::io;
use std::path::{Path, PathBuf};

use crate::split::Part;

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that reading, splitting, loading or fetching a data set can report.
///
/// Lines are counted from 1 and include the header; columns are counted from 1 and include the
/// date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such file.
    #[error("{path}: no such file{hint}", path = path.display())]
    NotFound {
        /// The path that was asked for.
        path: PathBuf,
        /// The way out, starting with a separator, or empty.
        hint: String,
    },
    /// A data set of the catalogue is not on this machine.
    #[error(
        "data set {name} was not found; looked for {file} in {places}; run `datasets fetch {name}`, \
         or say where it lies with --dir or TILEWRIGHT_DATA"
    )]
    NotFetched {
        /// Name of the data set.
        name: String,
        /// Its file, relative to a data folder.
        file: String,
        /// The folders that were searched.
        places: String,
    },
    /// Neither a name of the catalogue nor a file.
    #[error(
        "`{name}` is neither a known data set nor a file; known: {known}; any CSV whose first \
         column is a date can be given by its path"
    )]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The names of the catalogue.
        known: String,
    },
    /// A folder where a file is needed.
    #[error("{path} is a directory; give the CSV file in it", path = path.display())]
    IsDirectory {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was being done: "read", "write", ...
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file has no line with text.
    #[error("{path} is empty; a header `date,channel,...` and rows are needed", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file has a header and nothing else.
    #[error("{path} holds a header but no rows", path = path.display())]
    HeaderOnly {
        /// The file.
        path: PathBuf,
    },
    /// Only a date column, or another separator than the comma.
    #[error("{path}, line {line}: the header has no channel after the date column{hint}", path = path.display())]
    NoChannels {
        /// The file.
        path: PathBuf,
        /// Line of the header.
        line: usize,
        /// The way out, starting with a separator, or empty.
        hint: String,
    },
    /// Two columns of one name.
    #[error(
        "{path}, line {line}: columns {first} and {second} are both named `{name}`; rename one",
        path = path.display()
    )]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// Line of the header.
        line: usize,
        /// The name.
        name: String,
        /// The earlier column.
        first: usize,
        /// The later column.
        second: usize,
    },
    /// A row with more or fewer cells than the header.
    #[error(
        "{path}, line {line}: {found} cells, but the header has {expected}; complete the row or \
         delete it",
        path = path.display()
    )]
    RaggedRow {
        /// The file.
        path: PathBuf,
        /// Line of the row.
        line: usize,
        /// Cells in the row.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// A quoted cell that is not closed on its line.
    #[error(
        "{path}, line {line}: a quote is not closed on its line; cells that hold line breaks are \
         not supported",
        path = path.display()
    )]
    OpenQuote {
        /// The file.
        path: PathBuf,
        /// Line of the quote.
        line: usize,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{path}, line {line}: not UTF-8 text{hint}; convert it, for example with \
         `iconv -f {from} -t UTF-8`",
        path = path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line of the first bad byte.
        line: usize,
        /// What it looks like, starting with a separator, or empty.
        hint: String,
        /// The encoding to try.
        from: &'static str,
    },
    /// Text where a number belongs.
    #[error(
        "{path}, line {line}, column {column} ({name}): `{text}` is not a number",
        path = path.display()
    )]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// Line of the cell.
        line: usize,
        /// Column of the cell.
        column: usize,
        /// Name of the column.
        name: String,
        /// The cell, shortened.
        text: String,
    },
    /// An empty cell, or NaN.
    #[error(
        "{path}, line {line}, column {column} ({name}): the value is missing{shown}; fill it, or \
         choose --missing interpolate or --missing drop",
        path = path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// Line of the cell.
        line: usize,
        /// Column of the cell.
        column: usize,
        /// Name of the column.
        name: String,
        /// How the cell says so, in parentheses, or empty.
        shown: String,
    },
    /// A number outside what can be computed with.
    #[error(
        "{path}, line {line}, column {column} ({name}): `{text}` is infinite; replace it, or empty \
         the cell and choose --missing interpolate",
        path = path.display()
    )]
    Infinite {
        /// The file.
        path: PathBuf,
        /// Line of the cell.
        line: usize,
        /// Column of the cell.
        column: usize,
        /// Name of the column.
        name: String,
        /// The cell, shortened.
        text: String,
    },
    /// A column without one value, which cannot be interpolated.
    #[error(
        "{path}, column {column} ({name}): every value is missing; delete the column",
        path = path.display()
    )]
    AllMissing {
        /// The file.
        path: PathBuf,
        /// The column.
        column: usize,
        /// Its name.
        name: String,
    },
    /// `--missing drop` left no row.
    #[error(
        "{path}: every row has a missing value, so dropping them leaves nothing; choose --missing \
         interpolate",
        path = path.display()
    )]
    AllDropped {
        /// The file.
        path: PathBuf,
    },
    /// The first cell is not a date.
    #[error(
        "{path}, line {line}, column 1 ({name}): `{text}` is not a date; written as \
         `2016-07-01 00:00:00`, `2016-07-01` or `2016/7/1 0:00`, dates belong in the first column",
        path = path.display()
    )]
    BadDate {
        /// The file.
        path: PathBuf,
        /// Line of the date.
        line: usize,
        /// Name of the date column.
        name: String,
        /// The cell, shortened.
        text: String,
    },
    /// A date before the one above it.
    #[error(
        "{path}, line {line}: {date} comes after {previous} but lies before it; sort the rows by \
         date",
        path = path.display()
    )]
    Unsorted {
        /// The file.
        path: PathBuf,
        /// First line that is out of order.
        line: usize,
        /// Its date.
        date: String,
        /// The date above it.
        previous: String,
    },
    /// A date that was there already.
    #[error(
        "{path}, line {line}: {date} is there already; keep one row for each date",
        path = path.display()
    )]
    DuplicateDate {
        /// The file.
        path: PathBuf,
        /// First line that repeats.
        line: usize,
        /// Its date.
        date: String,
    },
    /// The target is not a column.
    #[error("{name} has no column `{target}`; its columns are {columns}")]
    MissingTarget {
        /// The series.
        name: String,
        /// The column that was asked for.
        target: String,
        /// The columns there are.
        columns: String,
    },
    /// Not one window fits into a part.
    #[error(
        "{name} has {rows} rows, too few: its {part} part does not hold one window of {context} + \
         {horizon} rows; {}",
        way_out(*.needed, *.rows)
    )]
    TooShort {
        /// The series.
        name: String,
        /// The first part that holds none.
        part: Part,
        /// Rows of the series.
        rows: usize,
        /// Rows that a window reads.
        context: usize,
        /// Rows that a window predicts.
        horizon: usize,
        /// The fewest rows that would do; `None` when none would.
        needed: Option<usize>,
    },
    /// Values too large for single precision, or whose squares are too large for double.
    #[error(
        "{name}, column {column}: its values are too large to compute with; change its unit, for \
         example divide it by a million"
    )]
    TooLarge {
        /// The series.
        name: String,
        /// Name of the column.
        column: String,
    },
    /// Fractions that are no split.
    #[error(
        "a split of {train} for training and {test} for testing is not possible; both must lie \
         between 0 and 1, and their sum as well"
    )]
    BadSplit {
        /// Fraction that trains.
        train: f64,
        /// Fraction that tests.
        test: f64,
    },
    /// Arrays whose sizes do not fit together.
    #[error("{what}: expected {expected} values, found {found}")]
    Shape {
        /// What was given.
        what: String,
        /// How many values belong there.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A setting that makes no sense.
    #[error("{setting} = {value} is not possible: {why}")]
    BadSetting {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What is possible.
        why: &'static str,
    },
    /// A prefetching thread panicked.
    #[error("a data worker failed at batch {batch} of epoch {epoch}: {message}")]
    Worker {
        /// The epoch.
        epoch: u64,
        /// The batch in its epoch.
        batch: usize,
        /// The panic's message.
        message: String,
    },
    /// The operating system gave no thread.
    #[error("cannot start data worker {worker}; choose fewer workers")]
    Spawn {
        /// Index of the worker.
        worker: usize,
        /// Why.
        source: io::Error,
    },
    /// The download failed at every address.
    #[error("cannot fetch {name}:{tries}\n{hint}")]
    Download {
        /// The data set or file.
        name: String,
        /// One line for each address, each starting with a line break.
        tries: String,
        /// The way out.
        hint: String,
    },
    /// The bytes are not those that were promised.
    #[error(
        "{name}: the downloaded file is not the known one and was deleted\n  expected sha256 \
         {expected}\n  received sha256 {received}\n  from {url}"
    )]
    Checksum {
        /// The data set or file.
        name: String,
        /// The sums that would do.
        expected: String,
        /// The sum of what came.
        received: String,
        /// Where it came from.
        url: String,
    },
    /// Another process is downloading the same file.
    #[error(
        "{path} is being written by another download; wait for it, or stop it",
        path = path.display()
    )]
    Busy {
        /// The unfinished file.
        path: PathBuf,
    },
}

fn way_out(needed: Option<usize>, rows: usize) -> String {
    match needed {
        Some(needed) if needed > rows => {
            format!("{needed} rows are needed; or choose a shorter context or horizon")
        }
        _ => "choose a shorter context or horizon".to_string(),
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }
}
