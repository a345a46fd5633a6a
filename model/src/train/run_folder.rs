//! The folder of one run and the files in it.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::config::Config;
use crate::train::report::{Metrics, write_whole};

/// `runs/<name>`: configuration, checkpoint, losses, metrics and plot of one run.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// A new folder for `config`; one that holds a run already is refused.
    pub fn create(config: &Config) -> Result<Self> {
        let path = path_for(config);
        if path.join("config.toml").exists() {
            bail!(
                "{} holds a run already; resume it with `patchtst train --resume {0}`, or choose another \
                 runtime.name",
                path.display()
            );
        }
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        write_whole(&path.join("config.toml"), config.to_toml()?.as_bytes())?;
        Ok(Self(path))
    }

    /// The folder of an existing run.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join("config.toml").is_file() {
            bail!("{} is not a run: it holds no config.toml", path.display());
        }
        Ok(Self(path.to_path_buf()))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
    /// What the run reports, if it has ended.
    pub fn finished(&self) -> Result<Option<Metrics>> {
        let path = self.metrics();
        if !path.exists() {
            return Ok(None);
        }
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let metrics = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not a run's metrics", path.display()))?;
        Ok(Some(metrics))
    }
    /// The configuration as it was run.
    pub fn config(&self) -> Result<Config> {
        Ok(Config::from_file(&self.0.join("config.toml"))?)
    }
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.safetensors")
    }
    pub fn losses(&self) -> PathBuf {
        self.0.join("losses.csv")
    }
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.json")
    }
    /// What happened, a line each.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }
    /// A picture, as SVG; beside it the same as PNG.
    pub fn plot(&self) -> PathBuf {
        self.0.join("forecast.svg")
    }
    /// A picture, as SVG; beside it the same as PNG.
    pub fn loss_plot(&self) -> PathBuf {
        self.0.join("losses.svg")
    }
}

/// The runs that `paths` are or hold, in the order of their paths. A path without any is an error.
pub fn find(paths: &[PathBuf]) -> Result<Vec<RunFolder>> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        collect(path, DEPTH, &mut found)?;
        if found.len() == before {
            bail!("{} is no run and holds none: no config.toml is in it", path.display());
        }
    }
    Ok(found)
}

/// How deep runs may lie in folders of folders.
const DEPTH: usize = 4;

fn collect(path: &Path, depth: usize, found: &mut Vec<RunFolder>) -> Result<()> {
    if path.join("config.toml").is_file() {
        found.push(RunFolder(path.to_path_buf()));
        return Ok(());
    }
    let entries =
        std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && depth > 0)
        .collect();
    folders.sort();
    folders.iter().try_for_each(|folder| collect(folder, depth - 1, found))
}

/// Where a new run of `config` goes: under its name, or one made of data set, horizon or task, and
/// time.
pub fn path_for(config: &Config) -> PathBuf {
    let runs = Path::new(&config.runtime.runs);
    match config.runtime.name.as_str() {
        "" => unused(runs, &default_name(config)),
        name => runs.join(name),
    }
}

fn default_name(config: &Config) -> String {
    let dataset = Path::new(&config.data_name())
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_else(|| "run".into());
    let seconds =
        SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    format!(
        "{dataset}-{}-{year:04}{month:02}{day:02}-{:02}{:02}{:02}",
        config.purpose(),
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// `name`, or with a number behind it where two runs begin in the same second.
fn unused(runs: &Path, name: &str) -> PathBuf {
    let numbered = (2..).map(|number| runs.join(format!("{name}-{number}")));
    std::iter::once(runs.join(name))
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_else(|| runs.join(name))
}

/// Year, month and day of a day counted from 1970-01-01 (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}
