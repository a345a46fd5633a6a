//! `patchtst eval`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::settings::open_run;
use crate::config::Task;
use crate::data::{Data, Part};
use crate::evaluate::naive;
use crate::score::{Confusion, Score};
use crate::table::Table;
use crate::{out_of_memory, runtime};

const EXAMPLES: &str = "\
Examples:
  patchtst eval --run runs/mine
  patchtst eval --run runs/mine --device cpu --json
  patchtst eval --run runs/mine model.attention=vanilla     the same weights, another attention

Of a classification it prints accuracy, macro-F1, cross-entropy and how often each class was taken for
each; of a regression its errors, in the units of what is regressed.";

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
    let (own, facts) = (data.facts(), &checkpoint.facts);
    if own.inputs != facts.inputs {
        bail!("{}: the data's channels are not the model's", folder.path().display());
    }
    if let Data::Cases(_) = data
        && own != *facts
    {
        bail!("{}: data.train is not what the run was trained on", folder.path().display());
    }
    config.model.check_batch(config.train.batch_size, data.channels())?;
    let runtime = runtime::open(&config)?;
    let model = checkpoint.model(&config, &runtime.device)?;
    let test = out_of_memory::advise(&config, || {
        data.measure(&model, Part::Test, &config, &runtime.device)
    })?;
    let naive = match &data {
        Data::Series(data) if config.model.task == Task::Forecast => {
            Some(naive(&data.forecast.test, data.output, data.period))
        }
        _ => None,
    };
    if args.json {
        let mut json = serde_json::json!({ "test": test, "naive": naive });
        if let Data::Cases(data) = &data {
            json["same_for_all"] = serde_json::to_value(data.baseline())?;
        }
        if test.confusion.is_some() {
            json["classes"] = serde_json::json!(own.outputs);
        }
        println!("{}", serde_json::to_string_pretty(&json)?);
        return Ok(());
    }
    let what = if let Data::Cases(_) = data { "cases" } else { "windows" };
    println!("{} {what} of the test part on {}", test.windows, runtime.name);
    let line = |name: &str, score: &Score| println!("{name:<12} {score}");
    line("complete", &test.complete);
    if let Some(errors) = &test.drop_last {
        line("drop_last", errors);
    }
    if let Some(naive) = &naive {
        line("last value", &Score::Errors(naive.last_value));
        if let Some(seasonal) = &naive.seasonal {
            line(&format!("season {}", seasonal.period), &Score::Errors(seasonal.errors));
        }
    }
    if let Data::Cases(data) = &data {
        line("one answer", &data.baseline());
    }
    if let Some(confusion) = &test.confusion {
        print!("\n{}", matrix(confusion, &own.outputs).text());
    }
    Ok(())
}

/// A row for each class that cases have, a column for each that they were taken for.
fn matrix(confusion: &Confusion, classes: &[String]) -> Table {
    let heading = std::iter::once("truth \\ predicted".to_string());
    let mut table = Table::new(heading.chain(classes.iter().cloned()));
    for (class, row) in classes.iter().zip(&confusion.0) {
        table.row(std::iter::once(class.clone()).chain(row.iter().map(usize::to_string)));
    }
    table
}
