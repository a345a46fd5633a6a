//! `patchtst train`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::settings::ConfigArgs;
use crate::data::Data;
use crate::evaluate::Errors;
use crate::progress::Progress;
use crate::runtime;
use crate::train::report::Metrics;
use crate::train::run_folder::RunFolder;
use crate::train::training_loop::{Outcome, Trainer};

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Goes on with this run, bit for bit as if it had not stopped; keys may still be set, as in
    /// train.epochs=200
    #[arg(long, value_name = "RUN", conflicts_with_all = ["preset", "config"])]
    pub resume: Option<PathBuf>,
    /// Prints nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

pub(super) fn run(args: &TrainArgs) -> Result<()> {
    let (config, folder) = match &args.resume {
        Some(path) => {
            let folder = RunFolder::open(path)?;
            (args.config.lay_over(folder.config()?)?, Some(folder))
        }
        None => (args.config.load()?, None),
    };
    // The data and the device first: a mistake in either is found before a folder is made.
    let data = Data::open(&config)?;
    data.train_loader(&config)?;
    let since = Instant::now();
    let runtime = runtime::open(&config.runtime)?;
    let resume = folder.is_some();
    let folder = match folder {
        Some(folder) => folder,
        None => RunFolder::create(&config)?,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // A handler can be set once per process; where there is one already, Ctrl-C keeps its meaning.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this step; press Ctrl-C again to stop at once");
    });
    let mut progress = Progress::new(args.quiet);
    progress.note(&format!(
        "{} on {}, attention {}, run {}",
        config.data.dataset,
        runtime.name,
        config.model.attention.name(),
        folder.path().display()
    ));
    for note in data.series.notes().iter().chain(&data.forecast.notes) {
        progress.note(note);
    }
    let path = folder.path().to_path_buf();
    let trainer = Trainer::new(config, folder, &runtime, data, resume, stop)?.started_at(since);
    match trainer.run(&mut progress)? {
        Outcome::Finished(metrics) => {
            if !args.quiet {
                print_metrics(&metrics);
                println!("run        {}", path.display());
            }
            Ok(())
        }
        Outcome::Interrupted => {
            progress
                .note(&format!("saved; go on with: patchtst train --resume {}", path.display()));
            Ok(())
        }
    }
}

fn print_metrics(metrics: &Metrics) {
    let line = |name: &str, errors: &Errors| {
        println!("{name:<10} MSE {:.4}  MAE {:.4}", errors.mse, errors.mae);
    };
    line("test", &metrics.test);
    if let Some(errors) = &metrics.test_drop_last {
        line("published*", errors);
    }
    line("validation", &metrics.val);
    line("last value", &metrics.naive.last_value);
    if let Some(seasonal) = &metrics.naive.seasonal {
        line(&format!("season {}", seasonal.period), &seasonal.errors);
    }
    println!(
        "epochs     {} (best {}), {:.2} s each, of which {:.2} s waiting for data",
        metrics.epochs, metrics.best_epoch, metrics.epoch_seconds, metrics.data_seconds
    );
    if metrics.test_drop_last.is_some() {
        println!("* without the last test batch, as the published tables were made");
    }
}
