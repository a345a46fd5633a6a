//! `patchtst train`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use super::seeds;
use super::settings::ConfigArgs;
use crate::config::Config;
use crate::data::Data;
use crate::out_of_memory;
use crate::progress::Progress;
use crate::runtime;
use crate::score::Score;
use crate::train::report::Metrics;
use crate::train::run_folder::RunFolder;
use crate::train::training_loop::{Outcome, Trainer};

const EXAMPLES: &str = "\
Examples:
  patchtst train                                    a synthetic series, minutes on two CPU cores
  patchtst train --preset etth1 --device cuda       the paper's ETTh1, horizon 96
  patchtst train --preset etth1 model.horizon=336 train.schedule=TST train.clip_norm=1
  patchtst train --preset etth1 --seeds 5 runtime.name=etth1-96
                                                    five seeds, their mean and deviation; the same
                                                    command goes on where it was stopped
  patchtst train --config my.toml --set data.dataset=my.csv
  patchtst train --preset classification data.train=Waves_TRAIN.ts data.test=Waves_TEST.ts
                                                    labelled cases, in the format of
                                                    timeseriesclassification.com
  patchtst train --preset regression data.train=Power_TRAIN.ts data.test=Power_TEST.ts
  patchtst train --resume runs/etth1-96-20260101-120000 train.epochs=200

A run's folder holds config.toml, checkpoint.safetensors, log.jsonl (a line for each reading of
losses and for each epoch), losses.csv, metrics.json, and pictures as SVG and PNG.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Goes on with this run, bit for bit as if it had not stopped; keys may still be set, as in
    /// train.epochs=200
    #[arg(long, value_name = "RUN", conflicts_with_all = ["preset", "config"])]
    pub resume: Option<PathBuf>,
    /// Trains with so many seeds, train.seed and the ones after it, in folders under one; finished
    /// ones are not trained again
    #[arg(long, value_name = "COUNT")]
    pub seeds: Option<usize>,
    /// Prints lines, on a terminal too; short for runtime.dashboard=false
    #[arg(long)]
    pub no_dashboard: bool,
    /// Prints nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// What a person is shown of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    Nothing,
    Lines,
    /// A dashboard, where the terminal and the configuration allow it.
    Dashboard,
}

impl TrainArgs {
    pub(super) fn show(&self) -> Show {
        match (self.quiet, self.no_dashboard) {
            (true, _) => Show::Nothing,
            (false, true) => Show::Lines,
            (false, false) => Show::Dashboard,
        }
    }
}

pub(super) fn run(args: &TrainArgs) -> Result<()> {
    let stop = stop_on_ctrl_c();
    if let Some(count) = args.seeds {
        return seeds::run(args, count, &stop);
    }
    let (config, folder) = match &args.resume {
        Some(path) if path.join("seeds.json").exists() => {
            bail!("{} holds several seeds; add --seeds COUNT to go on with them", path.display())
        }
        Some(path) => {
            let folder = RunFolder::open(path)?;
            (args.config.lay_over(folder.config()?)?, Some(folder))
        }
        None => (args.config.load()?, None),
    };
    let (outcome, path) = train(config, folder, args.show(), &stop)?;
    if let Outcome::Finished(metrics) = outcome
        && !args.quiet
    {
        print_metrics(&metrics);
        println!("run        {}", path.display());
    }
    Ok(())
}

/// Trains one run: a new one, or the one that `folder` holds. With its outcome comes its folder.
pub(super) fn train(
    config: Config,
    folder: Option<RunFolder>,
    show: Show,
    stop: &Arc<AtomicBool>,
) -> Result<(Outcome, PathBuf)> {
    // The data and the device first: a mistake in either is found before a folder is made.
    let data = Data::open(&config)?;
    data.train_loader(&config)?;
    let since = Instant::now();
    let runtime = runtime::open(&config)?;
    let resume = folder.is_some();
    let folder = match folder {
        Some(folder) => folder,
        None => RunFolder::create(&config)?,
    };
    let mut progress = Progress::new(show == Show::Nothing);
    if show == Show::Dashboard && config.runtime.dashboard {
        progress = progress.with_dashboard(stop);
    }
    progress.note(&format!(
        "{} on {}, attention {}, {}, run {}",
        config.data_name(),
        runtime.name,
        config.model.attention.name(),
        config.model.precision,
        folder.path().display()
    ));
    for note in data.notes() {
        progress.note(&note);
    }
    let path = folder.path().to_path_buf();
    let asked = Arc::clone(stop);
    let outcome = out_of_memory::advise(&config.clone(), || {
        let trainer = Trainer::new(config, folder, &runtime, data, resume, asked)?;
        trainer.started_at(since).run(&mut progress)
    })?;
    progress.close();
    if matches!(outcome, Outcome::Interrupted) {
        progress.note(&format!("saved; go on with: patchtst train --resume {}", path.display()));
    }
    Ok((outcome, path))
}

/// A flag that Ctrl-C sets; pressed again, it ends the process.
pub(super) fn stop_on_ctrl_c() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // A handler can be set once per process; where there is one already, Ctrl-C keeps its meaning.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this step; press Ctrl-C again to stop at once");
    });
    stop
}

fn print_metrics(metrics: &Metrics) {
    let line = |name: &str, score: &Score| println!("{name:<10} {score}");
    line("test", &metrics.test);
    if let Some(errors) = &metrics.test_drop_last {
        line("published*", errors);
    }
    line("validation", &metrics.val);
    if let Some(naive) = &metrics.naive {
        line("last value", &Score::Errors(naive.last_value));
        if let Some(seasonal) = &naive.seasonal {
            line(&format!("season {}", seasonal.period), &Score::Errors(seasonal.errors));
        }
    }
    if let Some(score) = &metrics.same_for_all {
        line("one answer", score);
    }
    println!(
        "epochs     {} (best {}), {:.2} s each, of which {:.2} s waiting for data",
        metrics.epochs, metrics.best_epoch, metrics.epoch_seconds, metrics.data_seconds
    );
    if metrics.test_drop_last.is_some() {
        println!("* without the last test batch, as the published tables were made");
    }
}
