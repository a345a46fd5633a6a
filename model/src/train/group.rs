//! Runs that belong together, in folders under one: the seeds of `train --seeds`, the cells of a
//! sweep. Which of them are finished, begun or missing is read from their folders, so the same
//! command goes on where it stopped.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::config::Config;
use crate::train::report::Metrics;
use crate::train::run_folder::RunFolder;

/// One run of a group.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub config: Config,
}

/// How far a member is.
#[derive(Debug)]
pub enum State {
    Missing,
    Begun(RunFolder),
    Finished(RunFolder, Box<Metrics>),
}

impl Member {
    /// The run called `name` in the folder `group`.
    pub fn new(group: &Path, name: impl Into<String>, mut config: Config) -> Self {
        let name = name.into();
        config.runtime.runs = group.display().to_string();
        config.runtime.name.clone_from(&name);
        Self { name, config }
    }

    pub fn path(&self) -> PathBuf {
        Path::new(&self.config.runtime.runs).join(&self.name)
    }

    /// What its folder says. A run of other settings under its name is an error; where a run is
    /// computed (`[runtime]`) is none of its settings.
    pub fn state(&self) -> Result<State> {
        let path = self.path();
        if !path.join("config.toml").exists() {
            return Ok(State::Missing);
        }
        let folder = RunFolder::open(&path)?;
        let mut stored = folder.config()?;
        stored.runtime.clone_from(&self.config.runtime);
        if stored != self.config {
            bail!(
                "{} holds a run with other settings; remove it or choose another folder",
                path.display()
            );
        }
        match folder.finished()? {
            Some(metrics) => Ok(State::Finished(folder, Box::new(metrics))),
            None => Ok(State::Begun(folder)),
        }
    }

    /// Its folder, made if it is missing.
    pub fn folder(&self) -> Result<RunFolder> {
        match self.state()? {
            State::Missing => RunFolder::create(&self.config),
            State::Begun(folder) | State::Finished(folder, _) => Ok(folder),
        }
    }
}
