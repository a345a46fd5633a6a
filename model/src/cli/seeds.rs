//! `patchtst train --seeds`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};

use super::train::{TrainArgs, train};
use crate::config::Config;
use crate::train::group::{Member, State};
use crate::train::run_folder::{self, RunFolder};
use crate::train::seeds::Seeds;
use crate::train::training_loop::Outcome;

/// Trains the configuration under `count` seeds, one after another.
pub(super) fn run(args: &TrainArgs, count: usize, stop: &Arc<AtomicBool>) -> Result<()> {
    if count == 0 {
        bail!("--seeds 0: at least one seed is needed");
    }
    let (group, base) = match &args.resume {
        Some(group) => (group.clone(), args.config.lay_over(first_seed(group)?)?),
        None => {
            let config = args.config.load()?;
            (run_folder::path_for(&config), config)
        }
    };
    if group.join("config.toml").exists() {
        bail!("{} holds a single run; choose another runtime.name", group.display());
    }
    let mut finished = Vec::new();
    for seed in (base.train.seed..).take(count) {
        let mut config = base.clone();
        config.train.seed = seed;
        let member = Member::new(&group, format!("seed-{seed}"), config);
        let (config, folder) = match member.state()? {
            State::Finished(_, metrics) => {
                if !args.quiet {
                    eprintln!("seed {seed}: finished, test {}", metrics.test);
                }
                finished.push((member.name, *metrics));
                continue;
            }
            State::Begun(folder) => (member.config, Some(folder)),
            State::Missing => (member.config, None),
        };
        match train(config, folder, args.show(), stop)?.0 {
            Outcome::Finished(metrics) => finished.push((member.name, *metrics)),
            Outcome::Interrupted => {
                eprintln!(
                    "go on with: patchtst train --seeds {count} --resume {}",
                    group.display()
                );
                return Ok(());
            }
        }
        write(&group, &finished)?;
    }
    let seeds = write(&group, &finished)?;
    if !args.quiet {
        print!("{}", seeds.table().text());
        if seeds.test_drop_last.is_some() {
            println!("* without the last test batch, as the published tables were made");
        }
        println!("{}", group.join("seeds.json").display());
    }
    Ok(())
}

fn write(group: &Path, finished: &[(String, crate::train::report::Metrics)]) -> Result<Seeds> {
    let seeds = Seeds::of(finished).context("no seed has finished")?;
    seeds.write(&group.join("seeds.json"))?;
    Ok(seeds)
}

/// The configuration of the lowest seed in a group.
fn first_seed(group: &Path) -> Result<Config> {
    let entries =
        std::fs::read_dir(group).with_context(|| format!("cannot read {}", group.display()))?;
    let seed = |path: &PathBuf| -> Option<u64> {
        path.file_name()?.to_str()?.strip_prefix("seed-")?.parse().ok()
    };
    let seeds = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let first = seeds.filter(|path| seed(path).is_some()).min_by_key(seed);
    let first = first.with_context(|| {
        format!("{} holds no seeds: no folder such as seed-2021 is in it", group.display())
    })?;
    RunFolder::open(&first)?.config()
}
