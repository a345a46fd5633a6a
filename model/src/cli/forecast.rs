//! `patchtst forecast`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use tilewright_datasets::{ReadOptions, Series};

use super::settings::open_trained;
use crate::data::SeriesData;
use crate::forecast::Forecaster;
use crate::{out_of_memory, plot, runtime};

const EXAMPLES: &str = "\
Examples:
  patchtst forecast --run runs/mine --output next.csv --plot next.png
                                           past the end of the series that the run was trained on
  patchtst forecast --run runs/mine --input new.csv --output next.csv
  patchtst forecast --checkpoint best/checkpoint.safetensors --input new.csv --horizon 500 \\
      --output next.csv                    beyond the model's horizon, from its own forecasts
  patchtst forecast --run runs/mine --output next.csv --quantiles 0.05,0.5,0.95 --plot next.png
                                           with an interval, from a model of distributions
  patchtst forecast --run runs/mine --input shops/ --output forecasts/ --plot pictures/
                                           every CSV of a folder, a file for each

An input holds a column for each channel that the model was trained on, under the same name, and at
least as many rows as the model's context.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ForecastArgs {
    /// The run's folder
    #[arg(long, value_name = "RUN", required_unless_present = "checkpoint")]
    pub run: Option<PathBuf>,
    /// A checkpoint, with its run's config.toml beside it
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub checkpoint: Option<PathBuf>,
    /// A CSV whose first column is a date, or a folder of them; may be repeated; without it, the
    /// run's own series
    #[arg(long, value_name = "CSV")]
    pub input: Vec<PathBuf>,
    /// Rows to forecast; default: the model's horizon
    #[arg(long, value_name = "STEPS")]
    pub horizon: Option<usize>,
    /// Quantiles of a model that forecasts distributions, a column for each; default: 0.1,0.5,0.9
    #[arg(long, value_name = "P,P", value_delimiter = ',')]
    pub quantiles: Vec<f64>,
    /// Where the forecast goes: a file, or for several inputs a folder
    #[arg(long, value_name = "CSV")]
    pub output: PathBuf,
    /// Draws the forecast behind the end of its context: a file ending in .svg or .png, or for
    /// several inputs a folder
    #[arg(long, value_name = "PICTURE")]
    pub plot: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:1
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// One series and where its forecast goes.
struct Task {
    /// `None`: the run's own series.
    input: Option<PathBuf>,
    output: PathBuf,
    plot: Option<PathBuf>,
}

pub(super) fn run(args: &ForecastArgs) -> Result<()> {
    let (config, checkpoint) =
        open_trained(args.run.as_deref(), args.checkpoint.as_deref(), args.device.as_deref())?;
    if args.horizon == Some(0) {
        bail!("--horizon 0: at least one step is needed");
    }
    let tasks = tasks(args)?;
    let runtime = runtime::open(&config)?;
    let forecaster = Forecaster::new(&config, &checkpoint, &runtime.device)?;
    let quantiles = match args.quantiles.is_empty() {
        true => forecaster.usual_quantiles(),
        false => args.quantiles.clone(),
    };
    let forecaster = forecaster.with_quantiles(quantiles)?;
    let steps = args.horizon.unwrap_or(forecaster.horizon());
    let one = |task: &Task| -> Result<()> {
        let series = match &task.input {
            Some(path) => Series::read(path, &ReadOptions::default())?,
            None => SeriesData::open(&config)?.series,
        };
        let forecast = out_of_memory::advise(&config, || forecaster.forecast(&series, steps))?;
        if !forecast.ignored.is_empty() {
            eprintln!("{}: not used: {}", series.name(), forecast.ignored.join(", "));
        }
        forecast.write_csv(&task.output)?;
        let columns = forecast.columns.len();
        println!("{steps} rows of {columns} columns in {}", task.output.display());
        if let Some(path) = &task.plot {
            plot::save(&forecast.picture(), path)?;
            println!("plot in {}", path.display());
        }
        Ok(())
    };
    if let [task] = &tasks[..] {
        return one(task);
    }
    // One bad file does not keep the others from their forecasts.
    let mut failed = 0;
    for task in &tasks {
        if let Err(error) = one(task) {
            eprintln!("{error:#}");
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} series could not be forecast", tasks.len());
    }
    Ok(())
}

fn tasks(args: &ForecastArgs) -> Result<Vec<Task>> {
    let several = args.input.len() > 1 || args.input.iter().any(|path| path.is_dir());
    if !several {
        if let Some(plot) = &args.plot {
            plot::check_name(plot)?;
        }
        return Ok(vec![Task {
            input: args.input.first().cloned(),
            output: args.output.clone(),
            plot: args.plot.clone(),
        }]);
    }
    let mut files = Vec::new();
    for input in &args.input {
        match input.is_dir() {
            true => files.extend(csv_files(input)?),
            false => files.push(input.clone()),
        }
    }
    for folder in std::iter::once(&args.output).chain(&args.plot) {
        std::fs::create_dir_all(folder).with_context(|| {
            format!("{}: with several inputs this is a folder", folder.display())
        })?;
    }
    let mut tasks: Vec<Task> = Vec::new();
    for file in files {
        let Some(stem) = file.file_stem() else { continue };
        let output = args.output.join(stem).with_extension("csv");
        if let Some(other) = tasks.iter().find(|task| task.output == output) {
            let other = other.input.as_deref().unwrap_or(Path::new("")).display();
            bail!("{other} and {} would both be forecast in {}", file.display(), output.display());
        }
        let plot = args.plot.as_ref().map(|folder| folder.join(stem).with_extension("png"));
        tasks.push(Task { input: Some(file), output, plot });
    }
    Ok(tasks)
}

/// The CSV files in a folder, by name.
fn csv_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().and_then(OsStr::to_str) == Some("csv"))
        .collect();
    if files.is_empty() {
        bail!("{} holds no file that ends in .csv", folder.display());
    }
    files.sort();
    Ok(files)
}
