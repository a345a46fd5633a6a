//! The command line of `patchtst`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, presets};
use crate::data::Data;
use crate::evaluate::{Errors, evaluate, naive};
use crate::patchtst::PatchTst;
use crate::progress::Progress;
use crate::train::checkpoint::Checkpoint;
use crate::train::report::Metrics;
use crate::train::run_folder::RunFolder;
use crate::train::training_loop::{Outcome, Trainer, learned};
use crate::{forecast, runtime, step_time};

/// Trains and uses PatchTST, the channel-independent time-series transformer.
#[derive(Debug, Parser)]
#[command(name = "patchtst", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  patchtst train                                   a synthetic series, minutes on two CPU cores
  patchtst train --preset etth1 --device cuda      the paper's ETTh1, horizon 96
  patchtst train --preset ettm1 model.attention=vanilla train.epochs=20
  patchtst train --config my.toml --set data.dataset=my.csv
  patchtst train --resume runs/etth1-96-20260101-120000
  patchtst eval --run runs/etth1-96-20260101-120000
  patchtst forecast --run runs/mine --input new.csv --output next.csv --plot next.svg
  patchtst show --preset traffic";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model; Ctrl-C saves and stops, --resume goes on exactly there
    Train(TrainArgs),
    /// Measure a trained run on its test part, under both protocols
    Eval(EvalArgs),
    /// Forecast past the end of a series, in its own units
    Forecast(ForecastArgs),
    /// Print a configuration, its parameter count and its attention shapes; trains nothing
    Show(ShowArgs),
    /// Measure the time of training steps on made data; prints JSON
    StepTime(StepTimeArgs),
}

/// Which configuration: preset, then file, then single keys.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Settings to start from: synthetic, etth1, etth2, ettm1, ettm2, weather, electricity, traffic,
    /// illness, exchange_rate, tiny
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
    fn load(&self) -> Result<Config> {
        let config = match (&self.preset, &self.config) {
            (Some(name), _) => presets::by_name(name)?,
            (None, Some(path)) => Config::from_file(path)?,
            (None, None) => Config::default(),
        };
        self.lay_over(config)
    }

    fn lay_over(&self, mut config: Config) -> Result<Config> {
        for assignment in self.set.iter().chain(&self.assignments) {
            config.set(assignment)?;
        }
        if let Some(device) = &self.device {
            config.runtime.device = device.clone();
        }
        config.check()?;
        Ok(config)
    }
}

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

#[derive(Debug, Args)]
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

#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    pub run: PathBuf,
    /// A CSV whose first column is a date; without it, the run's own series
    #[arg(long, value_name = "CSV")]
    pub input: Option<PathBuf>,
    /// Where the forecast goes
    #[arg(long, value_name = "CSV")]
    pub output: PathBuf,
    /// Draws the forecast behind the end of its context
    #[arg(long, value_name = "SVG")]
    pub plot: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:1
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Channels of the data, for the shapes; the data itself is not opened
    #[arg(long, default_value_t = 7)]
    pub channels: usize,
}

#[derive(Debug, Args)]
pub struct StepTimeArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Windows in a batch; default: the preset's
    #[arg(long)]
    pub batch: Option<usize>,
    /// Channels of each window
    #[arg(long, default_value_t = 7)]
    pub channels: usize,
    /// Steps to measure
    #[arg(long, default_value_t = 50)]
    pub steps: usize,
}

/// Runs a command.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Train(args) => train(&args),
        Command::Eval(args) => eval(&args),
        Command::Forecast(args) => run_forecast(&args),
        Command::Show(args) => show(&args),
        Command::StepTime(args) => run_step_time(&args),
    }
}

fn train(args: &TrainArgs) -> Result<()> {
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

fn eval(args: &EvalArgs) -> Result<()> {
    let (folder, config, checkpoint) = open_run(&args.run, &args.device, &args.assignments)?;
    let data = Data::open(&config)?;
    if data.forecast.inputs != checkpoint.facts.inputs {
        bail!("{}: the data's channels are not the model's", folder.path().display());
    }
    let runtime = runtime::open(&config.runtime)?;
    let model = checkpoint.model(&config, &runtime.device)?;
    let windows = &data.forecast.test;
    let test = evaluate(&model, windows, data.output, &config, &runtime.device)?;
    let naive = naive(windows, data.output, data.period);
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
    line("last value", &naive.last_value);
    if let Some(seasonal) = &naive.seasonal {
        line(&format!("season {}", seasonal.period), &seasonal.errors);
    }
    Ok(())
}

fn open_run(
    run: &std::path::Path,
    device: &Option<String>,
    assignments: &[String],
) -> Result<(RunFolder, Config, Checkpoint)> {
    let folder = RunFolder::open(run)?;
    let mut config = folder.config()?;
    for assignment in assignments {
        config.set(assignment)?;
    }
    if let Some(device) = device {
        config.runtime.device = device.clone();
    }
    config.check()?;
    let checkpoint = Checkpoint::read(&folder.checkpoint())
        .with_context(|| format!("{} has no usable checkpoint", run.display()))?;
    Ok((folder, config, checkpoint))
}

fn run_forecast(args: &ForecastArgs) -> Result<()> {
    let (_, config, checkpoint) = open_run(&args.run, &args.device, &[])?;
    let runtime = runtime::open(&config.runtime)?;
    let forecast =
        forecast::forecast(&config, &checkpoint, args.input.as_deref(), &runtime.device)?;
    forecast.write_csv(&args.output)?;
    println!(
        "{} rows of {} channels in {}",
        config.model.horizon,
        forecast.columns.len(),
        args.output.display()
    );
    if let Some(plot) = &args.plot {
        forecast.draw(plot)?;
        println!("plot in {}", plot.display());
    }
    Ok(())
}

fn show(args: &ShowArgs) -> Result<()> {
    let config = args.config.load()?;
    let m = &config.model;
    // Counting needs no GPU.
    let device = burn::tensor::Device::flex();
    let parameters = learned(&PatchTst::new(m, args.channels, config.train.seed, &device));
    print!("{}", config.to_toml()?);
    println!();
    println!("# channels          {}", args.channels);
    println!("# parameters        {parameters}");
    let tokens = m.tokens();
    println!(
        "# tokens            {tokens} ({} steps in patches of {}, every {})",
        m.context, m.patch_len, m.stride
    );
    let sequences = config.train.batch_size * args.channels;
    println!(
        "# attention         {sequences} sequences x {} heads = {} problems of {tokens} x {tokens}",
        m.heads,
        sequences * m.heads,
    );
    for layer in 1..=m.layers {
        let width = if m.residual_attention { layer * m.head_dim() } else { m.head_dim() };
        println!(
            "#   layer {layer}         queries and keys {width} wide, values {}",
            m.value_dim()
        );
    }
    let scores = sequences * m.heads * tokens * tokens * 4;
    println!("# one score tensor  {:.1} MiB, if it were stored", scores as f64 / (1 << 20) as f64);
    Ok(())
}

fn run_step_time(args: &StepTimeArgs) -> Result<()> {
    let mut config = args.config.load()?;
    if let Some(batch) = args.batch {
        config.train.batch_size = batch;
    }
    config.check()?;
    let preset = args.config.preset.clone().unwrap_or_else(|| "custom".into());
    let result = step_time::measure(&preset, &config, args.channels, args.steps.max(1))?;
    println!("{}", serde_json::to_string_pretty(&result)?);
    Ok(())
}
