//! `patchtst eval`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::settings::open_run;
use crate::config::Task;
use crate::data::Data;
use crate::evaluate::{Errors, evaluate, naive};
use crate::{out_of_memory, runtime};

const EXAMPLES: &str = "\
Examples:
  patchtst eval --run runs/mine
  patchtst eval --run runs/mine --device cpu --json
  patchtst eval --run runs/mine model.attention=vanilla     the same weights, another attention";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EvalArgs {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    pub run: PathBuf,
    /// auto, cpu, cuda or cuda:1
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Sets one key over the run's configuration, as in model.attention=vanilla
    #[arg(value_name = "SECTION.KEY=VALUE")]
    pub assignments: Vec<String>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &EvalArgs) -> Result<()> {
    let (folder, config, checkpoint) =
        open_run(&args.run, args.device.as_deref(), &args.assignments)?;
    let data = Data::open(&config)?;
    if data.forecast.inputs != checkpoint.facts.inputs {
        bail!("{}: the data's channels are not the model's", folder.path().display());
    }
    config.model.check_batch(config.train.batch_size, data.channels())?;
    let runtime = runtime::open(&config)?;
    let model = checkpoint.model(&config, &runtime.device)?;
    let windows = &data.forecast.test;
    let test = out_of_memory::advise(&config, || {
        evaluate(&model, windows, data.output, &config, &runtime.device)
    })?;
    let naive =
        (config.model.task == Task::Forecast).then(|| naive(windows, data.output, data.period));
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({ "test": test, "naive": naive }))?
        );
        return Ok(());
    }
    println!("{} windows of the test part on {}", test.windows, runtime.name);
    let line = |name: &str, errors: &Errors| {
        println!("{name:<12} MSE {:.4}  MAE {:.4}", errors.mse, errors.mae);
    };
    line("complete", &test.complete);
    if let Some(errors) = &test.drop_last {
        line("drop_last", errors);
    }
    if let Some(naive) = &naive {
        line("last value", &naive.last_value);
        if let Some(seasonal) = &naive.seasonal {
            line(&format!("season {}", seasonal.period), &seasonal.errors);
        }
    }
    Ok(())
}
