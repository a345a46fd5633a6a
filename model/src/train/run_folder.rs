//! The folder of one run and the files in it.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::config::Config;

/// `runs/<name>`: configuration, checkpoint, losses, metrics and plot of one run.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// A new folder for `config`; one that holds a run already is refused.
    pub fn create(config: &Config) -> Result<Self> {
        let runs = Path::new(&config.runtime.runs);
        let path = match config.runtime.name.as_str() {
            "" => unused(runs, &default_name(config)),
            name => runs.join(name),
        };
        if path.join("config.toml").exists() {
            bail!(
                "{} holds a run already; resume it with `patchtst train --resume {0}`, or choose another \
                 runtime.name",
                path.display()
            );
        }
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        std::fs::write(path.join("config.toml"), config.to_toml()?)
            .with_context(|| format!("cannot write {}", path.join("config.toml").display()))?;
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
    pub fn plot(&self) -> PathBuf {
        self.0.join("forecast.svg")
    }
    pub fn loss_plot(&self) -> PathBuf {
        self.0.join("losses.svg")
    }
}

fn default_name(config: &Config) -> String {
    let dataset = Path::new(&config.data.dataset)
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_else(|| "run".into());
    let seconds =
        SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    format!(
        "{dataset}-{}-{year:04}{month:02}{day:02}-{:02}{:02}{:02}",
        config.model.horizon,
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
