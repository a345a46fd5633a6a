//! Which configuration a command works with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::config::{Config, overrides, presets};
use crate::data;
use crate::train::checkpoint::Checkpoint;
use crate::train::run_folder::RunFolder;

/// Which configuration: preset, then file, then single keys.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Settings to start from: synthetic, etth1, etth2, ettm1, ettm2, weather, electricity, traffic,
    /// illness, exchange_rate, pretrain, finetune, classification, regression, tiny
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub preset: Option<String>,
    /// A TOML file; its top-level `preset` key says what it is laid over
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key, as in --set model.d_model=128; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// The same without --set
    #[arg(value_name = "SECTION.KEY=VALUE")]
    pub assignments: Vec<String>,
    /// auto, cpu, cuda or cuda:1; short for runtime.device
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

impl ConfigArgs {
    /// Completed by its data.
    pub(super) fn load(&self) -> Result<Config> {
        data::complete(self.load_open()?)
    }

    /// As it was given: what labelled cases decide is still open.
    pub(super) fn load_open(&self) -> Result<Config> {
        let config = match (&self.preset, &self.config) {
            (Some(name), _) => presets::by_name(name)?,
            (None, Some(path)) => Config::from_file(path)?,
            (None, None) => Config::default(),
        };
        set_over(config, self.all_assignments(), self.device.as_deref())
    }

    pub(super) fn lay_over(&self, config: Config) -> Result<Config> {
        lay_over(config, self.all_assignments(), self.device.as_deref())
    }

    fn all_assignments(&self) -> impl Iterator<Item = &String> {
        self.set.iter().chain(&self.assignments)
    }
}

/// `config` with single keys and a device set over it, completed by its data, checked.
fn lay_over<'a>(
    config: Config,
    assignments: impl Iterator<Item = &'a String>,
    device: Option<&str>,
) -> Result<Config> {
    data::complete(set_over(config, assignments, device)?)
}

/// The same without its data.
fn set_over<'a>(
    mut config: Config,
    assignments: impl Iterator<Item = &'a String>,
    device: Option<&str>,
) -> Result<Config> {
    let before = config.clone();
    let mut keys = Vec::new();
    for assignment in assignments {
        config.set(assignment)?;
        keys.extend(assignment.split_once('=').map(|(key, _)| key.trim()));
    }
    overrides::turn_to_labels(&before, &mut config, |key| keys.contains(&key));
    if let Some(device) = device {
        config.runtime.device = device.into();
    }
    config.check()?;
    Ok(config)
}

/// A trained model by its run's folder or by a checkpoint.
pub(super) fn open_trained(
    run: Option<&Path>,
    checkpoint: Option<&Path>,
    device: Option<&str>,
) -> Result<(Config, Checkpoint)> {
    match (run, checkpoint) {
        (Some(run), _) => {
            let (_, config, checkpoint) = open_run(run, device, &[])?;
            Ok((config, checkpoint))
        }
        (None, Some(file)) => open_checkpoint(file, device),
        (None, None) => bail!("--run or --checkpoint is needed"),
    }
}

/// A trained run, with keys set over its configuration.
pub(super) fn open_run(
    run: &Path,
    device: Option<&str>,
    assignments: &[String],
) -> Result<(RunFolder, Config, Checkpoint)> {
    let folder = RunFolder::open(run)?;
    let config = lay_over(folder.config()?, assignments.iter(), device)?;
    let checkpoint = Checkpoint::read(&folder.checkpoint())
        .with_context(|| format!("{} has no usable checkpoint", run.display()))?;
    Ok((folder, config, checkpoint))
}

/// A checkpoint beside its run's configuration.
fn open_checkpoint(file: &Path, device: Option<&str>) -> Result<(Config, Checkpoint)> {
    let checkpoint = Checkpoint::read(file)?;
    let beside = file.with_file_name("config.toml");
    if !beside.is_file() {
        bail!("{} is missing: the checkpoint's configuration", beside.display());
    }
    Ok((lay_over(Config::from_file(&beside)?, [].into_iter(), device)?, checkpoint))
}
